package experiment_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/experiment"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// law is a server on paper: at what times calls that arrive at given times, in seconds, are over, and which fail.
type law interface {
	serve(arrivals []float64, random *rand.Rand) (ends []float64, failed []bool)
	// ceiling is what a closed loop reaches.
	ceiling() float64
}

// simulated is a server that follows a law, in a time of its own.
type simulated struct {
	law
	now    time.Time
	random *rand.Rand
	client float64 // calls a second that the load generator can make; 0 is any number
}

func (s *simulated) Now() time.Time                { return s.now }
func (s *simulated) Restart(context.Context) error { return nil }

func (s *simulated) Measure(_ context.Context, l experiment.Load) (*experiment.Measured, error) {
	whole := l.Warmup + l.D
	start := s.now.Sub(time.Time{}.Add(time.Hour)).Seconds()
	s.now = s.now.Add(whole)
	if l.Rate == 0 {
		return &experiment.Measured{Document: &result.Document{
			Rate:       result.Rate{Achieved: s.ceiling()},
			DurationNs: int64(l.D),
		}}, nil
	}
	var arrivals []float64
	for at := s.random.ExpFloat64() / l.Rate; at < whole.Seconds(); at += s.random.ExpFloat64() / l.Rate {
		arrivals = append(arrivals, start+at)
	}
	ends, failed := s.serve(arrivals, s.random)
	rec := recorder.New(recorder.Config{OpenLoop: true})
	lane := rec.NewLane()
	var responses, sent []float64
	var gone []bool
	var failures, done float64
	for i, at := range arrivals {
		if at-start < l.Warmup.Seconds() {
			continue
		}
		ns := int64((ends[i] - at) * 1e9)
		c := recorder.Sample{Sent: 1, Intended: 1, Done: 1 + ns}
		if failed[i] {
			c.Code = 13
			failures++
		}
		if ends[i] < start+whole.Seconds()+1 {
			done++
		}
		lane.Call(&c)
		responses, sent, gone = append(responses, ends[i]-at), append(sent, at), append(gone, failed[i])
	}
	lane.Swap(0, 0)
	rec.Add(lane)
	if err := rec.Flush(0, 1); err != nil {
		return nil, err
	}
	n := int64(len(responses))
	effective := n
	if rho := stats.Spearman(responses[:min(len(responses), 20_000)]); n > 100 && rho > 0.1 {
		effective = stats.EffectiveN(n, rho)
	}
	d := &result.Document{
		DurationNs: int64(l.D), Counts: recorder.Counts{OK: n - int64(failures), Failed: int64(failures)},
		Rate:    result.Rate{Offered: float64(n) / l.D.Seconds(), Achieved: done / l.D.Seconds()},
		Latency: map[string]result.Latency{"response": result.Worth(rec.Total().Headline(), effective)},
	}
	if s.client > 0 && l.Rate > s.client {
		d.Verdict = verdict.Verdict{Status: verdict.Invalid, Client: true, Reasons: []string{"client: it has no more"}}
		d.Rate.Achieved = s.client
	}
	return &experiment.Measured{Document: d, Over: func(_, series string, over time.Duration) experiment.Share {
		const stretches = 16
		share := experiment.Share{
			K: make([]float64, stretches), N: make([]float64, stretches),
			Effective: float64(effective),
		}
		for i, r := range responses {
			at := min(int((sent[i]-l.Warmup.Seconds()-start)/l.D.Seconds()*stretches), stretches-1)
			share.N[at]++
			if series == "" && gone[i] || series != "" && r > over.Seconds() {
				share.K[at]++
			}
		}
		return share
	}}, nil
}

// queue is one server that takes so long for each call: M/D/1.
type queue struct{ service float64 }

func (q queue) ceiling() float64 { return 1 / q.service }

func (q queue) serve(arrivals []float64, _ *rand.Rand) (ends []float64, failed []bool) {
	free := math.Inf(-1)
	for _, at := range arrivals {
		free = max(free, at) + q.service
		ends = append(ends, free)
	}
	return ends, make([]bool, len(ends))
}

// gated answers at once, but for a time of each period in which it answers nothing; the queue behind is one server's.
type gated struct {
	queue
	every, closed float64
}

