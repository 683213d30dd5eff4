package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"grpcbench/loadgen/result"
)

// CSV writes a line per run, series and percentile; times are in nanoseconds.
func CSV(w io.Writer, docs ...*result.Document) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"run_id", "name", "rpc", "transport", "loop", "verdict", "calls_per_second", "failed", "series", "count", "percentile", "ns", "low_ns", "high_ns", "at_least"}}
	for _, d := range docs {
		for _, s := range seriesOrder(d) {
			l := d.Latency[s]
			head := []string{
				d.RunID, d.Name(), d.Plan.RPC, d.Plan.Transport, d.Loop, string(d.Verdict.Status),
				strconv.FormatFloat(d.Rate.Achieved, 'f', 1, 64), strconv.FormatInt(d.Counts.Failed, 10), s, strconv.FormatInt(l.Count, 10),
			}
			add := func(p string, ns, low int64, high string, atLeast bool) {
				row := append([]string{}, head...)
				rows = append(rows, append(row, p, strconv.FormatInt(ns, 10), strconv.FormatInt(low, 10), high, strconv.FormatBool(atLeast)))
			}
			end := func(ns int64, atLeast bool) string { // empty where there is no upper end
				if atLeast {
					return ""
				}
				return strconv.FormatInt(ns, 10)
			}
			for _, p := range l.Percentiles {
				add(strconv.FormatFloat(p.P, 'f', -1, 64), p.Ns, p.LowNs, end(p.HighNs, p.HighAtLeast), p.AtLeast)
			}
			add("100", l.MaxNs, l.MaxNs, end(l.MaxNs, l.Censored > 0), l.Censored > 0)
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write the CSV report: %w", err)
	}
	return nil
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
