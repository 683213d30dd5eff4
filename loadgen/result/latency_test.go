package result_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
)

// latencies records values as a run does.
func latencies(t *testing.T, values []int64) *recorder.Latencies {
	t.Helper()
	r := recorder.New(recorder.Config{})
	s := r.NewLane()
	for _, v := range values {
		s.Call(&recorder.Sample{Done: v})
	}
	s.Swap(0, 0)
	r.Add(s)
	if err := r.Flush(0, 1); err != nil {
		t.Fatal(err)
	}
	return r.Total().Headline()
}

func lognormal(n int) []int64 {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	v := make([]int64, n)
	for i := range v {
		v[i] = int64(100_000 * math.Exp(random.NormFloat64()))
	}
	return v
}

// Percentiles are given as far as ten values lie beyond them.
func TestPercentilesThatTheCountSupports(t *testing.T) {
	all := []float64{50, 75, 90, 95, 99, 99.9, 99.99}
	for _, tt := range []struct{ n, want int }{
		{0, 0},
		{1, 0},
		{19, 0},
		{20, 1},
		{39, 1},
		{40, 2},
		{99, 2},
		{100, 3},
		{199, 3},
		{200, 4},
		{999, 4},
		{1000, 5},
		{9999, 5},
		{10_000, 6},
		{100_000, 7},
	} {
		l := result.NewLatency(latencies(t, lognormal(tt.n)))
		got := []float64{}
		for _, p := range l.Percentiles {
			got = append(got, p.P)
		}
		if diff := cmp.Diff(all[:tt.want], got); diff != "" || l.Count != int64(tt.n) {
			t.Errorf("%d values, counted %d (-want +got):\n%s", tt.n, l.Count, diff)
		}
		if l.Percentiles == nil {
			t.Errorf("%d values: the percentiles are null in JSON, want a list", tt.n)
		}
	}
}

// near says whether got is the value of a bucket that holds want.
func near(got, want int64) bool { return math.Abs(float64(got-want)) <= 0.001*float64(want)+1 }

// Each value is that of its rank to 0.1 %, and so are the ends of its interval, which hold it.
func TestPercentilesAreRanks(t *testing.T) {
	values := lognormal(1000)
	l := result.NewLatency(latencies(t, values))
	slices.Sort(values)
	at := func(rank int) int64 { return values[rank-1] }
	for _, tt := range []struct {
		p               float64
		rank, low, high int // exact ranks of the binomial distribution
	}{{50, 500, 469, 532}, {90, 900, 881, 919}, {99, 990, 983, 997}} {
		x, ok := l.At(tt.p)
		if !ok {
			t.Errorf("p%v is missing", tt.p)
			continue
		}
		if !near(x.Ns, at(tt.rank)) || !near(x.LowNs, at(tt.low)) || !near(x.HighNs, at(tt.high)) {
			t.Errorf("p%v is %d in [%d, %d], want %d in [%d, %d]", tt.p, x.Ns, x.LowNs, x.HighNs, at(tt.rank),
				at(tt.low), at(tt.high))
		}
	}
	if _, ok := l.At(99.9); ok {
		t.Error("p99.9 of 1000 values is given")
	}
	if l.MinNs != values[0] || l.MaxNs != values[999] {
		t.Errorf("%d to %d, want exactly %d to %d", l.MinNs, l.MaxNs, values[0], values[999])
	}
}

