package metrics

import (
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"grpcbench/loadgen/recorder"
)

// schema of the native histogram: eight buckets to a power of two, so that each is 9 % wide.
const schema = 3

// bounds of the classic histogram's buckets, in nanoseconds: two to a power of two, from 1 us to over a minute.
var bounds = func() (all []int64) {
	for octave := int64(1 << 10); octave <= 1<<36; octave *= 2 {
		all = append(all, octave, octave+octave/2)
	}
	return all
}()

// histogram is a population as Prometheus reads it: native for whoever can, classic with exemplars for the rest.
type histogram struct {
	desc    *prometheus.Desc
	native  prometheus.Metric
	classic []*dto.Bucket
}

func newHistogram(d *prometheus.Desc, p *population, examples []Example, labels ...string) prometheus.Metric {
	h := histogram{desc: d}
	native := map[int]int64{}
	var zero uint64
	var seen int64
	next := 0
	for value, count := range p.histogram.ForEachBucket {
		to := recorder.BucketEnd(value)
		for next < len(bounds) && to > bounds[next] {
			h.classic = append(h.classic, bucket(bounds[next], seen))
			next++
		}
		seen += count
		if to == 0 {
			zero += uint64(count)
			continue
		}
		native[int(math.Ceil(math.Log2(float64(to)/1e9)*(1<<schema)))] += count
	}
	for ; next < len(bounds); next++ {
		h.classic = append(h.classic, bucket(bounds[next], seen))
	}
	h.classic = append(h.classic, &dto.Bucket{UpperBound: new(math.Inf(1)), CumulativeCount: new(uint64(seen))})
	for _, x := range examples {
		h.attach(x)
	}
	h.native = prometheus.MustNewConstNativeHistogram(d, uint64(seen), float64(p.sum)/1e9, native, nil, zero, schema,
		1e-9, p.since, labels...)
	return h
}

func bucket(ns, below int64) *dto.Bucket {
	return &dto.Bucket{UpperBound: new(float64(ns) / 1e9), CumulativeCount: new(uint64(below))}
}

// attach puts an example into its bucket.
func (h *histogram) attach(x Example) {
	i, _ := slices.BinarySearchFunc(h.classic, x.Seconds, func(b *dto.Bucket, v float64) int {
		if b.GetUpperBound() < v {
			return -1
		}
		return 1
	})
	h.classic[i].Exemplar = &dto.Exemplar{
		Label: []*dto.LabelPair{{Name: new("request_id"), Value: new(x.RequestID)}},
		Value: new(x.Seconds), Timestamp: timestamppb.New(x.At),
	}
}

// Desc implements prometheus.Metric.
func (h histogram) Desc() *prometheus.Desc { return h.desc }

// Write implements prometheus.Metric.
func (h histogram) Write(m *dto.Metric) error {
	if err := h.native.Write(m); err != nil {
		return err
	}
	m.Histogram.Bucket = h.classic
	return nil
}
