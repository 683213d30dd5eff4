package run

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// facts collects what the verdict looks at.
func (r *run) facts(ctx context.Context, d *result.Document, o engine.Outcome) verdict.Facts {
	c := d.Counts
	planned := r.plan.D > 0 && d.DurationNs >= int64(r.plan.D) || r.plan.Total > 0 &&
		o.Arrivals >= r.plan.Total/int64(max(r.plan.Shard.Count, 1))
	f := verdict.Facts{
		Open: r.plan.Open(), Interrupted: !planned,
		Due: c.Due, OK: c.OK, Failed: c.Failed, Own: c.Local, Unfinished: c.Unfinished, NeverSent: c.NeverSent,
		Overflow:         c.Overflow,
		WarmupUnanswered: o.Lost.Warmup, Oldest: time.Duration(o.Lost.Oldest), Least: time.Duration(o.Lost.Least),
		Silent: time.Duration(o.Lost.Silent), Length: time.Duration(d.DurationNs), Moved: moved(d.Latency["response"]),
		Response: byPercentile(d.Latency["response"]), Pacing: byPercentile(d.Latency["pacing"]),
		Added: d.Added, LongestStall: o.LongestStall,
		InFlight: o.InFlight, Deviation: o.Deviation, Looks: o.Looks,
		Local:   local(r.target.Addr),
		GCPause: time.Duration(d.Client.GCPauseMaxNs),
		GCShare: d.Client.GCCPUSeconds / max(d.Client.CPUSeconds, 1e-9),
	}
	if service := r.rec.Total().Latencies[series.Service]; c.Unfinished == 0 && d.DurationNs > 0 {
		before, held := r.rec.Total().Before, r.rec.Total().Held
		f.Littles = float64(service.Sum+before+held) / float64(d.DurationNs)
		f.Before = float64(before) / max(float64(service.Sum+before), 1)
	}
	if f.Own > 0 {
		f.OwnReason = r.ownReason()
	}
	if errors.Is(context.Cause(ctx), ErrAborted) {
		f.Aborted = context.Cause(ctx).Error()
	}
	if r.health != nil {
		f.Windows = r.health.windows
		f.Suspended = suspended() - r.suspended
		f.Throttled = throttled() - r.health.throttled
	}
	f.ClockSource, f.ClockCost = clock()
	f.Arrivals = r.arrivals(o, f.Pacing[50])
	f.DriftP, f.DriftShare = drift(d.Series)
	f.Outage = findOutage(d.Series)
	for _, s := range d.Steps {
		if len(d.Steps) > 1 && s.Counts.Due == 0 {
			f.NeverReached = append(f.NeverReached, s.Name)
		}
	}
	f.Mix = r.mix(d)
	for _, b := range r.steps {
		making, _ := b.making.at(99)
		f.Making = max(f.Making, making)
	}
	return f
}

// mix are the arrivals by what they started: of each flow the first step was due once.
func (r *run) mix(d *result.Document) (all []verdict.Share) {
	flows := r.workload.Flows
	if len(flows) < 2 {
		return nil
	}
	var sum float64
	for _, f := range flows {
		sum += f.Weight
	}
	for _, f := range flows {
		all = append(all, verdict.Share{Name: f.Name, Count: d.Steps[f.Steps[0]].Counts.Due, Asked: f.Weight / sum})
	}
	return all
}

// moved are the percentiles that are known as lower bounds only.
func moved(l result.Latency) (all []float64) {
	for _, x := range l.Percentiles {
		if x.AtLeast {
			all = append(all, x.P)
		}
	}
	return all
}

// ownReason is what the first of the load generator's own failures said.
func (r *run) ownReason() string {
	for _, x := range r.rec.Total().Exemplars(0, math.MaxInt64) {
		if x.Local {
			return result.CodeName(x.Code) + ": " + x.Message
		}
	}
	return "no reason recorded"
}

func byPercentile(l result.Latency) map[float64]time.Duration {
	m := map[float64]time.Duration{}
	for _, p := range l.Percentiles {
		m[p.P] = time.Duration(p.Ns)
	}
	return m
}

// local says whether addr is on this machine.
func local(addr string) bool {
	if strings.HasPrefix(addr, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// arrivals judges the sends of a constant rate, slice by slice; the median slice counts.
func (r *run) arrivals(o engine.Outcome, pacing time.Duration) (a verdict.Arrivals) {
	shards := max(r.plan.Shard.Count, 1)
	rate := r.plan.Rate / float64(shards)
	if rate == 0 || r.plan.Arrival == plan.Poisson && shards > 1 { // whose every n-th arrivals are no Poisson process
		return a
	}
	a.RateTimesPacing = rate * pacing.Seconds()
	var scores []float64
	for _, s := range o.Slices {
		sent := slices.Sorted(slices.Values(s.Sent))
		if len(sent) < 100 {
			continue // too few to judge
		}
		gaps := make([]float64, len(sent)-1)
		var sq float64
		for i := range gaps {
			gaps[i] = float64(sent[i+1]-sent[i]) / 1e9
			sq += (gaps[i]*rate - 1) * (gaps[i]*rate - 1)
		}
		if r.plan.Arrival == plan.Poisson {
			scores = append(scores, stats.AndersonDarling(gaps, rate))
		} else {
			scores = append(scores, math.Sqrt(sq/float64(len(gaps))))
		}
	}
	if len(scores) == 0 {
		return a
	}
	slices.SortFunc(scores, cmp.Compare)
	if m := scores[len(scores)/2]; r.plan.Arrival == plan.Poisson {
		a.AndersonDarling = m
	} else {
		a.GapDeviation = m
	}
	return a
}

// correlation is that of neighbouring calls' response times, in the median slice.
func correlation(all []engine.Slice) float64 {
	var rho []float64
	for _, s := range all {
		if len(s.Response) < 100 {
			continue // too few to tell
		}
		v := make([]float64, len(s.Response))
		for i, ns := range s.Response {
			v[i] = float64(ns)
		}
		rho = append(rho, stats.Spearman(v))
	}
	if len(rho) == 0 {
		return 0
	}
	return median(rho)
}

// drift tests the seconds' medians for a trend, and compares the first third's with the last's.
func drift(series []result.Point) (p, share float64) {
	var medians []float64
	for _, s := range series {
		if s.OK+s.Failed > 0 {
			medians = append(medians, float64(s.P50Ns))
		}
	}
	if len(medians) < 10 {
		return 1, 0
	}
	third := len(medians) / 3
	early, late := median(medians[:third]), median(medians[len(medians)-third:])
	return stats.MannKendall(medians), math.Abs(late-early) / max(early, 1)
}

func median(v []float64) float64 {
	s := slices.SortedFunc(slices.Values(v), cmp.Compare)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
