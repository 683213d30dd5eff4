package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"grpcbench/loadgen/compare"
	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// comparison compares the runs of two folders, and shows it.
func comparison(args []string, stdout, stderr io.Writer) (err error) {
	p, err := flags.ReadCompare(args, stdout)
	if err != nil {
		return err
	}
	var sides [2][]*result.Document
	var searches [2][]*result.Capacity
	for i, dir := range []string{p.Old, p.New} {
		found, err := result.Collect(dir)
		if err != nil {
			return err
		}
		report.WriteBroken(stderr, found)
		sides[i], searches[i] = found.Runs, found.Capacity()
	}
	if err := verdict.CheckChangeNames(p.FailOn, partNames(slices.Concat(sides[0], sides[1]))); err != nil {
		return plan.NewUsageError(err)
	}
	ofRuns, ofSearches := splitLimits(p.FailOn)
	capacities, lone := compare.Capacities(searches[0], searches[1], ofSearches)
	var all []*compare.Comparison
	var alone []string
	if len(capacities) == 0 || len(sides[0])+len(sides[1]) > 0 {
		if all, alone, err = compare.Runs(sides[0], sides[1], ofRuns); err != nil {
			return fmt.Errorf("compare %s with %s: %w", p.Old, p.New, err)
		}
	}
	out := stdout
	if p.Out != "" {
		file, err := os.Create(p.Out)
		if err != nil {
			return fmt.Errorf("write the comparison: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	if err := report.Compare(out, p.Format, all, alone); err != nil {
		return err
	}
	if err := report.CompareCapacities(out, p.Format, capacities, lone); err != nil {
		return err
	}
	for _, c := range capacities {
		err = errors.Join(err, missedChange(c.Name, c.Limits))
	}
	if len(ofSearches) > 0 && len(capacities) == 0 {
		err = errors.Join(err, fmt.Errorf("%w %s: there are no two searches for capacity to compare", errChanged,
			ofSearches[0].Text))
	}
	for _, c := range all {
		err = errors.Join(err, missedChange(c.Name, c.Limits))
		if len(p.FailOn) > 0 && c.Invalid() > 0 {
			err = errors.Join(err, fmt.Errorf("%w: -fail-on cannot be decided by INVALID runs, and of %s there are %d",
				errInvalid, c.Name, c.Invalid()))
		}
	}
	for _, a := range alone {
		if strings.HasPrefix(a, "old: ") && len(p.FailOn) > 0 {
			err = errors.Join(err, fmt.Errorf("%w: what was there before is not compared, %s", errChanged, a))
		}
	}
	return err
}

// splitLimits parts the limits on runs from those on capacities.
func splitLimits(all []verdict.ChangeLimit) (runs, searches []verdict.ChangeLimit) {
	for _, l := range all {
		if l.Metric == "capacity" {
			searches = append(searches, l)
		} else {
			runs = append(runs, l)
		}
	}
	return runs, searches
}

// partNames are the steps and flows of the runs that have several.
func partNames(runs []*result.Document) (all []string) {
	for _, d := range runs {
		for _, part := range d.Parts() {
			if !slices.Contains(all, part.Name) {
				all = append(all, part.Name)
			}
		}
	}
	return all
}

// missedChange are the limits of -fail-on that were not kept.
func missedChange(name string, limits []verdict.Kept) (err error) {
	for _, k := range limits {
		if !k.Met {
			err = errors.Join(err, fmt.Errorf("%w %s: %s: %s", errChanged, k.Objective, name, k.Result))
		}
	}
	return err
}
