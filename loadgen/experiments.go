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
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
)

// overhead measures what interceptors cost, and shows it.
func overhead(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p, err := plan.ReadOverhead(args, stdout)
	if err != nil {
		return err
	}
	p.Out = result.FolderName(p.Out, "overhead", time.Now())
	view := live.New(stderr, p.Quiet)
	doc, err := measureOverhead(ctx, p, steps(view, "overhead"))
	view.Close()
	if doc == nil {
		return err
	}
	return errors.Join(err, report.ShowOverhead(stdout, p.Format, doc), missed(doc.SLO))
}

// measureOverhead takes the folder, measures, and writes.
func measureOverhead(ctx context.Context, p plan.Overhead, step func(string)) (*result.Overhead, error) {
	folder, err := result.NewFolder(p.Out, p.Force)
	if err != nil {
		return nil, err
	}
	doc, err := experiment.Overhead(ctx, p, step)
	if err != nil {
		return nil, errors.Join(err, folder.Discard())
	}
	return doc, experiment.WriteOverhead(folder, doc, func(w io.Writer) error { return report.OverheadMarkdown(w, doc) })
}

// timeouts measures how deadlines behave, and shows it.
func timeouts(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p, err := plan.ReadTimeouts(args, stdout)
	if err != nil {
		return err
	}
	p.Out = result.FolderName(p.Out, "timeouts", time.Now())
	view := live.New(stderr, p.Quiet)
	doc, err := measureTimeouts(ctx, p, steps(view, "timeouts"))
	view.Close()
	if doc == nil {
		return err
	}
	return errors.Join(err, report.ShowTimeouts(stdout, p.Format, doc))
}

// measureTimeouts takes the folder, measures, and writes.
func measureTimeouts(ctx context.Context, p plan.Timeouts, step func(string)) (*result.Timeouts, error) {
	folder, err := result.NewFolder(p.Out, p.Force)
	if err != nil {
		return nil, err
	}
	doc, err := experiment.Timeouts(ctx, p, step)
	if err != nil {
		return nil, errors.Join(err, folder.Discard())
	}
	return doc, experiment.WriteTimeouts(folder, doc, func(w io.Writer) error { return report.TimeoutsMarkdown(w, doc) })
}

// steps shows what an experiment does.
func steps(view *live.View, name string) func(string) {
	return func(what string) { view.Step("%s: %s", name, what) }
}

// suite carries out the standard set, into one folder, with a report of it all.
func suite(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := plan.ReadSuite(args, time.Now(), stdout)
	if err != nil {
		return err
	}
	folder, err := result.NewFolder(s.Out, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Release()) }()
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
	if _, err := measureOverhead(ctx, s.Overhead, steps(view, "overhead")); err != nil {
		return fmt.Errorf("overhead: %w", err)
	}
	tell("%d of %d: timeouts, %v", len(s.Runs)+2, len(s.Runs)+2, s.Timeouts.Budget)
	if _, err := measureTimeouts(ctx, s.Timeouts, steps(view, "timeouts")); err != nil {
		return fmt.Errorf("timeouts: %w", err)
	}
	for format, name := range map[string]string{"md": "report.md", "html": "report.html"} {
		err = errors.Join(err, report.Write(format, filepath.Join(s.Out, name), stdout, stderr, s.Out))
	}
	if !s.Quiet {
		fmt.Fprintf(stdout, "%s  report.md report.html\n", s.Out)
	}
	return err
}
