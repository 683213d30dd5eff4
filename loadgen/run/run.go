// Package run carries out one plan: target, connections, engine, files. What it
// returns is the run's document; experiments make many of them.
package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/live"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/contract"
	"grpcbench/server/meter"
)

// ErrNoneSucceeded says that a run was carried out and no call of it succeeded.
var ErrNoneSucceeded = errors.New("no call succeeded")

// Run carries out p, as [Define] has it, and writes its folder. An interrupted run is a run: when
// ctx ends, it drains and writes what it has. The document is nil only where
// nothing was measured; beside an error it says how far the run came. View, which
// may be nil, shows how it goes.
func Run(ctx context.Context, p plan.Plan, w *scenario.Workload, view *live.View) (doc *result.Document, err error) {
	r := &run{
		plan: p, workload: w, id: requestid.NewRun(), view: view,
		shown: view.Run(cmp.Or(p.Name, p.RPC, p.File), p.Rate),
	}
	if r.steps, err = r.build(w.Steps); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := r.join(ctx, cancel); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.leave()) }()
	if !p.Shard.On() {
		r.abort = cancel
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(doc != nil)) }()
	if err := r.openInterchange(ctx); err != nil {
		return nil, err
	}
	defer r.closeMetrics() // not before the results are written: who scrapes may be late
	defer r.closeTraces(ctx)
	if r.child, r.target, err = startTarget(ctx, p, r.targetLog); err != nil {
		return nil, err
	}
	r.watchTarget(cancel)
	if err := r.setUp(ctx); err != nil {
		return nil, err
	}
	return r.measure(ctx)
}

// run is a plan being carried out.
type run struct {
	plan     plan.Plan
	workload *scenario.Workload
	// steps are what was built of the workload's, by their numbers.
	steps  []builtStep
	id     uint32
	target result.Target
	// authority is what servers are called, where not by their address.
	authority string
	files

	child    *child.Target
	watching errgroup.Group
	meter    *meter.Meter
	health   *health // nil until the window begins
	// suspended is how long the machine had been by the window's begin.
	suspended time.Duration
	rec       *recorder.Recorder
	view      *live.View
	shown     *live.Run
	interchange
	member
	round *round      // of a session that several processes share; else nil
	abort func(error) // ends a run of one process that passes a limit; else nil
	// Of the run of all shards:
	known    map[string]result.Exemplar // what they told of single calls
	wall     func(ns int64) time.Time   // the time of day at a reading of its clock
	settling bool                       // what lost shards did not tell is being recorded
}

// wallOf is the time of day at a reading of the run's clock.
func (r *run) wallOf(ns int64) time.Time {
	if r.wall != nil {
		return r.wall(ns)
	}
	return transport.Wall(ns)
}

func (r *run) prefix() string { return requestid.ID{Run: r.id}.RunPrefix() }

// watchTarget ends the run if the embedded target dies, for nobody will start it again.
func (r *run) watchTarget(cancel context.CancelCauseFunc) {
	if r.child == nil {
		return
	}
	r.watching.Go(func() error {
		<-r.child.Exited()
		cancel(errTargetDied)
		return nil
	})
}

var errTargetDied = errors.New("the embedded target died during the run")

// measure runs the engine and makes the document.
func (r *run) measure(ctx context.Context) (*result.Document, error) {
	addrs := r.spread(ctx)
	dialer, err := r.dialer()
	if err != nil {
		return nil, err
	}
	arrivals, warmupArrivals, err := r.plan.Arrivals()
	if err != nil {
		return nil, err
	}
	config := recorder.Config{
		OpenLoop: arrivals != nil, LateAfter: int64(verdict.LateAfter), Timeout: int64(r.plan.Timeout),
		Messages:  r.messageSeries(),
		PerWorker: r.plan.PerWorker,
		Sink:      r.recordInterval,
	}
	r.recordSteps(&config)
	r.rec = recorder.New(config)
	if r.hlog != nil { // else it is a trial
		if err := r.folder.WriteDocument(r.unfinishedDocument()); err != nil {
			return nil, err
		}
	}
	first, workers := r.plan.Shard.Share(r.plan.Workers)
	outcome, err := engine.Run(ctx, engine.Config{
		Dialer: dialer, Addrs: addrs, Methods: r.methods(), Flows: r.flows(), Seed: r.plan.Seed,
		Workers: workers, FirstWorker: first, Conns: r.plan.Conns, Part: r.arrivalsPart(), Begin: r.together(),
		Warmup: r.plan.Warmup, Duration: r.plan.D, Total: r.plan.Total, Least: r.plan.Scheduled(), Drain: r.plan.Drain,
		Expected: r.plan.Expected(), Arrivals: arrivals, WarmupArrivals: warmupArrivals, Spin: r.plan.Spin,
		Warming:   func() { r.shown.Warming(r.plan.Warmup) },
		Measuring: func() error { return r.begin(ctx) },
		Draining:  func() { r.shown.Draining(r.plan.Drain) },
		Ended:     r.ended(),
	}, r.rec)
	r.closeTraces(ctx)
	r.shown.Writing()
	if outcome.Start == 0 && err != nil {
		return nil, err // not even connected
	}
	doc, usageErr := r.document(ctx, outcome)
	err = errors.Join(err, usageErr)
	if errors.Is(context.Cause(ctx), errTargetDied) {
		err = errors.Join(err, fmt.Errorf("%w: %w", errTargetDied, r.child.Err()))
	}
	err = errors.Join(err, r.write(doc), r.reportOwn(ctx, doc, outcome), r.stopped(ctx))
	if r.sum != nil {
		all, allErr := r.all(ctx)
		return all, cmp.Or(errors.Join(err, allErr), noneSucceeded(all))
	}
	return doc, cmp.Or(err, noneSucceeded(doc))
}

