package recorder

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The buckets are the library's: a value lies in the one that HdrHistogram puts it into.
func TestBucketsAreTheLibrarys(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	values := []int64{0, 1, 1023, 1024, 2047, 2048, 2049, 4095, 4096, highest - 1, highest}
	for bit := range 42 {
		for _, off := range []int64{-1, 0, 1} {
			values = append(values, max(0, min(highest, 1<<bit+off)))
		}
	}
	for range 100_000 {
		values = append(values, random.Int64N(1<<random.IntN(42)))
	}
	var one tally
	want := NewPacked()
	for _, v := range values {
		i := bucketIndex(v)
		if back := bucketValue(i); bucketIndex(back) != i || back > v || v-back > v/1024 {
			t.Fatalf("%d lies in bucket %d, which begins at %d", v, i, back)
		}
		if !one.record(v) {
			t.Fatalf("%d was not taken", v)
		}
		_ = want.RecordValue(v)
	}
	l := newLatencies()
	l.add(&one)
	if diff := cmp.Diff(maps.Collect(want.ForEachBucket), maps.Collect(l.Histogram.ForEachBucket)); diff != "" {
		t.Errorf("the buckets (-the library's +ours):\n%s", diff)
	}
}

// What is written is read back, and what is no such text is refused, or is that of another histogram: never worse.
func FuzzCounts(f *testing.F) {
	h := NewPacked()
	for _, v := range []int64{0, 1, 5, 7, 2047, 1e6, highest} {
		_ = h.RecordValues(v, v+1)
	}
	f.Add(AppendCounts(nil, h))
	f.Add(AppendCounts(nil, NewPacked()))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ReadCounts(data)
		if err != nil {
			return
		}
		again, err := ReadCounts(AppendCounts(nil, h))
		if err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		if diff := cmp.Diff(maps.Collect(h.ForEachBucket), maps.Collect(again.ForEachBucket)); diff != "" {
			t.Errorf("written and read (-want +got):\n%s", diff)
		}
	})
}