func (g gated) serve(arrivals []float64, _ *rand.Rand) (ends []float64, failed []bool) {
	free := math.Inf(-1)
	for _, at := range arrivals {
		begin := max(free, at)
		if in := math.Mod(begin, g.every); in < g.closed {
			begin += g.closed - in
		}
		free = begin + g.service
		ends = append(ends, free)
	}
	return ends, make([]bool, len(ends))
}

// bimodal takes ten times as long for one call in 50.
type bimodal struct{ queue }

func (b bimodal) ceiling() float64 { return 1 / (b.service * 1.18) }

func (b bimodal) serve(arrivals []float64, random *rand.Rand) (ends []float64, failed []bool) {
	free := math.Inf(-1)
	for _, at := range arrivals {
		service := b.service
		if random.IntN(50) == 0 {
			service *= 10
		}
		free = max(free, at) + service
		ends = append(ends, free)
	}
	return ends, make([]bool, len(ends))
}

// several are so many servers, of which each takes a call at a time: a limit on streams.
type several struct {
	queue
	streams int
}

func (m several) ceiling() float64 { return float64(m.streams) / m.service }

func (m several) serve(arrivals []float64, random *rand.Rand) (ends []float64, failed []bool) {
	free := make([]float64, m.streams)
	for _, at := range arrivals {
		i := 0
		for k := range free {
			if free[k] < free[i] {
				i = k
			}
		}
		free[i] = max(free[i], at) + m.service*(0.5+random.Float64())
		ends = append(ends, free[i])
	}
	return ends, make([]bool, len(ends))
}

// metastable takes five times as long for 10 s once a call has waited for 100 ms.
type metastable struct {
	queue
	until *float64
}

func (m metastable) serve(arrivals []float64, _ *rand.Rand) (ends []float64, failed []bool) {
	free := math.Inf(-1)
	for _, at := range arrivals {
		begin := max(free, at)
		if begin-at > 0.1 && begin < arrivals[len(arrivals)-1]+1 { // what is later is cut off after the drain
			*m.until = max(*m.until, begin+10)
		}
		service := m.service
		if begin < *m.until {
			service *= 5
		}
		free = begin + service
		ends = append(ends, free)
	}
	return ends, make([]bool, len(ends))
}

// truth is the highest rate at which, in the long run, the share of calls over the limit is what is allowed.
func truth(l func() law, over, allowed float64) float64 {
	low, high := 1.0, 1.5*l().ceiling()
	for high/low > 1.002 {
		rate := math.Sqrt(low * high)
		random := rand.New(rand.NewPCG(9, 9))
		var arrivals []float64
		at := 0.0
		for range 600_000 {
			at += random.ExpFloat64() / rate
			arrivals = append(arrivals, at)
		}
		ends, _ := l().serve(arrivals, random)
		beyond := 0
		for i := range ends {
			if ends[i]-arrivals[i] > over {
				beyond++
			}
		}
		if float64(beyond) > allowed*float64(len(ends)) {
			high = rate
		} else {
			low = rate
		}
	}
	return low
}

// known is how well the truth is: its own simulation is of a finite time.
const known = 1.01

