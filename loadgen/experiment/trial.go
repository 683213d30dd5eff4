package experiment

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/stats"
)

// Share is a part of a load's calls, by stretches of it that are equally long: in each N calls, of which K are in the
// part.
type Share struct {
	K, N []float64
	// Effective is how many independent calls all are worth by what neighbouring calls say; 0 where that is not known.
	Effective float64
}

// add joins the stretches of another load.
func (s *Share) add(o Share) {
	s.K, s.N = append(s.K, o.K...), append(s.N, o.N...)
	s.Effective += o.Effective
}

// bounds are the part and its bounds, of 1.
func (s *Share) bounds() (share, low, high float64) {
	var k, n float64
	for i := range s.N {
		k, n = k+s.K[i], n+s.N[i]
	}
	const wrong = wrongBound / mostLooks
	worth := n / stats.Clustering(s.K, s.N, wrong)
	if s.Effective > 0 {
		worth = min(worth, s.Effective)
	}
	share = k / max(n, 1)
	low, high = stats.ShareBounds(share*worth, worth, wrong)
	return share, low, high
}

// lengthAt is how long a look at a rate takes: at low rates longer, until all looks together have the calls without
// which nothing can be decided, but for a tenth of the budget at most.
func (s *search) lengthAt(rate float64) time.Duration {
	length := s.length
	for _, o := range s.objectives {
		if _, _, _, allowed, ok := o.Share(); ok && rate > 0 && allowed > 0 {
			seconds := math.Ceil(decidable / mostLooks / allowed / rate)
			length = max(length, min(time.Duration(seconds*1e9), s.plan.Budget/10))
		}
	}
	return length
}

// decidable is how many calls must be expected in the part that is allowed, so that a load without any of them decides:
// 4.8 where calls are independent (the exact upper bound of none at wrongBound), and twice that where two are worth
// one.
const decidable = 10

// try looks at a rate until it is decided, or was looked at often enough; nil where it could not be.
func (s *search) try(ctx context.Context, rate float64, phase string) *result.CapacityTrial {
	pooled := make([]Share, len(s.objectives))
	var t result.CapacityTrial
	s.leaning = false
	for look := 1; look <= mostLooks; look++ {
		s.reportProgress(fmt.Sprintf("%.0f/s", rate))
		m, err := s.measure(ctx, rate)
		if err != nil || ctx.Err() != nil {
			return nil
		}
		t = trialOf(m, rate)
		t.Phase, t.Looks, t.Outcome, t.Why = phase, look, pass, "keeps all objectives"
		s.leaning = true
		for i, o := range s.objectives {
			came, why := fail, ""
			if name, series, over, allowed, share := o.Share(); share {
				pooled[i].add(m.Over(name, series, over))
				part, low, high := pooled[i].bounds()
				why = fmt.Sprintf("%s: %.3g %% are over (%.3g to %.3g %%)", o.Text, 100*part, 100*low, 100*high)
				switch {
				case high <= allowed:
					came = pass
				case low <= allowed:
					came = undecided
					s.leaning = s.leaning && part <= allowed/2
				case explains(m.Document, series, 1-allowed, over):
					came, why = generator, reason(m.Document)
				}
			} else if kept := m.Check(o); kept.Met {
				came = pass
			} else {
				why = o.Text + ": " + kept.Result
			}
			if weight[came] > weight[t.Outcome] {
				t.Outcome, t.Why = came, why
			}
		}
		if offered := m.Document.Rate.Offered; t.Outcome != fail && t.Achieved < behind*offered {
			t.Outcome, t.Why = fail, fmt.Sprintf("it falls behind: %.0f/s of %.0f/s", t.Achieved, offered)
			if m.Document.Verdict.Client {
				t.Outcome, t.Why = generator, reason(m.Document)
			}
		}
		if t.Outcome != undecided || !s.left(ctx, 1) {
			break
		}
	}
	s.doc.Trials = append(s.doc.Trials, t)
	return &t
}

// weight orders outcomes: of several objectives the heaviest counts. One that the server misses is missed, whatever the
// load generator did to another.
var weight = map[string]int{pass: 0, undecided: 1, generator: 2, fail: 3}

// explains says whether what the load generator itself added can be why a percentile is over a limit: without it, it
// may be within. Calls without a success are the load generator's where they failed within it.
func explains(d *result.Document, series string, share float64, over time.Duration) bool {
	if !d.Verdict.Client {
		return false
	}
	if series == "" {
		return d.Counts.Local > 0
	}
	for _, a := range d.Added {
		x, ok := d.Latency[series].At(a.P)
		if ok && math.Abs(a.P/100-share) < 1e-9 {
			return x.LowNs-a.Ns <= int64(over)
		}
	}
	return true
}

// reason is the first that a verdict names, without what there is to do about it.
func reason(d *result.Document) string {
	if len(d.Verdict.Reasons) == 0 {
		return "the load generator"
	}
	text, _, _ := strings.Cut(d.Verdict.Reasons[0], ": give it")
	return text
}

// trialOf is what a load tells for the curve.
func trialOf(m *Measured, rate float64) result.CapacityTrial {
	d := m.Document
	t := result.CapacityTrial{Rate: rate, Achieved: d.Rate.Achieved, Errors: d.Failures()}
	for _, x := range d.Latency["response"].Percentiles {
		switch x.P {
		case 50:
			t.P50Ns = x.Ns
		case 99:
			t.P99Ns = x.Ns
		case 99.9:
			t.P999Ns = x.Ns
		default:
			continue
		}
		if x.AtLeast {
			t.AtLeast = append(t.AtLeast, x.P)
		}
	}
	if seconds := float64(d.DurationNs) / 1e9; seconds > 0 {
		t.ClientCPU = d.Client.CPUSeconds / seconds
		if d.Server != nil {
			t.ServerCPU = d.Server.CPUSeconds / seconds
		}
	}
	return t
}
