package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
)

// Show writes runs in a format: text, md, csv, json, html or none.
func Show(w io.Writer, format string, docs ...*result.Document) error {
	switch format {
	case "text":
		for i, d := range docs {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := Text(w, d); err != nil {
				return err
			}
		}
		return nil
	case "md":
		return Markdown(w, docs...)
	case "csv":
		return CSV(w, docs...)
	case "json":
		return JSON(w, docs...)
	case "html":
		return HTML(w, docs...)
	case plan.Silent:
		return nil
	default:
		return fmt.Errorf("no such format %q", format)
	}
}

// Write writes all runs below dirs to the file out, or to stdout where that is empty. What could not be read is told
// to stderr, and does not keep the rest from being shown.
func Write(format, out string, stdout, stderr io.Writer, dirs ...string) (err error) {
	found, err := result.Collect(dirs...)
	if err != nil {
		return err
	}
	WriteBroken(stderr, found)
	if found.Empty() {
		return fmt.Errorf("there is no run in %s", strings.Join(dirs, ", "))
	}
	if out == "" {
		return showAll(stdout, format, found)
	}
	file, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return showAll(file, format, found)
}

// WriteBroken names the documents that could not be read, a line each.
func WriteBroken(w io.Writer, found *result.Collection) {
	for _, err := range found.Broken {
		fmt.Fprintln(w, "loadgen: left out:", stripControls(err.Error()))
	}
}

// showAll writes runs, and after them the experiments. CSV is of runs alone.
func showAll(w io.Writer, format string, found *result.Collection) error {
	if format == "html" {
		return htmlAll(w, found)
	}
	if len(found.Runs) > 0 {
		if err := Show(w, format, found.Runs...); err != nil {
			return err
		}
	}
	if format == "csv" {
		return nil
	}
	for _, d := range found.Experiments {
		if err := ShowExperiment(w, format, d); err != nil {
			return err
		}
	}
	return nil
}

// ShowExperiment writes an experiment in a format: text, md, json or none.
func ShowExperiment(w io.Writer, format string, d result.Experiment) error {
	switch format {
	case "text":
		return experimentText(w, d)
	case "md":
		return ExperimentMarkdown(w, d)
	case "json":
		return d.Encode(w)
	case plan.Silent:
		return nil
	default:
		return fmt.Errorf("no such format %q", format)
	}
}

// experimentText writes an experiment for a terminal.
func experimentText(w io.Writer, d result.Experiment) error {
	switch d := d.(type) {
	case *result.Overhead:
		return overheadText(w, d)
	case *result.Capacity:
		return capacityText(w, d)
	case *result.Timeouts:
		return timeoutsText(w, d)
	default:
		return fmt.Errorf("no report shows a %T", d)
	}
}

// ExperimentMarkdown writes an experiment for a pull request.
func ExperimentMarkdown(w io.Writer, d result.Experiment) error {
	switch d := d.(type) {
	case *result.Overhead:
		return overheadMarkdown(w, d)
	case *result.Capacity:
		return capacityMarkdown(w, d)
	case *result.Timeouts:
		return timeoutsMarkdown(w, d)
	default:
		return fmt.Errorf("no report shows a %T", d)
	}
}

// Version writes what this binary is built from.
func Version(w io.Writer) error {
	e := result.Capture()
	parts := []string{"grpcbench", e.Git, e.Go, e.GRPC, e.OS}
	if e.GRPC != "" {
		parts[3] = "grpc-go " + e.GRPC
	}
	_, err := fmt.Fprintln(w, strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " "))
	return err
}

func calls(n int64) string {
	if n == 1 {
		return "1 call"
	}
	return number.Count(n) + " calls"
}

// Announce says in a line what a run is about to do.
func Announce(p plan.Plan) string {
	var ends []string
	if p.D > 0 {
		ends = append(ends, p.D.String())
	}
	if p.Total > 0 {
		ends = append(ends, calls(p.Total))
	}
	length := strings.Join(ends, " or ") // whichever is first
	if p.Warmup > 0 {
		length = fmt.Sprintf("%v of warm-up, then %s", p.Warmup, length)
	}
	to := p.Addr
	if p.Embedded() {
		to = "an embedded target"
	}
	load := workers(p.Workers)
	switch {
	case p.Stages != "":
		load = fmt.Sprintf("%s calls/s, at most %s", p.Stages, load)
	case p.Rate > 0:
		load = fmt.Sprintf("%s calls/s, at most %s", number.Rate(p.Rate), load)
	}
	return fmt.Sprintf("%s over %s to %s, %s: %s", cmp.Or(p.RPC, p.File), p.Transport, to, load, length)
}
