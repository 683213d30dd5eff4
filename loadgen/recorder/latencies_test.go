package recorder_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/loadgen/recorder"
)

// Mean, least and largest are exact, however coarse the buckets are.
func TestLatenciesAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		reason string
		values []int64
	}{
		{"none", nil},
		{"one", []int64{123_456_789}},
		{"a zero", []int64{0}},
		{"a zero after others", []int64{5, 9, 0}},
		{"falling", []int64{9_999_999, 8_888_888, 7_777_777}},
		{"rising", []int64{7_777_777, 8_888_888, 9_999_999}},
		{"the bounds", []int64{hour, 1}},
		{"many", func() (v []int64) {
			for range 10_000 {
				v = append(v, random.Int64N(1e10))
			}
			return v
		}()},
	} {
		r := recorder.New(recorder.Config{})
		s := r.NewLane()
		var sum int64
		for i, v := range tt.values {
			s.Call(&recorder.Sample{Done: v})
			sum += v
			if i%1000 == 1 { // over several intervals
				flush(t, r, 1, 2, s)
			}
		}
		flush(t, r, 1, 2, s)
		got := r.Total().Headline()
		want := struct {
			least, largest int64
			mean           float64
		}{}
		if len(tt.values) > 0 {
			want.least, want.largest, want.mean = slices.Min(tt.values), slices.Max(tt.values),
				float64(sum)/float64(len(tt.values))
		}
		if got.Count() != int64(len(tt.values)) || got.Min != want.least || got.Max != want.largest ||
			got.Mean() != want.mean {
			t.Errorf("%s: %d values, %d to %d, mean %v, want %d, %d to %d, %v",
				tt.reason, got.Count(), got.Min, got.Max, got.Mean(), len(tt.values), want.least, want.largest,
				want.mean)
		}
	}
}

// An overflow is in no figure but its own: neither mean nor largest has it.
func TestOverflowLeavesTheFiguresAlone(t *testing.T) {
	r := recorder.New(recorder.Config{})
	s := r.NewLane()
	for _, v := range []int64{-5, 100, hour + 1, 300, -1} {
		s.Call(&recorder.Sample{Done: v})
	}
	got := take(r, s)
	h := got.Headline()
	if h.Count() != 2 || h.Min != 100 || h.Max != 300 || h.Mean() != 200 || got.Counts.Overflow != 3 {
		t.Errorf("%d values, %d to %d, mean %v, overflow %d, want 2, 100 to 300, 200, 3", h.Count(), h.Min, h.Max,
			h.Mean(), got.Counts.Overflow)
	}
}

// From two microseconds up a bucket is at most 0.1 % wide, to the hour.
func TestHistogramResolution(t *testing.T) {
	h := recorder.NewHistogram()
	for v := int64(2000); v <= hour; v += v/3 + 1 {
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
		if got := h.Max() - h.Min(); got > v/1000 {
			t.Errorf("%d ns lies in a bucket %d wide, want at most 0.1 %%", v, got)
		}
		h.Reset()
	}
	if size := h.ByteSize(); size > 272<<10 {
		t.Errorf("a histogram takes %d bytes, want 264 KiB", size)
	}
}
