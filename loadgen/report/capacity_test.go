package report

import (
	"strings"
	"testing"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// What a rate shows of calls that were never answered is a lower bound, and is told as one: in the table, and where p99
// is drawn. The rates stand in order, whenever they were tried; the closed loop is none of them.
func TestCapacityTable(t *testing.T) {
	d := &result.Capacity{
		Passes: &result.CapacityBound{Rate: 1000}, Fails: &result.CapacityBound{Rate: 2000},
		Trials: []result.CapacityTrial{
			{Rate: 0, Achieved: 2500, Outcome: "undecided", Phase: "ceiling"},
			{
				Rate: 2000, Achieved: 215, Outcome: "fail", Why: "p99<20ms", Phase: "search", P50Ns: 2_470_000_000,
				P99Ns: 3_150_000_000, AtLeast: []float64{99}, Errors: 0.22,
			},
			{Rate: 1000, Achieved: 1001, Outcome: "pass", Phase: "search", P50Ns: 20_600_000, P99Ns: 21_600_000},
			{Rate: 1000, Achieved: 1002, Outcome: "pass", Phase: "confirm", P50Ns: 20_500_000, P99Ns: 21_500_000},
		},
	}
	rows := capacityTable(d)
	var got []string
	for _, row := range rows[1:] {
		got = append(got, strings.Join(row[:6], "|"))
	}
	want := []string{
		"1,000|pass|1,001|20.6 ms|21.6 ms|-",
		"1,000|pass, again|1,002|20.5 ms|21.5 ms|-",
		"2,000|fail|215|2.47 s|≥ 3.15 s|-",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the table is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	bars := capacityBars(d)
	if !strings.Contains(bars, "▒ ≥ 3.15 s\n") || !strings.Contains(bars, "█ 21.6 ms\n") {
		t.Errorf("p99 is drawn as\n%s", bars)
	}
}

func TestShardTableTellsBounds(t *testing.T) {
	rows := shardTable(&result.Document{Shards: []result.Shard{
		{Index: 0, Host: "a", P50Ns: 1_000_000, P99Ns: 2_000_000, Verdict: verdict.Valid},
		{Index: 1, Host: "b", P50Ns: 1_000_000, P99Ns: 2_000_000, AtLeast: []float64{99}, LostAtS: new(6.0)},
	}})
	for i, want := range []string{"valid|1.00 ms|2.00 ms", "lost after 6 s|1.00 ms|≥ 2.00 ms"} {
		row := rows[i+1]
		if got := row[2] + "|" + row[7] + "|" + row[8]; got != want {
			t.Errorf("shard %d: %s, want %s", i, got, want)
		}
	}
}
