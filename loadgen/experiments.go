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
	return errors.Join(err, report.ShowExperiment(stdout, p.Format, doc), missed(doc.SLO))
}

func measureOverhead(ctx context.Context, p plan.Overhead, step func(string)) (*result.Overhead, error) {
	return keep(p.Out, p.Force, func() (*result.Overhead, error) { return experiment.Overhead(ctx, p, step) })
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
	return errors.Join(err, report.ShowExperiment(stdout, p.Format, doc))
}

func measureTimeouts(ctx context.Context, p plan.Timeouts, step func(string)) (*result.Timeouts, error) {
	return keep(p.Out, p.Force, func() (*result.Timeouts, error) { return experiment.Timeouts(ctx, p, step) })
}

// keep takes the folder, measures, and writes. The document is nil where there is none: then nothing stays of the
// folder.
func keep[D any, P interface {
	*D
	result.Experiment
}](out string, force bool, measure func() (P, error)) (P, error) {
	folder, err := result.NewFolder(out, force)
	if err != nil {
		return nil, err
	}
	doc, err := measure()
	if doc == nil {
		return nil, errors.Join(err, folder.Discard())
	}
	return doc, errors.Join(err, folder.WriteExperiment(doc,
		func(w io.Writer) error { return report.ExperimentMarkdown(w, doc) }))
}

// steps shows what an experiment does.
func steps(view *live.View, name string) func(string) {
	return func(what string) { view.Step("%s: %s", name, what) }
}
