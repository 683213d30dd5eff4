package compare_test

import (
	"math"
	"slices"
	"testing"

	"grpcbench/loadgen/compare"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// bounded makes the runs' percentiles and mean lower bounds, as calls that were never answered do.
func bounded(runs []*result.Document) []*result.Document {
	for _, d := range runs {
		d.Counts = recorder.Counts{OK: 20_000, Unfinished: 80_000}
		for name, l := range d.Latency {
			l.Censored = 80_000
			l.Percentiles = slices.Clone(l.Percentiles)
			for i := range l.Percentiles {
				l.Percentiles[i].AtLeast = true
			}
			d.Latency[name] = l
		}
	}
	return runs
}

// A change of what is only known as at least so much is one in the direction alone in which it holds whatever the calls
// without an answer would have taken.
func TestChangesOfLowerBounds(t *testing.T) {
	limits, err := verdict.ParseChangeLimits("p99>+5%,mean>+5%")
	if err != nil {
		t.Fatal(err)
	}
	const fast, slow = 1e5, 4e5
	for _, tt := range []struct {
		reason        string
		old, young    []*result.Document
		resolved, met bool // of p99
	}{
		{"both known, slower", thrice(0, fast, 1.01*fast), thrice(1, slow, 1.01*slow), true, false},
		{"both known, faster", thrice(0, slow, 1.01*slow), thrice(1, fast, 1.01*fast), true, true},
		{"at least slower is slower", thrice(0, fast, 1.01*fast), bounded(thrice(1, slow, 1.01*slow)), true, false},
		{
			"at least faster can be slower", thrice(0, slow, 1.01*slow), bounded(thrice(1, fast, 1.01*fast)), false,
			false,
		},
		{
			"what was at least slower got faster", bounded(thrice(0, slow, 1.01*slow)), thrice(1, fast, 1.01*fast),
			true,
			true,
		},
		{
			"what was at least faster may have got neither", bounded(thrice(0, fast, 1.01*fast)),
			thrice(1, slow, 1.01*slow), false, false,
		},
		{
			"two lower bounds tell nothing", bounded(thrice(0, fast, 1.01*fast)), bounded(thrice(1, slow, 1.01*slow)),
			false, false,
		},
	} {
		all, _, err := compare.Runs(tt.old, tt.young, limits)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all[0].Metrics {
			if (m.Name == "p99" || m.Name == "mean") && m.Resolved != tt.resolved {
				t.Errorf("%s: %s is resolved: %v, want %v", tt.reason, m.Name, m.Resolved, tt.resolved)
			}
		}
		for _, k := range all[0].Limits {
			if k.Met != tt.met {
				t.Errorf("%s: -fail-on %s is met: %v (%s), want %v", tt.reason, k.Objective, k.Met, k.Result, tt.met)
			}
		}
	}
}

// Calls without an answer are no success: the share of errors rises by them.
func TestErrorsCountTheUnanswered(t *testing.T) {
	for _, m := range one(t, thrice(0, 1e5, 1.01e5), bounded(thrice(1, 1e5, 1.01e5))).Metrics {
		if m.Name == "errors" && (math.Abs(m.Second-0.8) > 1e-9 || !m.Resolved || !m.Worse()) {
			t.Errorf("errors are %v, resolved %v; want 0.8, and worse", m.Second, m.Resolved)
		}
	}
}
