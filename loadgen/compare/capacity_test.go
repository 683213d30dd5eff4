package compare_test

import (
	"strings"
	"testing"

	"grpcbench/loadgen/compare"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

func found(passes, fails float64, generator string) *result.Capacity {
	d := &result.Capacity{
		Plan:      plan.Capacity{Load: plan.Plan{RPC: "Search", Transport: "grpc"}, SLO: "p99<10ms"},
		Generator: generator,
	}
	if passes > 0 {
		d.Passes = &result.CapacityBound{Rate: passes}
	}
	if fails > 0 {
		d.Fails = &result.CapacityBound{Rate: fails}
	}
	return d
}

// A capacity has changed where the ranges do not touch, and a limit is missed where it has, and beyond it.
func TestCapacities(t *testing.T) {
	for _, tt := range []struct {
		reason   string
		old, new []*result.Capacity
		resolved bool
		met      bool
	}{
		{
			"as it was",
			[]*result.Capacity{found(1000, 1050, "")},
			[]*result.Capacity{found(1020, 1070, "")},
			false,
			true,
		},
		{"lower", []*result.Capacity{found(1000, 1050, "")}, []*result.Capacity{found(800, 840, "")}, true, false},
		{
			"a little lower, which shows",
			[]*result.Capacity{found(1000, 1010, "")},
			[]*result.Capacity{found(980, 990, "")},
			true, true,
		},
		{"higher", []*result.Capacity{found(1000, 1050, "")}, []*result.Capacity{found(1200, 1260, "")}, true, true},
		{
			"lower, but for one of its searches",
			[]*result.Capacity{found(1000, 1050, "")},
			[]*result.Capacity{found(800, 840, ""), found(980, 1020, "")},
			false, true,
		},
		{
			"at least as much as the load generator makes",
			[]*result.Capacity{found(1000, 1050, "")},
			[]*result.Capacity{found(800, 840, "it has no more")},
			false, true,
		},
		{
			"nothing passes any more",
			[]*result.Capacity{found(1000, 1050, "")},
			[]*result.Capacity{found(0, 10, "")},
			true, false,
		},
	} {
		limits, err := verdict.ParseChangeLimits("capacity<-5%")
		if err != nil {
			t.Fatal(err)
		}
		all, alone := compare.Capacities(tt.old, tt.new, limits)
		if len(all) != 1 || len(alone) > 0 || all[0].Resolved != tt.resolved || all[0].Limits[0].Met != tt.met {
			t.Errorf("%s: %+v, %q; want resolved %v, met %v", tt.reason, all, alone, tt.resolved, tt.met)
		}
	}
	other := found(1, 2, "")
	other.Plan.SLO = "p99<20ms"
	if all, alone := compare.Capacities([]*result.Capacity{found(1, 2, "")}, []*result.Capacity{other},
		nil); len(all) > 0 || len(alone) != 2 || !strings.HasSuffix(alone[0], "p99<10ms") {
		t.Errorf("of other objectives: %+v, %q", all, alone)
	}
}
