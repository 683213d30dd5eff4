package run

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/verdict"
)

// end records what is left, counts what was lost, and writes the run of all. Clocks and hosts are the shards', by their
// numbers.
func (s *sum) end(clocks []result.ShardClock, hosts []string) (*result.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for i := range s.shards {
		if s.shards[i].host == "" {
			s.shards[i].host = hosts[i]
		}
		if !s.shards[i].over {
			s.loseLocked(i, errors.New("it made no report in time"))
		}
	}
	s.flush(true)
	s.countLost()
	doc := s.document(clocks)
	err := s.run.write(doc)
	return doc, errors.Join(err, s.failed, s.run.close(true))
}

// leastLost is by how much sooner than the run a shard ends that was interrupted by itself, not with all.
const leastLost = 250 * time.Millisecond

// runEnd is when the run of all ended, in nanoseconds.
func (s *sum) runEnd() int64 {
	end := s.flushed
	for _, r := range s.reports() {
		end = max(end, r.Document.DurationNs)
	}
	return end
}

// countLost counts what lost shards, and those that were interrupted before the others, did not tell: calls that they
// had begun as unfinished, and the rest of their share of the arrivals as never sent.
func (s *sum) countLost() {
	r := s.run
	lane := r.rec.NewLane()
	settled := false
	for i := range s.shards {
		sh := &s.shards[i]
		if sh.report != nil && sh.report.Interrupted && s.runEnd()-sh.report.Document.DurationNs > int64(leastLost) {
			sh.interrupted = true
			sh.lostAt = float64(sh.report.Document.DurationNs) / 1e9
		}
		if sh.lost == nil && !sh.interrupted {
			continue
		}
		settled = true
		loseInFlight(sh.total, lane)
		s.failed = errors.Join(s.failed, s.neverSent(i, lane))
	}
	if !settled {
		return
	}
	lane.Swap(0, 0)
	r.rec.Add(lane)
	r.settling = true // it is no second of the run
	s.failed = errors.Join(s.failed, r.rec.Flush(s.flushed, s.flushed))
	r.settling = false
}

// loseInFlight records the calls and flows that a lost shard had begun, as unfinished: what became of them nobody
// knows.
func loseInFlight(total *recorder.Snapshot, lane *recorder.Lane) {
	steps := total.Steps
	if len(steps) == 0 {
		steps = []*recorder.Part{&total.Part}
	}
	for i, p := range steps {
		for range inFlight(p.Counts) {
			lane.Lost(i)
		}
	}
	for i, p := range total.Flows {
		if p == nil {
			continue
		}
		for range inFlight(p.Counts) {
			lane.FlowLost(i)
		}
	}
}

// neverSent records the arrivals of a lost shard that it did not tell of: they were due, and how long they would have
// taken is known to the window's end only.
func (s *sum) neverSent(index int, lane *recorder.Lane) error {
	r := s.run
	measured, warmup, err := r.plan.Arrivals()
	if err != nil || measured == nil { // a closed loop owes nothing
		return err
	}
	part := engine.Part{Index: uint64(index), Of: uint64(len(s.shards))} //nolint:gosec // few
	seq := uint64(0)
	for _, ok := warmup.Next(); ok; _, ok = warmup.Next() {
		seq++
	}
	draw := engine.NewDraw(r.flows(), r.plan.Seed)
	told := s.arrivalsOf(index)
	end := s.runEnd()
	for n := int64(0); r.plan.Total == 0 || n < r.plan.Total; n, seq = n+1, seq+1 {
		at, ok := measured.Next()
		if !ok || int64(at) >= end {
			break
		}
		if !part.Has(seq) {
			continue
		}
		told--
		if told >= 0 {
			continue
		}
		flow := draw.Flow(seq)
		step := r.workload.Flows[flow].Steps[0]
		lane.Due(step)
		lane.NeverSent(step, end-int64(at))
		lane.FlowDue(flow)
		lane.FlowNeverSent(flow, end-int64(at))
	}
	return nil
}

