package verdict_test

import (
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/verdict"
)

func TestJudgeShards(t *testing.T) {
	us := time.Microsecond
	three := func(change func(*verdict.ShardFacts)) verdict.ShardFacts {
		f := verdict.ShardFacts{Due: 3000, OK: 3000}
		for i := range 3 {
			f.Shards = append(f.Shards, verdict.ShardFact{
				Index: i, Verdict: verdict.Verdict{Status: verdict.Valid},
				P50: 100 * us, Low: 95 * us, High: 105 * us, Count: 1000, Apart: time.Millisecond,
			})
		}
		change(&f)
		return f
	}
	doubt := verdict.Verdict{Status: verdict.Suspect, Reasons: []string{"a doubt"}}
	for _, tt := range []struct {
		reason string
		change func(*verdict.ShardFacts)
		status verdict.Status
		want   string
	}{
		{"all well", func(*verdict.ShardFacts) {}, verdict.Valid, ""},
		{
			"one has a doubt", func(f *verdict.ShardFacts) { f.Shards[1].Verdict = doubt }, verdict.Suspect,
			"shard 1: a doubt",
		},
		{
			"two have the same", func(f *verdict.ShardFacts) {
				f.Shards[0].Verdict, f.Shards[2].Verdict = doubt,
					doubt
			},
			verdict.Suspect, "shards 0, 2: a doubt",
		},
		{"the worst counts", func(f *verdict.ShardFacts) {
			f.Shards[0].Verdict = doubt
			f.Shards[2].Verdict = verdict.Verdict{Status: verdict.Invalid, Reasons: []string{"a fault"}}
		}, verdict.Invalid, "shard 2: a fault"},
		{"one is lost", func(f *verdict.ShardFacts) {
			f.Shards[1].Lost, f.Shards[1].LostAt, f.NeverSent = true, 3,
				600
		}, verdict.Invalid, "shard 1 was lost after 3 s: of 3000 calls that were due 600 (20 %) were never sent"},
		{"one is slower than the others", func(f *verdict.ShardFacts) {
			f.Shards[2].P50, f.Shards[2].Low, f.Shards[2].High = 160*us, 150*us, 170*us
		}, verdict.Suspect, "shard 2 stands out: its p50 is 160µs, where the middle shard's is 100µs"},
		{"one is faster", func(f *verdict.ShardFacts) {
			f.Shards[0].P50, f.Shards[0].Low, f.Shards[0].High = 50*us,
				45*us, 55*us
		}, verdict.Suspect, "shard 0 stands out"},
		{"one is slower, as far as so few calls tell", func(f *verdict.ShardFacts) {
			f.Shards[2].P50, f.Shards[2].Low, f.Shards[2].High = 160*us, 101*us, 900*us
		}, verdict.Valid, ""},
		{"of two nobody knows which", func(f *verdict.ShardFacts) {
			f.Shards = f.Shards[:2]
			f.Shards[1].P50, f.Shards[1].Low, f.Shards[1].High = 160*us, 150*us, 170*us
		}, verdict.Valid, ""},
		{
			"a clock that goes away", func(f *verdict.ShardFacts) { f.Shards[1].Drift = -3 * time.Millisecond },
			verdict.Suspect, "the clock of shard 1 went away from shard 0's by -3ms",
		},
		{
			"a clock that goes away by less than is known",
			func(f *verdict.ShardFacts) { f.Shards[1].Drift = 900 * us },
			verdict.Valid, "",
		},
		{
			"aborted", func(f *verdict.ShardFacts) { f.Aborted = "errors>20%, met: 30 %" }, verdict.Suspect,
			"the run was aborted: errors>20%, met: 30 %",
		},
	} {
		v := verdict.JudgeShards(three(tt.change))
		if v.Status != tt.status || !strings.Contains(strings.Join(v.Reasons, "\n"), tt.want) || tt.want == "" &&
			len(v.Reasons) > 0 {
			t.Errorf("%s: %+v, want %s, %q", tt.reason, v, tt.status, tt.want)
		}
	}
}
