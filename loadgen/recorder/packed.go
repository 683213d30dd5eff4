package recorder

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Every histogram runs from 1 ns to 1 h at three digits, so that a bucket is at
// most 0.1 % wide from 2 us up.
const (
	lowest  = 1
	highest = 3_600_000_000_000
	digits  = 3
)

// NewHistogram returns a histogram of the one geometry that all of a run have, with room for every bucket: 264 KiB.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(lowest, highest, digits) }

// NewPacked returns one of the same geometry that has room for the buckets that it holds: a few KiB.
func NewPacked() *hdrhistogram.PackedHistogram {
	return hdrhistogram.NewPacked(lowest, highest, digits)
}

// BucketEnd is the greatest value of the bucket in which a value lies.
func BucketEnd(ns int64) int64 {
	i := bucketIndex(ns)
	return bucketValue(i+1) - 1
}

// AppendCounts appends the histogram's counts in HdrHistogram's V2 payload: in order of their buckets, as zigzag
// varints, a negative one being a run of so many zeros. The histogram is one of [NewPacked].
func AppendCounts(b []byte, h *hdrhistogram.PackedHistogram) []byte {
	next := 0
	h.ForEachBucket(func(value, count int64) bool {
		i := bucketIndex(value)
		switch zeros := i - next; zeros {
		case 0:
		case 1:
			b = binary.AppendVarint(b, 0)
		default:
			b = binary.AppendVarint(b, int64(-zeros))
		}
		b = binary.AppendVarint(b, count)
		next = i + 1
		return true
	})
	if next == 0 { // an empty one has one count, of 0
		b = binary.AppendVarint(b, 0)
	}
	return b
}

var errCounts = errors.New("the counts of a histogram are cut short")

// ReadCounts reads what AppendCounts wrote. It fails for what is no such text.
func ReadCounts(b []byte) (*hdrhistogram.PackedHistogram, error) {
	h := NewPacked()
	for i := int64(0); len(b) > 0; {
		n, size := binary.Varint(b)
		if size <= 0 {
			return nil, errCounts
		}
		b = b[size:]
		switch {
		case n < -tallyBlocks*blockSize:
			return nil, fmt.Errorf("%d buckets are more than a histogram has", -n)
		case n < 0:
			i -= n
			continue
		case n > 0:
			if i >= tallyBlocks*blockSize {
				return nil, fmt.Errorf("a histogram has no bucket %d", i)
			}
			if err := h.RecordValues(bucketValue(int(i)), n); err != nil {
				return nil, fmt.Errorf("read the counts of a histogram: %w", err)
			}
		}
		i++
	}
	return h, nil
}
