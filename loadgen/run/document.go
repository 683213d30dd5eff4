package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	orca "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/contract"
)

// slowestKept is how many of the slowest calls a document names.
const slowestKept = 100

// unfinishedDocument is what a run that is killed leaves as its result.json.
func (r *run) unfinishedDocument() *result.Document {
	d := &result.Document{
		Schema: result.Schema, RunID: r.prefix(), Started: time.Now(), Plan: r.plan, Loop: loop(r.plan),
		Target: r.target,
		Notes:  []string{"what was measured until the end is in " + result.HlogFile},
		Codes:  map[string]int64{}, Latency: map[string]result.Latency{}, LatencyByCode: map[string]result.Latency{},
		Addresses: []result.Address{}, Added: []verdict.Added{}, Exemplars: []result.Exemplar{},
		Series: []result.Point{}, SLO: []verdict.Kept{},
		Verdict: verdict.Verdict{Status: verdict.Invalid, Reasons: []string{
			"the run has not ended, or was killed",
		}},
		Environment: result.Capture(),
	}
	if len(r.steps) == 1 { // else each step has its own
		d.Method, d.Kind = r.steps[0].Method, r.steps[0].Kind.String()
	}
	return d
}

// notes tell how to read the figures.
func (r *run) notes(total *recorder.Snapshot, arrivals int64) []string {
	notes := []string{}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if !r.plan.Open() {
		note("closed loop: a call starts when its worker is free, so response is service, and coordinated omission " +
			"is not corrected")
	}
	// Others may have been told DEADLINE_EXCEEDED by the server, long before their own deadline.
	if late := total.Latencies[series.Service].CensoredCount() - total.Counts.Unfinished; late > 0 {
		note("%d calls ended by their own deadline of %v: how long they would have taken is not known, so the tail "+
			"is cut off there, and told as at least so much", late, r.plan.Timeout)
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if os.Getenv(name) != "" && !r.plan.Embedded() && !local(r.plan.Addr) {
			note("the environment's %s is ignored: connections go straight to the address", name)
			break
		}
	}
	if runtime.GOOS != "linux" {
		note("%s does not tell loadgen how long its threads waited for a core, what else the machine did, or how "+
			"often it switched, read and wrote: the verdict knows nothing of these", runtime.GOOS)
	}
	for _, f := range r.workload.Feeds {
		if f.EndsRun() && arrivals >= int64(f.Rows()) {
			note("the run ended with the last of %d rows of %s, which is gone through once", f.Rows(), f.File)
		}
	}
	lag := total.Latencies[series.Lag]
	if lag == nil || lag.Count() == 0 {
		return notes
	}
	mean := func(sum int64) time.Duration { return time.Duration(sum / lag.Count()).Round(10 * time.Microsecond) }
	if workers := mean(lag.Sum - total.Before - total.Held); workers > time.Millisecond && workers > mean(lag.Sum)/4 {
		note("calls waited for one of the %d workers to be free, %v on average: response includes that wait, service "+
			"does not", r.plan.Workers, workers)
	}
	if held := mean(total.Held); held > time.Millisecond && held > mean(lag.Sum)/4 {
		note("calls waited for the server to take them, %v on average, since it limits the calls of a connection or "+
			"had to be connected to anew: response includes that wait, service does not", held)
	}
	return notes
}

// document makes the run's result.
func (r *run) document(ctx context.Context, o engine.Outcome) (*result.Document, error) {
	total := r.rec.Total()
	c := total.Counts
	d := r.unfinishedDocument()
	d.Started = transport.Wall(o.Start)
	d.DurationNs = o.End - o.Start
	d.Counts, d.WarmupCalls = c, o.Warmup
	err := r.usage(ctx, d) // before the document's own making costs anything
	d.Unanswered = result.Unanswered{
		Calls: o.Lost.Calls, WarmupCalls: o.Lost.Warmup, OldestNs: o.Lost.Oldest,
		LeastNs: o.Lost.Least,
	}
	var spread []string
	d.Addresses, spread = byAddress(r.plan, o)
	d.Notes = append(append(r.notes(total, o.Arrivals), spread...), r.lost...)
	d.Codes = codesOf(&total.Part)
	r.rate(d)
	r.latencies(d, total, correlation(o.Slices))
	d.Series = r.points
	if d.Series == nil {
		d.Series = []result.Point{}
	}
	d.Exemplars = r.exemplarsOf(&total.Part, d.Latency, o.Start, slowestKept)
	r.byStep(d, o.Start)
	d.Added = append(d.Added, added(total, o.Noticed)...)
	facts := r.facts(ctx, d, o)
	d.Arrivals = facts.Arrivals
	d.Verdict = verdict.Judge(facts)
	d.SLO = r.objectives(d)
	return d, err
}

