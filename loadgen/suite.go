package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/live"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
)

// suite carries out the standard set, into one folder, with a report of it all.
func suite(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := flags.ReadSuite(args, suiteRuns(), time.Now(), stdout)
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
	tell := func(format string, args ...any) { view.Logf("suite: "+format, args...) }
	for i, p := range s.Runs {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the suite was interrupted: %w", err)
		}
		tell("%d of %d: %s", i+1, len(s.Runs)+2, report.Announce(p))
		p, work, err := run.Define(ctx, p, nil)
		if err == nil {
			release := collectSeldom()
			_, err = run.Run(ctx, p, work, view)
			release()
		}
		if err != nil {
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

// suiteRuns are the standard runs: every RPC in a closed loop over each transport that can, and in an open loop over
// wire.
func suiteRuns() (all []flags.SuiteRun) {
	for _, d := range scenario.All() {
		for _, name := range d.Transports() {
			all = append(all, flags.SuiteRun{Name: d.Name + "-" + name, RPC: d.Name, Transport: name})
		}
		rate := 500.0
		if d.Streams() {
			rate = 50
		}
		if d.DefaultSize > 1<<10 {
			rate = 5 // a call of CreateRepo is some MiB
		}
		all = append(all, flags.SuiteRun{Name: d.Name + "-open", RPC: d.Name, Transport: transport.Wire, Rate: rate})
	}
	return all
}
