package series_test

import (
	"strings"
	"testing"

	"grpcbench/loadgen/series"
)

// The table is whole: a series that lacks a name, a help or its place is found by nobody.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for s := range series.Count {
		name := s.String()
		if name == "" || seen[name] {
			t.Errorf("series %d has the name %q, which is none of its own", s, name)
		}
		seen[name] = true
		if got, ok := series.Named(name); !ok || got != s {
			t.Errorf("Named(%q) = %v, %v, want %v", name, got, ok, s)
		}
		if help := s.Help(); !strings.HasSuffix(help, ".") {
			t.Errorf("the help of %s is no sentence: %q", name, help)
		}
	}
	if s, ok := series.Named("latency"); ok {
		t.Errorf("Named finds %v where there is none", s)
	}
	if series.Service.Within() || !series.FirstMessage.Within() || !series.SendBlocked.Within() {
		t.Error("Within does not part the series of calls from those of messages")
	}
}