// arrivalsOf is how many arrivals a shard told of.
func (s *sum) arrivalsOf(index int) (n int64) {
	total := s.shards[index].total
	if len(total.Steps) == 0 {
		return total.Counts.Due
	}
	for _, f := range s.run.workload.Flows {
		n += total.Steps[f.Steps[0]].Counts.Due
	}
	return n
}

// reports are those of the shards that made one.
func (s *sum) reports() (all []*result.ShardReport) {
	for i := range s.shards {
		if s.shards[i].report != nil {
			all = append(all, s.shards[i].report)
		}
	}
	return all
}

// document makes the result of all.
func (s *sum) document(clocks []result.ShardClock) *result.Document {
	r := s.run
	r.known = s.known
	total := r.rec.Total()
	d := r.unfinishedDocument()
	d.DurationNs = total.End
	d.Counts, d.Codes = total.Counts, codesOf(&total.Part)
	d.Started = r.wallOf(0)
	reports := s.reports()
	noticed := recorder.NewHistogram()
	var notes told
	for i := range s.shards {
		report := s.shards[i].report
		if report == nil {
			continue
		}
		of := report.Document
		d.DurationNs = max(d.DurationNs, of.DurationNs)
		d.WarmupCalls += of.WarmupCalls
		addUnanswered(&d.Unanswered, of.Unanswered)
		d.Addresses = addAddresses(d.Addresses, of.Addresses)
		d.Arrivals = of.Arrivals
		d.Client = addUsage(d.Client, of.Client)
		for _, n := range of.Notes {
			notes.add(i, n)
		}
		if packed, err := recorder.ReadCounts(report.Noticed); err == nil {
			packed.MergeInto(noticed)
		}
	}
	d.Client.CPUMicrosPerCall = d.Client.CPUSeconds * 1e6 / float64(max(d.Counts.Sent, 1))
	d.Notes = notes.lines(len(s.shards))
	r.rate(d)
	r.latencies(d, total, 0)
	setEffective(d, total, reports)
	if r.points != nil {
		d.Series = r.points
	}
	d.Exemplars = r.exemplarsOf(&total.Part, d.Latency, 0, slowestKept)
	r.byStep(d, 0)
	d.Added = append(d.Added, added(total, noticed)...)
	for i := range s.shards {
		d.Shards = append(d.Shards, s.row(i, clocks[i]))
	}
	d.Verdict = s.judge(d)
	d.SLO = r.objectives(d)
	return d
}

// row is what became of a shard.
func (s *sum) row(i int, c result.ShardClock) result.Shard {
	sh := &s.shards[i]
	h := sh.total.Headline()
	row := result.Shard{
		Index: i, Host: sh.host, OffsetNs: c.OffsetNs, RTTNs: c.RTTNs, DriftNs: c.DriftNs, Counts: sh.total.Counts,
		P50Ns: min(h.Histogram.ValueAtPercentile(50), h.Max), P99Ns: min(h.Histogram.ValueAtPercentile(99), h.Max),
	}
	for _, p := range result.NewLatency(h).Percentiles {
		if p.AtLeast && (p.P == 50 || p.P == 99) {
			row.AtLeast = append(row.AtLeast, p.P)
		}
	}
	if sh.report != nil {
		row.Verdict = sh.report.Document.Verdict.Status
	}
	switch {
	case sh.lost != nil:
		row.LostAtS, row.Lost = new(sh.lostAt), sh.lost.Error()
	case sh.interrupted:
		row.LostAtS, row.Lost = new(sh.lostAt), "it was interrupted"
	}
	return row
}

// driftGrain is what two readings of clocks may be apart beyond their round trips, for whoever was late to answer.
const driftGrain = time.Millisecond

