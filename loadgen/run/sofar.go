package run

import (
	"time"

	"grpcbench/loadgen/live"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/verdict"
)

// showInterval shows an interval to whoever watches.
func (r *run) showInterval(point result.Point, iv *recorder.Snapshot) {
	if r.shown == nil || r.sum != nil { // of all shards the sum tells
		return
	}
	r.shown.Second(live.Second{
		Point: point, Length: time.Duration(iv.End - iv.Start), Codes: codesOf(&iv.Part),
		Messages: iv.Counts.MessagesSent + iv.Counts.MessagesReceived,
		InFlight: inFlight(r.rec.Total().Counts), Verdict: r.judgeSoFar(), Parts: r.partsOf(iv),
	})
}

// partsOf are what an interval brought of each of several steps, and of each flow of several.
func (r *run) partsOf(iv *recorder.Snapshot) (all []live.Part) {
	add := func(name string, p *recorder.Part) {
		h := p.Headline()
		all = append(all, live.Part{
			Name: name, OK: p.Counts.OK, Failed: p.Counts.Failed, Censored: h.CensoredCount(),
			P50Ns: min(h.Histogram.ValueAtPercentile(50), h.Max), P99Ns: min(h.Histogram.ValueAtPercentile(99), h.Max),
		})
	}
	for i, p := range iv.Steps {
		add(r.steps[i].Name, p)
	}
	for i, p := range iv.Flows {
		if p != nil {
			add(r.workload.Flows[i].Name, p)
		}
	}
	return all
}

// trackSilence adds an interval to the time of silence: that in which calls waited and none was answered.
func (r *run) trackSilence(iv *recorder.Snapshot) {
	answered := iv.Counts.OK + iv.Counts.Failed + iv.Counts.Unfinished - iv.Headline().CensoredCount()
	if answered > 0 || iv.Waiting == 0 {
		r.silent = 0
		return
	}
	r.silent += time.Duration(iv.End - iv.Start)
}

func inFlight(c recorder.Counts) int64 { return c.Due - c.OK - c.Failed - c.Unfinished - c.NeverSent }

// judgeSoFar judges what is known while the run goes on: the generator's pace and the machine's health. What
// needs the whole run, such as Little's law, comes at its end.
func (r *run) judgeSoFar() verdict.Verdict {
	total := r.rec.Total()
	c := total.Counts
	f := verdict.Facts{
		Open: r.plan.Open(), Due: c.Due - inFlight(c), OK: c.OK, Failed: c.Failed, Unfinished: c.Unfinished,
		NeverSent: c.NeverSent, Overflow: c.Overflow,
		Response: quantiles(total.Headline().Histogram), Local: local(r.target.Addr),
	}
	if l := total.Latencies[series.Pacing]; l != nil {
		f.Pacing = quantiles(l.Histogram)
		f.Added = added(total, nil)
	}
	if r.health != nil {
		f.Windows = r.health.windows
	}
	f.Silent, f.Length = r.silent, time.Duration(total.End-total.Start)
	return verdict.Judge(f)
}

func quantiles(h result.Distribution) map[float64]time.Duration {
	m := map[float64]time.Duration{}
	for _, p := range []float64{50, 99, 99.9} {
		m[p] = time.Duration(h.ValueAtPercentile(p))
	}
	return m
}
