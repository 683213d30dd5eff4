package main

import (
	"context"
	"errors"
	"io"
	"time"

	"grpcbench/loadgen/experiment"
	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/live"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
)

// overhead measures what interceptors cost, and shows it.
func overhead(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p, err := flags.ReadOverhead(args, stdout)
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
	p, err := flags.ReadTimeouts(args, stdout)
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