// stopped is why the run ended before its time, where that is an error: an aborted run missed what it was to keep, and
// a shard that did not make its part is no success.
func (r *run) stopped(ctx context.Context) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrAborted), errors.Is(cause, ErrStopped):
		return cause
	case cause != nil && r.plan.Shard.On():
		return ErrInterrupted
	default:
		return nil
	}
}

// noneSucceeded says that no call did, where that is so.
func noneSucceeded(doc *result.Document) error {
	if doc.Counts.OK == 0 && doc.Counts.Sent+doc.Unanswered.WarmupCalls > 0 {
		return fmt.Errorf("%w: %s", ErrNoneSucceeded, explainNoSuccess(doc))
	}
	return nil
}

// messageSeries are the latencies within calls of a kind.
func messageSeries(s transport.Spec) []series.Series {
	switch {
	case s.Kind == transport.Unary:
		return nil
	case s.Kind == transport.ServerStream:
		return []series.Series{series.FirstMessage, series.MessageGap}
	case s.Kind == transport.ClientStream:
		return []series.Series{series.FirstMessage, series.SendBlocked}
	case !s.Lockstep():
		return []series.Series{series.FirstMessage, series.MessageGap, series.SendBlocked}
	case s.Pace > 0:
		return []series.Series{series.FirstMessage, series.MessageRTT, series.MessageResponse, series.SendBlocked}
	default:
		return []series.Series{series.FirstMessage, series.MessageRTT, series.SendBlocked}
	}
}

// begin marks the start of the measured window, in both processes' accounts.
func (r *run) begin(ctx context.Context) (err error) {
	if r.child != nil {
		if _, err := r.child.Mark(context.WithoutCancel(ctx), contract.MarkStart); err != nil {
			return err
		}
	}
	r.shown.Measuring(r.plan.D)
	r.health = newHealth()
	r.suspended = suspended()
	r.meter, err = meter.New()
	return err
}

// explainNoSuccess says what became of the calls of which none succeeded: of the codes that they ended with the
// commonest, with what the first of those said.
func explainNoSuccess(doc *result.Document) string {
	c := doc.Counts
	var why []string
	if c.Failed > 0 {
		code := slices.MaxFunc(slices.Sorted(maps.Keys(doc.Codes)),
			func(a, b string) int { return cmp.Compare(doc.Codes[a], doc.Codes[b]) })
		message := "no reason recorded"
		if i := slices.IndexFunc(doc.Exemplars,
			func(x result.Exemplar) bool { return x.Kind == recorder.Failed && x.Code == code }); i >= 0 {
			message = doc.Exemplars[i].Message
		}
		why = append(why, fmt.Sprintf("%d of %d failed with %s: %s", doc.Codes[code], c.Sent, code, message))
	}
	if c.Unfinished > 0 {
		waited := time.Duration(doc.Unanswered.OldestNs).Round(time.Millisecond)
		why = append(why, fmt.Sprintf("%d of %d were not answered, the oldest for %v", c.Unfinished, c.Sent, waited))
	}
	if n := doc.Unanswered.WarmupCalls; n > 0 {
		why = append(why, fmt.Sprintf("%d of the warm-up were not answered", n))
	}
	return strings.Join(why, "; ")
}

// OutFolder is the folder of a run: below results, by time and RPC, where it names none.
func OutFolder(p plan.Plan, now time.Time) string {
	name := p.RPC
	if p.File != "" {
		name = (&result.Document{Plan: plan.Plan{File: p.File}}).Name()
	}
	return result.FolderName(p.Out, strings.ReplaceAll(name, "/", "-"), now)
}
