package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"grpcbench/loadgen/experiment"
	"grpcbench/loadgen/live"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/run"
)

// overhead measures what interceptors cost, and shows it.
func overhead(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p, err := plan.ReadOverhead(args, stdout)
	if err != nil {
		return err
	}
	p.Out = experiment.Folder(p.Out, "overhead", time.Now())
	view := live.New(stderr, p.Quiet)
	doc, err := experiment.Overhead(ctx, p, steps(view, "overhead"))
	view.Close()
	if err != nil {
		return err
	}
	err = experiment.WriteOverhead(doc, func(w io.Writer) error { return report.OverheadMarkdown(w, doc) })
	return errors.Join(err, report.ShowOverhead(stdout, p.Format, doc), missed(doc.SLO))
}

// timeouts measures how deadlines behave, and shows it.
func timeouts(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p, err := plan.ReadTimeouts(args, stdout)
	if err != nil {
		return err
	}
	p.Out = experiment.Folder(p.Out, "timeouts", time.Now())
	view := live.New(stderr, p.Quiet)
	doc, err := experiment.Timeouts(ctx, p, steps(view, "timeouts"))
	view.Close()
	if err != nil {
		return err
	}
	err = experiment.WriteTimeouts(doc, func(w io.Writer) error { return report.TimeoutsMarkdown(w, doc) })
	return errors.Join(err, report.ShowTimeouts(stdout, p.Format, doc))
}

// steps shows what an experiment does.
func steps(view *live.View, name string) func(string) {
	return func(what string) { view.Step("%s: %s", name, what) }
}

// suite carries out the standard set, into one folder, with a report of it all.
func suite(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := plan.ReadSuite(args, time.Now(), stdout)
	if err != nil {
		return err
	}
	view := live.New(stderr, s.Quiet)
	defer view.Close()
	tell := func(format string, args ...any) { view.Say("suite: "+format, args...) }
	for i, p := range s.Runs {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the suite was interrupted: %w", err)
		}
		tell("%d of %d: %s", i+1, len(s.Runs)+2, report.Announce(p))
		if _, err := run.Run(ctx, p, view); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	tell("%d of %d: overhead, %v", len(s.Runs)+1, len(s.Runs)+2, s.Overhead.Budget)
	overhead, err := experiment.Overhead(ctx, s.Overhead, steps(view, "overhead"))
	if err != nil {
		return fmt.Errorf("overhead: %w", err)
	}
	if err := experiment.WriteOverhead(overhead, func(w io.Writer) error { return report.OverheadMarkdown(w, overhead) }); err != nil {
		return err
	}
	tell("%d of %d: timeouts, %v", len(s.Runs)+2, len(s.Runs)+2, s.Timeouts.Budget)
	timeouts, err := experiment.Timeouts(ctx, s.Timeouts, steps(view, "timeouts"))
	if err != nil {
		return fmt.Errorf("timeouts: %w", err)
	}
	err = experiment.WriteTimeouts(timeouts, func(w io.Writer) error { return report.TimeoutsMarkdown(w, timeouts) })
	for format, name := range map[string]string{"md": "report.md", "html": "report.html"} {
		err = errors.Join(err, report.Write(format, filepath.Join(s.Out, name), stdout, s.Out))
	}
	if !s.Quiet {
		fmt.Fprintf(stdout, "%s  report.md report.html\n", s.Out)
	}
	return err
}
