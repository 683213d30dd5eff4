package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"grpcbench/loadgen/experiment"
	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/live"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/verdict"
)

// capacity searches for the highest rate that keeps the objectives, and shows it.
func capacity(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c, err := flags.ReadCapacity(args, stdin, stdout)
	load, w, err := run.Define(ctx, c.Load, err)
	if err != nil {
		return err
	}
	defer w.Close()
	c.Load = load
	defer collectSeldom()()
	if load.Shard.Index > 0 {
		return followCapacity(ctx, c, w, stderr)
	}
	c.Out = result.FolderName(c.Out, "capacity", time.Now())
	view := live.New(stderr, c.Quiet)
	doc, err := keep(c.Out, c.Force,
		func() (*result.Capacity, error) { return measureCapacity(ctx, c, w, steps(view, "capacity")) })
	view.Close()
	if doc == nil {
		return err
	}
	return errors.Join(err, report.ShowExperiment(stdout, c.Format, doc), missed(doc.SLO))
}

// followCapacity makes this process's part of each load of a search that shard 0 makes.
func followCapacity(ctx context.Context, c plan.Capacity, w *scenario.Workload, stderr io.Writer) error {
	session, err := run.Open(ctx, c.Load, w)
	if err != nil {
		return err
	}
	loads, err := session.Follow(ctx)
	if !c.Quiet {
		fmt.Fprintf(stderr, "loadgen: shard %v made its part of %d loads; shard 0 has the answer\n", c.Load.Shard,
			loads)
	}
	return errors.Join(err, session.Close()) //nolint:contextcheck // it may be over
}

// measureCapacity searches on a session of its own, and holds what it finds against the limits on capacity.
func measureCapacity(ctx context.Context, c plan.Capacity, w *scenario.Workload, step func(string)) (*result.Capacity,
	error,
) {
	session, err := run.Open(ctx, c.Load, w)
	if err != nil {
		return nil, err
	}
	doc, err := experiment.Capacity(ctx, c, &served{session: session, workers: c.Load.Workers}, step)
	err = errors.Join(err, session.Close()) //nolint:contextcheck // it may be over
	if doc == nil {
		return nil, err
	}
	doc.Target = session.Target()
	limits, parseErr := verdict.ParseCapacityLimits(c.Limits)
	for _, l := range limits {
		passes := 0.0
		if doc.Passes != nil {
			passes = doc.Passes.Rate
		}
		doc.SLO = append(doc.SLO, l.Check(passes))
	}
	return doc, errors.Join(err, parseErr)
}

// served is what the search measures: a session.
type served struct {
	session *run.Session
	workers int
}

// Measure implements [experiment.Server].
func (s *served) Measure(ctx context.Context, l experiment.Load) (*experiment.Measured, error) {
	load := run.Load{Rate: l.Rate, Warmup: l.Warmup, D: l.D, Seed: l.Seed}
	if l.Rate == 0 {
		load.Workers = min(s.workers, closedWorkers)
	}
	t, err := s.session.Run(ctx, load)
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
