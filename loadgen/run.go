package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/live"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/host"
)

// load carries out a run and shows it.
func load(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	p, err := flags.Run(args, stdin, stdout)
	p, work, err := run.Define(ctx, p, err)
	if err != nil {
		return err
	}
	defer work.Close()
	if err := host.CheckFlags(p.Target); err != nil {
		return fmt.Errorf("-target: %w", err)
	}
	view := live.New(stderr, p.Quiet)
	view.Logf("%s", report.Announce(p))
	defer collectSeldom()()
	doc, err := run.Run(ctx, p, work, view)
	view.Close()
	if doc == nil {
		return err
	}
	err = errors.Join(err, report.Show(stdout, p.Format, doc))
	if p.Shard.Index > 0 { // what becomes of the run is shard 0's to say
		return err
	}
	if err == nil && doc.Verdict.Status == verdict.Invalid {
		err = fmt.Errorf("%w: %s", errInvalid, strings.Join(doc.Verdict.Reasons, "; "))
	}
	if err == nil {
		err = missed(doc.SLO)
	}
	return err
}

// missed are the objectives that were not kept.
func missed(slo []verdict.Kept) (err error) {
	for _, k := range slo {
		if !k.Met {
			err = errors.Join(err, fmt.Errorf("%w %s: %s", errMissed, k.Objective, k.Result))
		}
	}
	return err
}
