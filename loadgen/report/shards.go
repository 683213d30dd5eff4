package report

import (
	"fmt"
	"slices"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
)

// shardTable has a row for each process of a run of several; it is nil where there is one. Clocks are as far ahead of
// the first shard's, give or take half of the round trip.
func shardTable(d *result.Document) [][]string {
	if len(d.Shards) == 0 {
		return nil
	}
	rows := [][]string{{
		"shard", "host", "verdict", "ok", "failed", "unfinished", "never sent", "p50", "p99", "clock",
		"round trip",
	}}
	for _, s := range d.Shards {
		status := string(s.Verdict)
		if s.LostAtS != nil {
			status = fmt.Sprintf("lost after %.0f s", *s.LostAtS)
		}
		clock, trip := "-", "-"
		if s.RTTNs > 0 {
			clock, trip = signed(s.OffsetNs), number.Duration(s.RTTNs)
		}
		rows = append(rows, []string{
			number.Count(int64(s.Index)), s.Host, status, number.Count(s.Counts.OK), number.Count(s.Counts.Failed),
			number.Count(s.Counts.Unfinished),
			number.Count(s.Counts.NeverSent), bounded(s.P50Ns, slices.Contains(s.AtLeast, 50)),
			bounded(s.P99Ns, slices.Contains(s.AtLeast, 99)), clock, trip,
		})
	}
	return rows
}

// signed is a duration with its sign.
func signed(ns int64) string {
	if ns < 0 {
		return "-" + number.Duration(-ns)
	}
	return "+" + number.Duration(ns)
}
