package main

import (
	"slices"
	"strings"
	"testing"

	"grpcbench/loadgen/scenario"
)

// Every RPC is there over each transport that carries it, and in an open loop.
func TestSuiteLines(t *testing.T) {
	var names []string
	for _, line := range suiteLines() {
		names = append(names, line[len(line)-1])
		if open := strings.HasSuffix(line[len(line)-1], "-open"); open != slices.Contains(line, "-rate") {
			t.Errorf("%q: open loop %v", line, open)
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
