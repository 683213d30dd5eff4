package main

import (
	"slices"
	"strings"
	"testing"

	"grpcbench/loadgen/scenario"
)

// Every RPC is there over each transport that carries it, and in an open loop.
func TestSuiteRuns(t *testing.T) {
	var names []string
	for _, r := range suiteRuns() {
		names = append(names, r.Name)
		if open := strings.HasSuffix(r.Name, "-open"); open != (r.Rate > 0) {
			t.Errorf("%s: %g calls/s", r.Name, r.Rate)
		}
	}
	want := 0
	for _, d := range scenario.All() {
		for _, how := range append(d.Transports(), "open") {
			want++
			if !slices.Contains(names, d.Name+"-"+how) {
				t.Errorf("%s is not there %s", d.Name, how)
			}
		}
	}
	if len(names) != want {
		t.Errorf("%d runs, want %d: %q", len(names), want, names)
	}
}
