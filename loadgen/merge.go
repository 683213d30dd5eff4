package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/verdict"
)

// merge makes one result of what several processes wrote, and shows it.
func merge(args []string, stdout io.Writer) error {
	m, err := flags.ReadMerge(args, stdout)
	if err != nil {
		return err
	}
	doc, err := run.Merge(m.Dirs, m.Out, m.Force, m.Partial)
	if doc == nil {
		return err
	}
	err = errors.Join(err, report.Show(stdout, m.Format, doc))
	if err == nil && doc.Verdict.Status == verdict.Invalid {
		err = fmt.Errorf("%w: %s", errInvalid, strings.Join(doc.Verdict.Reasons, "; "))
	}
	if err == nil {
		err = missed(doc.SLO)
	}
	return err
}
