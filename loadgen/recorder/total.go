package recorder

import (
	"maps"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"
)

// ByCode returns the response times of each code that is not OK, over the whole run.
func (r *Recorder) ByCode() map[codes.Code]*hdrhistogram.Histogram {
	failures := map[codes.Code]*hdrhistogram.Histogram{}
	for _, s := range r.shards {
		for code, packed := range s.byCode {
			if packed == nil {
				continue
			}
			h := failures[codes.Code(code)]
			if h == nil {
				h = NewHistogram()
				failures[codes.Code(code)] = h
			}
			packed.MergeInto(h)
		}
	}
	return failures
}

// ByWorker returns each worker's response times over the whole run; it is empty without PerWorker.
func (r *Recorder) ByWorker() map[uint16]*hdrhistogram.PackedHistogram {
	all := map[uint16]*hdrhistogram.PackedHistogram{}
	for _, s := range r.shards {
		for _, w := range slices.Sorted(maps.Keys(s.workers)) {
			if all[w] == nil {
				all[w] = hdrhistogram.NewPacked(lowest, highest, digits)
			}
			all[w].Merge(s.workers[w])
		}
	}
	return all
}
