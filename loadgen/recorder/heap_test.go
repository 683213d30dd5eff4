package recorder

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The heap keeps exactly what a sort would have at its end, ties and all.
func TestHeapAgainstSort(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		reason string
		n      int
		value  func(i int) int64
	}{
		{"fewer than it holds", slowest - 1, func(int) int64 { return random.Int64N(1e9) }},
		{"as many as it holds", slowest, func(int) int64 { return random.Int64N(1e9) }},
		{"one more", slowest + 1, func(int) int64 { return random.Int64N(1e9) }},
		{"many", 20_000, func(int) int64 { return random.Int64N(1e9) }},
		{"many that are alike", 5000, func(int) int64 { return random.Int64N(20) }},
		{"all alike", 5000, func(int) int64 { return 7 }},
		{"rising", 5000, func(i int) int64 { return int64(i) }},
		{"falling", 5000, func(i int) int64 { return int64(5000 - i) }},
		{"many that took no time", 5000, func(int) int64 { return max(0, random.Int64N(200)-150) }},
	} {
		var e exemplars
		var all []int64
		for i := range tt.n {
			v := tt.value(i)
			all = append(all, v)
			e.add(&Sample{Seq: uint64(i), Done: v}, v, false)
			for k := 1; k < len(e.slow); k++ {
				if e.slow[(k-1)/2].Response > e.slow[k].Response {
					t.Fatalf("%s: after %d calls the heap has %d above %d", tt.reason, i+1, e.slow[(k-1)/2].Response,
						e.slow[k].Response)
				}
			}
		}
		var got []int64
		for _, x := range e.slow {
			if all[x.Seq] != x.Response || x.Kind != Slow {
				t.Errorf("%s: call %d is kept as %q with %d, want %d", tt.reason, x.Seq, x.Kind, x.Response, all[x.Seq])
			}
			got = append(got, x.Response)
		}
		slices.Sort(got)
		slices.Sort(all)
		if want := all[max(0, len(all)-slowest):]; !slices.Equal(got, want) {
			t.Errorf("%s: kept %v, want %v", tt.reason, got, want)
		}
	}
}

// Half-octaves: from a power of two to one and a half of it, and from there to the next.
func TestBucketOf(t *testing.T) {
	for _, tt := range []struct {
		ns   int64
		want int
	}{
		{math.MinInt64, 0},
		{-1, 0},
		{0, 0},
		{1, 0},
		{2, 2},
		{3, 3},
		{4, 4},
		{5, 4},
		{6, 5},
		{7, 5},
		{8, 6},
		{11, 6},
		{12, 7},
		{15, 7},
		{16, 8},
		{1<<20 - 1, 39},
		{1 << 20, 40},
		{3<<19 - 1, 40},
		{3 << 19, 41},
		{1<<21 - 1, 41},
		{highest, 2*41 + 1},
		{1 << 42, 2 * 42},
		{1<<43 - 1, 2*42 + 1},
		{1 << 43, buckets - 1},
		{math.MaxInt64, buckets - 1},
	} {
		if got := bucketOf(tt.ns); got != tt.want {
			t.Errorf("bucketOf(%d) = %d, want %d", tt.ns, got, tt.want)
		}
	}
	for ns := int64(1); ns < math.MaxInt64/2; ns += ns/7 + 1 {
		if a, b := bucketOf(ns), bucketOf(ns+ns/7+1); b < a || b > a+2 {
			t.Errorf("bucketOf goes from %d to %d between %d and %d", a, b, ns, ns+ns/7+1)
		}
	}
}
