package plan_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/scenario"
)

// Every RPC is there over each transport that carries it, and in an open loop; all within the budget, in one folder.
func TestReadSuite(t *testing.T) {
	const budget = 4 * time.Minute
	s, err := plan.ReadSuite([]string{"-budget", budget.String(), "-o", "dir", "-q"}, time.Now(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, d := range scenario.All() {
		want += len(d.Transports()) + 1
	}
	if len(s.Runs) != want {
		t.Errorf("%d runs, want %d", len(s.Runs), want)
	}
	total := s.Overhead.Budget + s.Timeouts.Budget
	names := map[string]bool{}
	for _, p := range s.Runs {
		total += p.D + p.Warmup
		if names[p.Name] || p.Out != filepath.Join("dir", p.Name) || !p.Quiet || p.Open() != strings.HasSuffix(p.Name, "-open") {
			t.Errorf("%s: %+v", p.Name, p)
		}
		names[p.Name] = true
	}
	if total > budget || total < budget*8/10 {
		t.Errorf("it is planned to take %v of %v", total, budget)
	}
	if s.Overhead.Out != filepath.Join("dir", "overhead") || s.Timeouts.Out != filepath.Join("dir", "timeouts") {
		t.Errorf("the experiments go to %s and %s", s.Overhead.Out, s.Timeouts.Out)
	}
}

func TestReadSuiteRefuses(t *testing.T) {
	_, err := plan.ReadSuite([]string{"-budget", "10s", "-c", "5", "stray"}, time.Now(), io.Discard)
	for _, says := range []string{"-budget 10s: the suite wants 3m0s or more", "-c", `"stray"`} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
}