// Servers whose law is known: the interval that is found holds the true rate nearly always, and no rate passes that is
// far over it.
func TestCapacityOfKnownLaws(t *testing.T) {
	searches := 50
	switch {
	case testing.Short():
		searches = 1 // under the race detector a search takes seconds
	case os.Getenv("ONCE") != "":
		searches = 10
	}
	for _, tt := range []struct {
		name string
		law  func() law
		slo  string
		over float64
	}{
		{"M/D/1", func() law { return queue{200e-6} }, "p99<20ms", 20e-3},
		{"M/D/1, a tight limit", func() law { return queue{1e-3} }, "p99<5ms", 5e-3},
		{"a gate", func() law { return gated{queue{200e-6}, 1, 0.05} }, "p95<30ms", 30e-3},
		{"bimodal", func() law { return bimodal{queue{200e-6}} }, "p99<10ms", 10e-3},
		{"a limit on streams", func() law { return several{queue{2e-3}, 10} }, "p99<10ms", 10e-3},
		{"slow once overloaded", func() law { return metastable{queue{200e-6}, new(float64)} }, "p99<20ms", 20e-3},
	} {
		t.Run(strings.ReplaceAll(tt.name, "/", ""), func(t *testing.T) {
			t.Parallel()
			p := 0.01
			if strings.HasPrefix(tt.slo, "p95") {
				p = 0.05
			}
			// What is true of the metastable one is of it before it turned.
			honest := tt.law
			if _, ok := tt.law().(metastable); ok {
				honest = func() law { return queue{200e-6} }
			}
			want := truth(honest, tt.over, p)
			held, over, width := 0, 0, 0.0
			var all []string
			for seed := range searches {
				// few
				s := &simulated{
					law: tt.law(), now: time.Time{}.Add(time.Hour),
					random: rand.New(rand.NewPCG(uint64(seed), 5)),
				} //nolint:gosec
				d, err := experiment.Capacity(t.Context(),
					plan.Capacity{SLO: tt.slo, Precision: 0.05, Budget: 5 * time.Minute}, s, func(string) {})
				if err != nil {
					t.Fatal(err)
				}
				if d.Passes == nil || d.Fails == nil {
					all = append(all, d.Headline())
					continue
				}
				if d.Passes.Rate <= want*known && want <= d.Fails.Rate*known {
					held++
				}
				if d.Passes.Rate > 1.1*want {
					over++
				}
				width += d.Fails.Rate / d.Passes.Rate / float64(searches)
				all = append(all, fmt.Sprintf("%.0f..%.0f", d.Passes.Rate, d.Fails.Rate))
			}
			t.Logf("%s, %s: true %.0f/s; held by %d of %d intervals, %d passed over by 10 %%, mean width %.3f",
				tt.name, tt.slo, want, held, searches, over, width)
			if held < (searches*45+49)/50 || over > 0 {
				t.Errorf("true is %.0f/s: %d of %d intervals hold it, %d pass a rate 10 %% over it: %v", want, held,
					searches, over, all)
			}
		})
	}
}

// What the load generator cannot do is not the server's limit.
func TestCapacityOfTheGenerator(t *testing.T) {
	s := &simulated{
		law: queue{10e-6}, now: time.Time{}.Add(time.Hour), random: rand.New(rand.NewPCG(1, 5)),
		client: 20_000,
	}
	d, err := experiment.Capacity(t.Context(),
		plan.Capacity{SLO: "p99<20ms", Precision: 0.05, Budget: 3 * time.Minute, From: 5000}, s, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if d.Generator == "" || d.Passes == nil || d.Passes.Rate > 20_700 || d.Passes.Rate < 18_000 ||
		!strings.Contains(d.Headline(), "at least") {
		t.Errorf("%s: %+v", d.Headline(), d)
	}
}

// An interrupted search says what it found; one without time says what it lacks; -to ends it where it passes.
func TestCapacityThatEndsEarly(t *testing.T) {
	fresh := func() *simulated {
		return &simulated{law: queue{200e-6}, now: time.Time{}.Add(time.Hour), random: rand.New(rand.NewPCG(1, 5))}
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	d, err := experiment.Capacity(ctx, plan.Capacity{SLO: "p99<20ms", Precision: 0.01, Budget: 5 * time.Minute},
		fresh(), func(string) {
			n++
			if n == 8 {
				cancel()
			}
		})
	if err != nil || !slices.ContainsFunc(d.Notes,
		func(n string) bool { return strings.HasPrefix(n, "interrupted") }) || len(d.Trials) == 0 {
		t.Errorf("interrupted: %v, %+v", err, d)
	}
	d, err = experiment.Capacity(t.Context(),
		plan.Capacity{SLO: "p99<20ms", Precision: 0.01, Budget: 20 * time.Second}, fresh(), func(string) {})
	if err != nil || !strings.Contains(strings.Join(d.Notes, "\n"), "the time was over before") {
		t.Errorf("in a hurry: %v, %q", err, d.Notes)
	}
	d, err = experiment.Capacity(t.Context(),
		plan.Capacity{SLO: "p99<20ms", Precision: 0.05, Budget: 5 * time.Minute, From: 100, To: 1000}, fresh(),
		func(string) {})
	if err != nil || d.Passes == nil || d.Passes.Rate != 1000 || d.Fails != nil || d.Passes.Held != 3 {
		t.Errorf("up to 1000/s: %v, %s, %+v", err, d.Headline(), d.Passes)
	}
}