// judge is the worst of what each shard says of itself, with what only all together show.
func (s *sum) judge(d *result.Document) verdict.Verdict {
	var f verdict.ShardFacts
	for i := range s.shards {
		sh := &s.shards[i]
		fact := verdict.ShardFact{
			Index: i, P50: time.Duration(d.Shards[i].P50Ns), Count: sh.total.Headline().Count(),
			Drift: time.Duration(d.Shards[i].DriftNs),
		}
		if sh.report != nil {
			fact.Verdict = sh.report.Document.Verdict
			if x, ok := sh.report.Document.Latency["response"].At(50); ok {
				fact.Low, fact.High = time.Duration(x.LowNs), time.Duration(x.HighNs)
			}
		}
		if sh.lost != nil || sh.interrupted {
			fact.Lost, fact.Interrupted, fact.LostAt = sh.lost != nil, sh.interrupted, sh.lostAt
		}
		fact.Apart = time.Duration(d.Shards[i].RTTNs) + driftGrain
		f.Shards = append(f.Shards, fact)
	}
	f.Due, f.NeverSent, f.OK, f.Aborted = d.Counts.Due, d.Counts.NeverSent, d.Counts.OK, s.aborted
	return verdict.JudgeShards(f)
}

func addUnanswered(u *result.Unanswered, o result.Unanswered) {
	if o.Calls > 0 {
		if u.Calls == 0 {
			u.LeastNs = o.LeastNs
		}
		u.LeastNs = min(u.LeastNs, o.LeastNs)
	}
	u.Calls += o.Calls
	u.WarmupCalls += o.WarmupCalls
	u.OldestNs = max(u.OldestNs, o.OldestNs)
}

func addAddresses(all, more []result.Address) []result.Address {
	for _, a := range more {
		i := slices.IndexFunc(all, func(b result.Address) bool { return b.Addr == a.Addr })
		if i < 0 {
			all = append(all, a)
			continue
		}
		b := &all[i]
		b.Conns += a.Conns
		b.Reconnects += a.Reconnects
		b.Counts.Sent += a.Counts.Sent
		b.Counts.OK += a.Counts.OK
		b.Counts.Failed += a.Counts.Failed
		b.Counts.Unfinished += a.Counts.Unfinished
	}
	return all
}

// addUsage sums what processes used.
func addUsage(u, o result.Usage) result.Usage {
	u.CPUSeconds += o.CPUSeconds
	u.UserSeconds += o.UserSeconds
	u.MaxRSSBytes += o.MaxRSSBytes
	u.AllocObjects += o.AllocObjects
	u.AllocBytes += o.AllocBytes
	u.GCPausesNs += o.GCPausesNs
	u.GCPauseMaxNs = max(u.GCPauseMaxNs, o.GCPauseMaxNs)
	u.GCCPUSeconds += o.GCCPUSeconds
	u.SchedLatencyP99Ns = max(u.SchedLatencyP99Ns, o.SchedLatencyP99Ns)
	u.ContextSwitches += o.ContextSwitches
	u.IOCalls += o.IOCalls
	return u
}

// setEffective makes intervals as wide as those of the independent calls that all shards' together are worth: each
// shard knows how alike its neighbouring calls are.
func setEffective(d *result.Document, total *recorder.Snapshot, reports []*result.ShardReport) {
	for name, l := range d.Latency {
		var count, effective int64
		for _, r := range reports {
			count += r.Document.Latency[name].Count
			effective += r.Document.Latency[name].EffectiveCount
		}
		if count > 0 && effective < count {
			of := total.Series(name)
			if name == series.Response.String() {
				of = total.Headline()
			}
			d.Latency[name] = result.Worth(of, int64(math.Ceil(float64(l.Count)*float64(effective)/float64(count))))
		}
	}
}

// told are lines that shards say, each once with whose it is.
type told struct {
	texts  []string
	shards map[string][]int
}

func (t *told) add(shard int, text string) {
	if t.shards == nil {
		t.shards = map[string][]int{}
	}
	if t.shards[text] == nil {
		t.texts = append(t.texts, text)
	}
	t.shards[text] = append(t.shards[text], shard)
}

func (t *told) lines(count int) []string {
	all := []string{}
	for _, text := range t.texts {
		if len(t.shards[text]) == count {
			all = append(all, text)
			continue
		}
		all = append(all, fmt.Sprintf("%s: %s", verdict.ShardNames(t.shards[text]), text))
	}
	return all
}
