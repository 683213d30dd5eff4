package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"grpcbench/loadgen/compare"
	"grpcbench/loadgen/report/number"
)

// CompareCapacities writes how capacities changed, for a terminal or, of md, for a pull request.
func CompareCapacities(w io.Writer, format string, all []compare.CapacityChange, alone []string) error {
	if len(all)+len(alone) == 0 || format == "json" || format == "bench" {
		return nil
	}
	rows := [][]string{{"", "old, calls/s", "new, calls/s", "change", ""}}
	for _, c := range all {
		rows = append(rows, []string{
			c.Name, capacityRange(c.Old), capacityRange(c.New), signedPercent(c.Estimate),
			capacityWords(c),
		})
	}
	var b strings.Builder
	if format == "md" {
		table(&b, rows)
	} else {
		columns(&b, rows)
	}
	for _, c := range all {
		for _, k := range c.Limits {
			fmt.Fprintf(&b, "\n-fail-on %s %s", k.Objective, k.Result)
		}
	}
	for _, a := range alone {
		fmt.Fprintf(&b, "\nnot compared, %s", stripControls(a))
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

func capacityRange(r compare.CapacityRange) string {
	high := "more"
	if !math.IsInf(r.High, 0) {
		high = number.Rate(r.High)
	}
	return fmt.Sprintf("%s to %s (%d)", number.Rate(r.Low), high, r.Searches)
}

func capacityWords(c compare.CapacityChange) string {
	switch {
	case !c.Resolved:
		return "no difference resolved: the ranges overlap"
	case c.Estimate < 0:
		return "lower"
	default:
		return "higher"
	}
}

func signedPercent(share float64) string { return fmt.Sprintf("%+.1f %%", 100*share) }
