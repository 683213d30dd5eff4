package run

import (
	"testing"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

func TestFindOutage(t *testing.T) {
	type second struct{ ok, failed int64 }
	for _, tt := range []struct {
		reason  string
		seconds []second
		want    verdict.Outage
	}{
		{"no seconds", nil, verdict.Outage{}},
		{"all well", []second{{100, 0}, {100, 0}}, verdict.Outage{}},
		{
			"a server that dies",
			[]second{{100, 0}, {40, 60}, {0, 100}, {0, 100}},
			verdict.Outage{From: 2, To: 4, Failed: 200},
		},
		{"one that comes back", []second{{100, 0}, {0, 100}, {90, 10}}, verdict.Outage{From: 1, To: 2, Failed: 100}},
		{"one that comes late", []second{{0, 50}, {100, 0}}, verdict.Outage{From: 0, To: 1, Failed: 50}},
		{"of two the longer", []second{{9, 0}, {0, 30}, {9, 0}, {0, 31}}, verdict.Outage{From: 3, To: 4, Failed: 31}},
		{
			"seconds without a call stand between",
			[]second{{100, 0}, {0, 0}, {0, 60}, {0, 0}, {0, 60}},
			verdict.Outage{From: 2, To: 5, Failed: 120},
		},
		{"nothing ever went well: that is told otherwise", []second{{0, 100}, {0, 100}}, verdict.Outage{}},
		{
			"one call a second, and one in three fails",
			[]second{{1, 0}, {0, 1}, {1, 0}, {1, 0}, {0, 1}, {0, 1}},
			verdict.Outage{},
		},
		{"nine in ten fail: a few in a row are chance", []second{{10, 90}, {0, 20}, {10, 90}}, verdict.Outage{}},
		{
			"nine in ten fail: hundreds in a row are none",
			[]second{{100, 900}, {0, 1000}, {100, 900}},
			verdict.Outage{From: 1, To: 2, Failed: 1000},
		},
	} {
		var series []result.Point
		for i, s := range tt.seconds {
			series = append(series, result.Point{TS: float64(i + 1), OK: s.ok, Failed: s.failed})
		}
		if got := findOutage(series); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.reason, got, tt.want)
		}
	}
}
