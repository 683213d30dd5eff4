package engine

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/pace"
	"grpcbench/loadgen/transport"
)

// lookEvery is the mean time between two counts of the calls in flight. The times are random, for at
// even ones a call that starts every 10 ms would always, or never, be seen.
const lookEvery = 10 * time.Millisecond

// sampleInFlight counts the measured calls in flight again and again while the window
// lasts. By Little's law their mean is the arrival rate times the mean time of a
// call; it is counted here without any clock reading of a call, so it can tell
// that those are wrong.
//
// How late it wakes is looked at too: so late an answer is noticed that comes at such a time.
func (r *run) sampleInFlight() error {
	draw := rand.New(rand.NewPCG(1, 2)) // not for anyone to guess: only unlike the arrivals
	sleep := func(d time.Duration) int64 { time.Sleep(d); return -1 }
	if r.cfg.Sleep == nil { // in the time of a test nobody is late
		if probe := pace.NewProbe(transport.Now); probe != nil {
			defer probe.Close()
			sleep = probe.Sleep
		}
	}
	for {
		late := sleep(lookEvery/2 + time.Duration(draw.Int64N(int64(lookEvery))))
		select {
		case <-r.ended:
			return nil
		default:
		}
		now := transport.Now()
		if now < r.from {
			continue
		}
		r.looks.at(now)
		if late >= 0 {
			_ = r.looks.late.RecordValue(late) // an hour is more than a run stands still
		}
		var n int64
		for _, l := range r.lanes {
			n += l.inFlight()
		}
		r.looks.add(float64(n))
	}
}

// looks sums counts up; it is sampleInFlight's alone until run.background is waited for.
type looks struct {
	n       int
	sum, sq float64
	last    int64
	longest time.Duration // between two
	late    *hdrhistogram.Histogram
}

func (l *looks) at(now int64) {
	if l.last > 0 {
		l.longest = max(l.longest, time.Duration(now-l.last))
	}
	l.last = now
}

func (l *looks) add(v float64) {
	l.n++
	l.sum += v
	l.sq += v * v
}

// mean returns the mean, the standard deviation and the number of the looks.
func (l *looks) mean() (mean, deviation float64, n int) {
	if l.n == 0 {
		return 0, 0, 0
	}
	mean = l.sum / float64(l.n)
	return mean, math.Sqrt(max(0, l.sq/float64(l.n)-mean*mean)), l.n
}
