package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/contract"
)

// Session is a workload and a target, or an address, opened once, on which loads are measured one after the other. Its
// methods are not called concurrently.
type Session struct {
	plan     plan.Plan
	workload *scenario.Workload
	child    *child.Target // nil where there is an address
	target   result.Target
	rounds   int  // that were made together with other processes
	broken   bool // one of them was not made
}

// Open opens a session of p, as [Define] has it: an embedded target is started, and what is called once is. The
// workload stays the caller's to close.
func Open(ctx context.Context, p plan.Plan, w *scenario.Workload) (*Session, error) {
	s := &Session{plan: p, workload: w}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// start starts an embedded target, and calls what is called once.
func (s *Session) start(ctx context.Context) (err error) {
	if s.child, s.target, err = startTarget(ctx, s.plan, io.Discard); err != nil {
		return err
	}
	r := s.newRun(s.plan)
	if err := r.setUp(ctx); err != nil {
		return errors.Join(err, s.Close()) //nolint:contextcheck // it may be over
	}
	return nil
}

// startTarget starts p's embedded target, which logs to log, or says where another's server is; then the child is nil.
func startTarget(ctx context.Context, p plan.Plan, log io.Writer) (*child.Target, result.Target, error) {
	if !p.Embedded() {
		return nil, result.Target{Addr: p.Addr}, nil
	}
	t, err := child.Start(ctx, contract.Config{Args: p.Target}, log)
	if err != nil {
		return nil, result.Target{}, err
	}
	target := result.Target{Addr: t.Ready.Addr, Embedded: true, Interceptors: t.Ready.Interceptors}
	if p.Transport == transport.REST {
		target.Addr = t.Ready.HTTP
	}
	return t, target, nil
}

func (s *Session) newRun(p plan.Plan) *run {
	return &run{
		plan: p, workload: s.workload, id: requestid.NewRun(), child: s.child, target: s.target,
		files: files{clientLog: &lazyFile{}},
	}
}

// Target is what is measured.
func (s *Session) Target() result.Target { return s.target }

// Restart starts an embedded target anew; of another's server it does nothing.
func (s *Session) Restart(ctx context.Context) error {
	if s.child == nil {
		return nil
	}
	if err := s.Close(); err != nil { //nolint:contextcheck // as above
		return err
	}
	return s.start(ctx)
}

// Close ends an embedded target, and what other processes have to follow.
func (s *Session) Close() error {
	if s.plan.Shard.On() && s.plan.Shard.Index == 0 && !s.broken {
		return s.endSession()
	}
	if s.child == nil {
		return nil
	}
	err := s.child.Stop()
	s.child = nil
	return err
}

// Trial is what became of a load: its document, which is in no file, and the parts of its calls that objectives are
// about.
type Trial struct {
	Document *result.Document
	run      *run
}

// Run measures a load over new connections; where several processes share the session, it is shard 0's to call, and the
// others follow. That no call succeeded is a result, not an error.
func (s *Session) Run(ctx context.Context, l Load) (*Trial, error) {
	var doc *result.Document
	r := s.newRun(l.of(s.plan))
	var err error
	if s.plan.Shard.On() {
		doc, r, err = s.makeRound(ctx, &round{Load: l})
		s.broken = err != nil && !errors.Is(err, ErrNoneSucceeded)
	} else if r.steps, err = r.build(s.workload.Steps); err == nil {
		doc, err = r.measure(ctx)
	}
	if err != nil && !errors.Is(err, ErrNoneSucceeded) {
		return nil, fmt.Errorf("measure %.0f/s: %w", l.Rate, err)
	}
	return &Trial{Document: doc, run: r}, nil
}

// Check holds an objective against the load.
func (t *Trial) Check(o verdict.Objective) verdict.Kept { return o.Check(t.run.measured(t.Document)) }

// Over counts, second by second, the calls of a step or flow, or of all, and of them those whose series is longer than
// a limit, or may be, since something else than the server ended them; of an empty series those without a success.
func (t *Trial) Over(step, name string, over time.Duration) (k, n []float64) {
	for _, second := range t.run.seconds {
		p := second.partOf(t.run, step)
		over, all := countOver(p, name, int64(over))
		k, n = append(k, float64(over)), append(n, float64(all))
	}
	return k, n
}

// Effective is how many independent calls those of a series are worth; 0 where it is not known.
func (t *Trial) Effective(step, name string) float64 {
	if step != "" || name == "" {
		return 0
	}
	return float64(t.Document.Latency[name].EffectiveCount)
}

// kept is an interval that a trial keeps.
type kept struct{ recorder.Snapshot }

func (s *kept) partOf(r *run, name string) *recorder.Part {
	for i, p := range s.Steps {
		if r.steps[i].Name == name {
			return p
		}
	}
	for i, p := range s.Flows {
		if p != nil && r.workload.Flows[i].Name == name {
			return p
		}
	}
	return &s.Part
}

// countOver counts the values of a part's series that are over a limit, or may be.
func countOver(p *recorder.Part, name string, limit int64) (over, all int64) {
	if name == "" {
		over = p.Counts.Failed + p.Counts.Unfinished + p.Counts.NeverSent
		return over, p.Counts.OK + over
	}
	l := p.Headline()
	if name != "response" {
		l = p.Series(name)
	}
	if l == nil {
		return 0, 0
	}
	for value, n := range l.Histogram.ForEachBucket {
		switch {
		case value > limit:
			over += n
		case l.Censored != nil:
			over += l.Censored.CountAtValue(value)
		}
	}
	return over, l.Count()
}
