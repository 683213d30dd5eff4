package report

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/result"
)

func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		reason string
		codes  map[string]int64
		want   string
	}{
		{"none", nil, "none"},
		{"one", map[string]int64{"OK": 1234}, "OK 1,234"},
		{
			"most frequent first",
			map[string]int64{"OK": 1, "UNAVAILABLE": 5, "ABORTED": 3},
			"UNAVAILABLE 5, ABORTED 3, OK 1",
		},
		{"as often, by name", map[string]int64{"OK": 2, "INTERNAL": 2, "ABORTED": 2}, "ABORTED 2, INTERNAL 2, OK 2"},
		{
			"as many as there can be",
			map[string]int64{"OK": math.MaxInt64, "ABORTED": 1},
			"OK 9,223,372,036,854,775,807, ABORTED 1",
		},
	} {
		if got := codes(&result.Document{Codes: tt.codes}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.reason, got, tt.want)
		}
	}
}

// A percentile that one series supports and another does not is a dash, and 75 is left to the files.
func TestLatencyTable(t *testing.T) {
	p := func(ps ...float64) (of []result.Percentile) {
		for i, p := range ps {
			of = append(of, result.Percentile{
				P: p, Ns: int64(1000 * (i + 1)), LowNs: int64(900 * (i + 1)),
				HighNs: int64(1200 * (i + 1)),
			})
		}
		return of
	}
	few := result.Latency{Count: 20, MeanNs: 5, MaxNs: 10, Percentiles: p(50)}
	many := result.Latency{Count: 2000, MeanNs: 5, MaxNs: 10, Percentiles: p(50, 75, 99)}
	none := result.Latency{}
	for _, tt := range []struct {
		reason string
		doc    result.Document
		want   [][]string
	}{
		{
			"a closed loop's service is its response",
			result.Document{
				Loop: "closed",
				Latency: map[string]result.Latency{
					"response": few, "service": few, "message_rtt": many,
					"first_message": none,
				},
			},
			[][]string{
				{"", "count", "mean", "p50", "p99", "max"},
				{"response", "20", "5 ns", "1.00 µs", "-", "10 ns"},
				{"  95 %", "", "", "900 ns–1.20 µs", "", ""},
				{"message_rtt", "2,000", "5 ns", "1.00 µs", "3.00 µs", "10 ns"},
			},
		},
		{"an open loop has both", result.Document{
			Loop:    "open",
			Latency: map[string]result.Latency{"lag": few, "service": few, "response": few},
		}, [][]string{
			{"", "count", "mean", "p50", "max"},
			{"response", "20", "5 ns", "1.00 µs", "10 ns"},
			{"  95 %", "", "", "900 ns–1.20 µs", ""},
			{"service", "20", "5 ns", "1.00 µs", "10 ns"},
			{"lag", "20", "5 ns", "1.00 µs", "10 ns"},
		}},
		{"no call", result.Document{Loop: "closed"}, [][]string{{"", "count", "mean", "max"}}},
	} {
		if diff := cmp.Diff(tt.want, latencyTable(&tt.doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}
