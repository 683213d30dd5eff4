package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"grpcbench/loadgen/result"
)

// CSV writes a line per run, series and percentile, and after a run's own those of its steps and flows, where there are
// several; times are in nanoseconds.
func CSV(w io.Writer, docs ...*result.Document) error {
	out := csv.NewWriter(w)
	rows := [][]string{{
		"run_id", "name", "rpc", "transport", "loop", "verdict", "calls_per_second", "failed", "series", "count",
		"percentile", "ns", "low_ns", "high_ns", "at_least", "step",
	}}
	for _, d := range docs {
		head := []string{d.RunID, d.Name(), d.Plan.RPC, d.Plan.Transport, d.Loop, string(d.Verdict.Status)}
		rows = append(rows, csvRows(head, d.Loop, "", d.Rate.Achieved, d.Counts.Failed, d.Latency)...)
		for _, p := range d.Parts() {
			rate := float64(p.Counts.OK+p.Counts.Failed) / max(float64(d.DurationNs)/1e9, 1e-9)
			rows = append(rows, csvRows(head, d.Loop, p.Name, rate, p.Counts.Failed, p.Latency)...)
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write the CSV report: %w", err)
	}
	return nil
}

// csvRows are those of one population: of a run, or of a step.
func csvRows(run []string, loop, step string, rate float64, failed int64,
	latency map[string]result.Latency,
) (rows [][]string) {
	end := func(ns int64, atLeast bool) string { // empty where there is no upper end
		if atLeast {
			return ""
		}
		return strconv.FormatInt(ns, 10)
	}
	for _, s := range orderSeries(loop, latency) {
		l := latency[s]
		head := append(slices.Clone(run), strconv.FormatFloat(rate, 'f', 1, 64), strconv.FormatInt(failed, 10), s,
			strconv.FormatInt(l.Count, 10))
		add := func(p string, ns, low int64, high string, atLeast bool) {
			rows = append(rows, append(slices.Clone(head), p, strconv.FormatInt(ns, 10), strconv.FormatInt(low, 10),
				high, strconv.FormatBool(atLeast), step))
		}
		for _, p := range l.Percentiles {
			add(strconv.FormatFloat(p.P, 'f', -1, 64), p.Ns, p.LowNs, end(p.HighNs, p.HighAtLeast), p.AtLeast)
		}
		add("100", l.MaxNs, l.MaxNs, end(l.MaxNs, l.Censored > 0), l.Censored > 0)
	}
	return rows
}

// JSON writes the documents as an array, or one alone as it is.
func JSON(w io.Writer, docs ...*result.Document) error {
	if len(docs) == 1 {
		return docs[0].Encode(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(docs); err != nil {
		return fmt.Errorf("write the JSON report: %w", err)
	}
	return nil
}
