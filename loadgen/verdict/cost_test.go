package verdict_test

import (
	"strings"
	"testing"

	"grpcbench/loadgen/verdict"
)

func TestCostLimits(t *testing.T) {
	for _, tt := range []struct {
		reason, slo string
		costs       []verdict.MeasuredCost
		met         bool
		says        string
	}{
		{
			"well below", "overhead(logging)<5us",
			[]verdict.MeasuredCost{{"unary:", 1800, 1600, 2000}},
			true,
			"met: unary: 1.8µs (1.6µs to 2µs)",
		},
		{
			"above, with certainty", "overhead(logging)<5us",
			[]verdict.MeasuredCost{{"unary:", 9000, 8000, 10000}},
			false, "missed: unary: 9µs (8µs to 10µs), over by 4µs",
		},
		{
			"above, but noise could explain it", "overhead(logging)<5us",
			[]verdict.MeasuredCost{{"unary:", 6000, 4000, 8000}},
			true, "met",
		},
		{
			"one of two", "overhead(otel)<5us",
			[]verdict.MeasuredCost{{"unary:", 1000, 900, 1100}, {"stream:", 9000, 8000, 10000}},
			false,
			"missed: unary: 1µs (900ns to 1.1µs); stream: 9µs",
		},
		{"not measured is not met", "overhead(metrics)<5us", nil, false, "metrics was not measured"},
	} {
		limits, err := verdict.ParseCostLimits(tt.slo)
		if err != nil || len(limits) != 1 {
			t.Fatalf("%s: %v, %v", tt.reason, limits, err)
		}
		if k := limits[0].Check(tt.costs); k.Met != tt.met || !strings.Contains(k.Result, tt.says) ||
			k.Objective != tt.slo {
			t.Errorf("%s: %+v, want met=%v and %q", tt.reason, k, tt.met, tt.says)
		}
	}
}

func TestCostLimitsRefused(t *testing.T) {
	for _, slo := range []string{
		"overhead(logging)", "overhead(logging)<5", "overhead(logging)<-5us",
		"overhead()<5us", "overhead(a,b)<5us", "p99<5us", "overhead(logging)>5us", ",",
	} {
		if all, err := verdict.ParseCostLimits(slo); err == nil {
			t.Errorf("%q was read as %+v", slo, all)
		}
	}
	if all, err := verdict.ParseCostLimits(""); err != nil || all != nil {
		t.Errorf("no limit: %v, %v", all, err)
	}
	if all, err := verdict.ParseCostLimits("overhead(mw-logging)<5us, overhead(otel-batch)<1ms"); err != nil ||
		len(all) != 2 || all[1].Limit != 1e6 {
		t.Errorf("two limits: %+v, %v", all, err)
	}
}
