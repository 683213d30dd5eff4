package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"time"

	"grpcbench/loadgen/experiment"
	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/live"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/verdict"
)

// capacity searches for the highest rate that keeps the objectives, and shows it.
func capacity(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	c, err := flags.ReadCapacity(args, stdin, stdout)
	load, w, err := run.Define(ctx, c.Load, err)
	if err != nil {
		return err
	}
	defer w.Close()
	c.Load = load
	c.Out = result.FolderName(c.Out, "capacity", time.Now())
	folder, err := result.NewFolder(c.Out, c.Force)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	session, err := run.Open(ctx, load, w)
	if err != nil {
		return errors.Join(err, folder.Discard())
	}
	view := live.New(stderr, c.Quiet)
	doc, err := experiment.Capacity(ctx, c, &served{session: session}, steps(view, "capacity"))
	view.Close()
	err = errors.Join(err, session.Close())
	if doc == nil {
		return errors.Join(err, folder.Discard())
	}
	doc.Target = session.Target()
	if limits, parseErr := verdict.ParseCapacityLimits(c.Limits); parseErr == nil {
		passes := 0.0
		if doc.Passes != nil {
			passes = doc.Passes.Rate
		}
		for _, l := range limits {
			doc.SLO = append(doc.SLO, l.Check(passes))
		}
	}
	err = errors.Join(err, experiment.WriteCapacity(folder, doc, func(w io.Writer) error { return report.CapacityMarkdown(w, doc) }))
	return errors.Join(err, report.ShowCapacity(stdout, c.Format, doc), missed(doc.SLO))
}

// served is what the search measures: a session.
type served struct{ session *run.Session }

// Measure implements [experiment.Server].
func (s *served) Measure(ctx context.Context, l experiment.Load) (*experiment.Measured, error) {
	t, err := s.session.Run(ctx, func(p *plan.Plan) {
		p.Rate, p.Warmup, p.D, p.Seed = l.Rate, l.Warmup, l.D, l.Seed
		if l.Rate == 0 {
			p.Workers = min(p.Workers, closedWorkers)
		}
	})
	if err != nil {
		return nil, err
	}
	return &experiment.Measured{
		Document: t.Document, Check: t.Check,
		Over: func(step, series string, over time.Duration) experiment.Share {
			k, n := t.Over(step, series, over)
			return experiment.Share{K: k, N: n, Effective: t.Effective(step, series)}
		},
	}, nil
}

// closedWorkers are those of the closed loop that a search begins with.
const closedWorkers = 50

// Restart implements [experiment.Server].
func (s *served) Restart(ctx context.Context) error { return s.session.Restart(ctx) }

// Now implements [experiment.Server].
func (s *served) Now() time.Time { return time.Now() }
