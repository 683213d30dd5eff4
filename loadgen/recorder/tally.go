package recorder

import "math/bits"

// tally is how often each latency was recorded in one interval of one lane: the geometry of [NewHistogram], whose
// buckets are kept in blocks that are made when one of theirs is first needed. Few populations touch more than ten of
// the 33, so it takes a tenth of a histogram's memory, and of the time to empty it, which counts where there are many
// steps.
type tally struct {
	n, sum, least, most int64
	blocks              [tallyBlocks]*[blockSize]uint32 // an interval has fewer than 2^32 calls
	// lowerBounds are those of the values that are lower bounds only; nil where there were none.
	lowerBounds *tally
}

const (
	blockBits   = 10
	blockSize   = 1 << blockBits
	tallyBlocks = 33 // up to 2^42 ns
)

// bucketIndex is the number of the bucket of a value: below 2 * blockSize each value has its own, above that each power
// of two is cut into blockSize. Source: HdrHistogram's counts index, for three digits and a least value of 1.
func bucketIndex(ns int64) int {
	shift := max(0, bits.Len64(uint64(ns))-blockBits-1) //nolint:gosec // not negative
	return shift<<blockBits + int(ns>>shift)
}

// bucketValue is a value in the bucket of a number.
func bucketValue(index int) int64 {
	if index < 2*blockSize {
		return int64(index)
	}
	shift := index>>blockBits - 1
	return int64(index-shift<<blockBits) << shift
}

// record takes a value in nanoseconds, or says that it does not fit.
func (t *tally) record(ns int64) bool {
	if ns < 0 || ns > highest {
		return false
	}
	if t.n == 0 {
		t.least, t.most = ns, ns
	}
	t.n++
	t.sum += ns
	t.least = min(t.least, ns)
	t.most = max(t.most, ns)
	i := bucketIndex(ns)
	b := t.blocks[i>>blockBits]
	if b == nil {
		b = t.newBlock(i >> blockBits)
	}
	b[i&(blockSize-1)]++
	return true
}

//go:noinline
func (t *tally) newBlock(i int) *[blockSize]uint32 {
	t.blocks[i] = new([blockSize]uint32)
	return t.blocks[i]
}

// censor takes a value that is only a lower bound, or says that it does not fit.
func (t *tally) censor(ns int64) bool {
	if !t.record(ns) {
		return false
	}
	if t.lowerBounds == nil {
		t.lowerBounds = &tally{}
	}
	return t.lowerBounds.record(ns)
}

// each calls do for every bucket that has values.
func (t *tally) each(do func(ns, n int64)) {
	if t == nil || t.n == 0 {
		return
	}
	for i, b := range t.blocks {
		if b == nil {
			continue
		}
		for k, n := range b {
			if n > 0 {
				do(bucketValue(i<<blockBits|k), int64(n))
			}
		}
	}
}

// reset empties the tally; its blocks stay.
func (t *tally) reset() {
	if t == nil || t.n == 0 {
		return
	}
	for _, b := range t.blocks {
		if b != nil {
			clear(b[:])
		}
	}
	t.n, t.sum, t.least, t.most = 0, 0, 0, 0
	t.lowerBounds.reset()
}