func TestIntervalsHoldTheirValue(t *testing.T) {
	alike := make([]int64, 2000)
	twoSorts := make([]int64, 2000)
	for i := range alike {
		alike[i] = 1_000_003 // not the end of its bucket
		twoSorts[i] = 50 + int64(i%2)*1_000_000_007
	}
	for name, values := range map[string][]int64{
		"lognormal": lognormal(20_000), "few": lognormal(20), "alike": alike, "zeros": make([]int64, 500),
		"two sorts": twoSorts, "an hour": {hour, hour, hour},
	} {
		for source, l := range map[string]result.Latency{
			"independent": result.NewLatency(latencies(t, values)),
			"correlated":  result.Correlated(latencies(t, values), 0.7),
		} {
			var last result.Percentile
			for _, p := range l.Percentiles {
				if p.LowNs > p.Ns || p.Ns > p.HighNs || p.LowNs < l.MinNs || p.HighNs > l.MaxNs {
					t.Errorf("%s of %s: p%v is %d in [%d, %d], of %d to %d", source, name, p.P, p.Ns, p.LowNs,
						p.HighNs, l.MinNs, l.MaxNs)
				}
				if p.Ns < last.Ns || p.LowNs < last.LowNs || p.HighNs < last.HighNs {
					t.Errorf("%s of %s: p%v %+v lies below p%v %+v", source, name, p.P, p, last.P, last)
				}
				last = p
			}
			if l.MeanNs < float64(l.MinNs) || l.MeanNs > float64(l.MaxNs) {
				t.Errorf("%s of %s: the mean %v lies outside %d to %d", source, name, l.MeanNs, l.MinNs, l.MaxNs)
			}
		}
	}
}

const hour = int64(3_600_000_000_000)

// Values that are like their neighbours say less: their intervals are as wide as those of fewer.
func TestCorrelated(t *testing.T) {
	values := lognormal(3000)
	l := latencies(t, values)
	slices.Sort(values)
	independent := result.NewLatency(l)
	for _, rho := range []float64{-0.5, 0, 0.1} { // as by chance
		if diff := cmp.Diff(independent, result.Correlated(l, rho)); diff != "" {
			t.Errorf("a correlation of %v (-independent +correlated):\n%s", rho, diff)
		}
	}
	half := result.Correlated(l, 0.5)
	if half.Count != 3000 || half.EffectiveCount < 999 || half.EffectiveCount > 1000 ||
		independent.EffectiveCount != 3000 {
		t.Errorf("%d values count as %d, independent ones as %d, want 3000, 1000, 3000", half.Count,
			half.EffectiveCount, independent.EffectiveCount)
	}
	// The ranks of 1000 values, each standing for three: the lower end at the first of its three.
	if p99, ok := half.At(99); !ok || !near(p99.Ns, values[2969]) || !near(p99.LowNs, values[3*982]) ||
		!near(p99.HighNs, values[3*997-1]) {
		t.Errorf("p99 is %+v, want %d in [%d, %d]", p99, values[2969], values[3*982], values[3*997-1])
	}
	last := independent
	for _, rho := range []float64{0.2, 0.5, 0.8, 0.95} {
		wider := result.Correlated(l, rho)
		for i, p := range wider.Percentiles {
			q := last.Percentiles[i]
			if p.Ns != q.Ns || p.LowNs > q.LowNs || p.HighNs < q.HighNs || p.LowNs < wider.MinNs ||
				p.HighNs > wider.MaxNs {
				t.Errorf("at a correlation of %v p%v is %+v, less correlated it was %+v; all lie in %d to %d", rho,
					p.P, p, q, wider.MinNs, wider.MaxNs)
			}
		}
		last = wider
	}
}

// Values that are worth but one or two bound nothing: no end of an interval may then be the value itself.
func TestCorrelatedToNextToNothing(t *testing.T) {
	for _, n := range []int{1000, 3000} { // worth 1 and 1, of the strongest correlation that is counted
		l := result.Correlated(latencies(t, lognormal(n)), 0.999)
		for _, p := range l.Percentiles {
			if p.LowNs >= p.Ns || p.HighNs <= p.Ns {
				t.Errorf("%d values that are worth %d: p%v is %d in [%d, %d], of %d to %d", n, l.EffectiveCount, p.P,
					p.Ns, p.LowNs, p.HighNs, l.MinNs, l.MaxNs)
			}
		}
	}
}

// Of values that are all the same nothing else is said.
func TestValuesAllAlike(t *testing.T) {
	l := result.NewLatency(latencies(t, slices.Repeat([]int64{1_000_003}, 1000)))
	for _, p := range l.Percentiles {
		if p.Ns != 1_000_003 || p.LowNs != 1_000_003 || p.HighNs != 1_000_003 {
			t.Errorf("p%v is %d in [%d, %d], want 1000003 throughout", p.P, p.Ns, p.LowNs, p.HighNs)
		}
	}
	if l.MeanNs != 1_000_003 {
		t.Errorf("the mean is %v, want 1000003", l.MeanNs)
	}
}
