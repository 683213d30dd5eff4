package flags_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/flags"
)

// runs are as the suite has them, for each RPC.
var runs = []flags.SuiteRun{
	{Name: "Search-grpc", RPC: "Search", Transport: "grpc"},
	{Name: "SearchIO-open", RPC: "SearchIO", Transport: "wire", Rate: 50},
}

// All is within the budget, in one folder.
func TestReadSuite(t *testing.T) {
	const budget = 4 * time.Minute
	s, err := flags.ReadSuite([]string{"-budget", budget.String(), "-o", "dir", "-q"}, runs, time.Now(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Runs) != len(runs) {
		t.Errorf("%d runs, want %d", len(s.Runs), len(runs))
	}
	total := s.Overhead.Budget + s.Timeouts.Budget
	names := map[string]bool{}
	for _, p := range s.Runs {
		total += p.D + p.Warmup
		if names[p.Name] || p.Out != filepath.Join("dir", p.Name) || !p.Quiet ||
			p.Open() != strings.HasSuffix(p.Name, "-open") {
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
	_, err := flags.ReadSuite([]string{"-budget", "10s", "-c", "5", "stray"}, nil, time.Now(), io.Discard)
	for _, says := range []string{"-budget 10s: the suite wants 3m0s or more", "-c", `"stray"`} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
}