// rate fills in how much there was a second.
func (r *run) rate(d *result.Document) {
	c, seconds := d.Counts, float64(d.DurationNs)/1e9
	if seconds <= 0 {
		return
	}
	achieved := float64(c.OK+c.Failed) / seconds
	offered := achieved
	if r.plan.Open() { // over the time in which calls were due
		offered = float64(c.Due) / min(seconds, cmp.Or(r.plan.Scheduled().Seconds(), r.plan.D.Seconds(), seconds))
	}
	d.Rate = result.Rate{
		Offered: offered, Achieved: achieved,
		MessagesPerSecond: float64(c.MessagesSent+c.MessagesReceived) / seconds,
		BytesPerSecond:    float64(c.BytesSent+c.BytesReceived) / seconds,
	}
}

func loop(p plan.Plan) string {
	if p.Open() {
		return "open"
	}
	return "closed"
}

// latencies fills in every series, the headline first. Neighbouring calls' response times, and what they
// are made of, are correlated by rho.
func (r *run) latencies(d *result.Document, total *recorder.Snapshot, rho float64) {
	d.Latency = map[string]result.Latency{series.Response.String(): result.Correlated(total.Headline(), rho)}
	for s, l := range total.Latencies {
		switch s := series.Series(s); {
		case l == nil:
		case s == series.Response, s == series.Service, s == series.Lag:
			d.Latency[s.String()] = result.Correlated(l, rho)
		default:
			d.Latency[s.String()] = result.NewLatency(l)
		}
	}
	d.LatencyByCode = map[string]result.Latency{}
	for code, l := range total.ByCode {
		if l != nil {
			d.LatencyByCode[result.CodeName(codes.Code(code))] = result.NewLatency(l) //nolint:gosec // few
		}
	}
}

// usage fills in what both processes used over the window.
func (r *run) usage(ctx context.Context, d *result.Document) error {
	if r.meter == nil {
		return nil // ended before the window began
	}
	own, err := r.meter.Usage()
	d.Client = result.NewUsage(own, d.Counts.Sent)
	if r.child == nil || errors.Is(context.Cause(ctx), errTargetDied) {
		return err
	}
	server, serverErr := r.child.Mark(context.WithoutCancel(ctx), contract.MarkStop)
	usage := result.NewUsage(server, d.Counts.Sent)
	d.Server = &usage
	return errors.Join(err, serverErr)
}

// exemplarsOf names single calls of a part, with the server's own time where it told it, as many of the slowest as are
// kept.
func (r *run) exemplarsOf(p *recorder.Part, latency map[string]result.Latency, start int64,
	kept int,
) []result.Exemplar {
	from := int64(0)
	if p99, ok := latency[series.Response.String()].At(99); ok {
		from = p99.Ns - p99.Ns/1000 // the calls at p99 may be as much faster than what their histogram tells
	}
	out := []result.Exemplar{}
	for _, x := range p.Exemplars(kept, from) {
		code := result.CodeName(x.Code)
		if x.Kind == recorder.Unanswered {
			code = "" // it has none: that it was cut off is our own doing
		}
		out = append(out, result.Exemplar{
			RequestID: requestid.ID{Run: r.id, Worker: x.Worker, Seq: x.Seq}.String(),
			Kind:      x.Kind, Code: code, Message: strings.ToValidUTF8(x.Message, "\uFFFD"),
			IntendedNs: x.Intended - start, ResponseNs: x.Response, ServiceNs: x.Service,
			ServerNs: serverTime(x.LoadReport),
			Data:     r.dataOf(x),
		})
		if len(r.steps) > 1 {
			out[len(out)-1].Step = r.steps[x.Step].Name
		}
	}
	return out
}

// mostData bounds what is told of a call's data, in bytes.
const mostData = 4 << 10

// dataOf is what a call sent, where calls differ in that. It is made again: nothing of it was kept.
func (r *run) dataOf(x recorder.Exemplar) json.RawMessage {
	if r.known != nil { // who made the call has told
		return r.known[requestid.ID{Run: r.id, Worker: x.Worker, Seq: x.Seq}.String()].Data
	}
	sent := r.steps[x.Step].sent
	if sent == nil || !sent.Varies || sent.Saved {
		return nil
	}
	call := transport.Call{Worker: x.Worker, Seq: x.Seq}
	text, err := sent.JSON(call.Key(), 0, transport.Wall(x.Intended+x.Response-x.Service).UnixNano(), secretField)
	if err != nil || len(text) > mostData {
		return nil // a row that does not fit is in the failure's message
	}
	return text
}

// secretField says whether a field's value must not be shown: as for metadata, except that key is no secret, since
// stores look things up by it.
func secretField(name string) bool { return name != "key" && plan.IsSecret(name) }

// serverTime reads the target's own handling time out of an ORCA load report; nil where it tells none.
func serverTime(report string) *int64 {
	var load orca.OrcaLoadReport
	if report == "" || proto.Unmarshal([]byte(report), &load) != nil {
		return nil
	}
	ns, ok := load.GetNamedMetrics()[contract.ServerTimeMetric]
	if !ok {
		return nil
	}
	whole := int64(ns)
	return &whole
}
