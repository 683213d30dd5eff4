package run

import (
	"slices"
	"sync"
	"time"

	"grpcbench/loadgen/transport"
)

// making is a Source that looks at how long its messages take to be made, at one call in so many: a feed may lie on a
// slow disk, and what calls wait for then is no server's doing.
type making struct {
	transport.Source
	mu    sync.Mutex
	times []time.Duration
}

// One call in lookEach is looked at, and of those so many are kept at most.
const (
	lookEach = 256
	mostKept = 1 << 16
)

// Append implements transport.Source.
func (m *making) Append(dst []byte, call uint64, i int) ([]byte, error) {
	if call%lookEach != 0 || i > 0 {
		return m.Source.Append(dst, call, i) //nolint:wrapcheck // it is a Source itself
	}
	began := time.Now()
	dst, err := m.Source.Append(dst, call, i)
	took := time.Since(began)
	m.mu.Lock()
	if len(m.times) < mostKept {
		m.times = append(m.times, took)
	}
	m.mu.Unlock()
	return dst, err //nolint:wrapcheck // as above
}

// at is the p-th percentile of the times, and how many there are.
func (m *making) at(p float64) (time.Duration, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.times) == 0 {
		return 0, 0
	}
	slices.Sort(m.times)
	return m.times[min(int(p/100*float64(len(m.times))), len(m.times)-1)], len(m.times)
}
