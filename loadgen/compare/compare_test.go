package compare_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/compare"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// population has all percentiles that are compared, each so many times the median.
func population(median float64) result.Latency {
	l := result.Latency{Count: 100_000, EffectiveCount: 100_000, MeanNs: 1.1 * median}
	for _, x := range []struct{ p, times float64 }{{50, 1}, {90, 1.5}, {95, 1.7}, {99, 2}, {99.9, 5}} {
		l.Percentiles = append(l.Percentiles, result.Percentile{P: x.p, Ns: int64(median * x.times)})
	}
	return l
}

// run is the i-th run of a closed loop, of a minute, with a median in nanoseconds; 1 % of its calls fail.
func run(i int, median float64) *result.Document {
	p := plan.Plan{
		RPC: "Search", Transport: "grpc", Workers: 50, Conns: 1, D: time.Minute, Warmup: time.Second,
		Timeout: 20 * time.Second, Messages: 1,
		Arrival: "uniform", Seed: 1, ClientInterceptors: []string{"requestid"}, Out: fmt.Sprintf("runs/%d", i),
		Name: fmt.Sprint(i), Format: "text",
	}
	return &result.Document{
		Schema: result.Schema, RunID: fmt.Sprintf("%08x", i), Started: begin.Add(time.Duration(i) * time.Minute),
		Plan: p, Loop: "closed",
		Folder: fmt.Sprintf("runs/%d", i), Verdict: verdict.Verdict{Status: verdict.Valid},
		Counts:  recorder.Counts{OK: 99_000, Failed: 1000},
		Rate:    result.Rate{Offered: 5e10 / median, Achieved: 5e10 / median},
		Latency: map[string]result.Latency{"response": population(median), "service": population(median)},
		Client:  result.Usage{CPUMicrosPerCall: 20}, Server: &result.Usage{CPUMicrosPerCall: 30},
	}
}

// runs are runs of these medians, by turns with those of the other side: from, from+2 and so on.
func runs(from int, medians ...float64) (all []*result.Document) {
	for i, m := range medians {
		all = append(all, run(from+2*i, m))
	}
	return all
}

// thrice is a side of three runs, the least that is compared as runs, with medians from the one to the other.
func thrice(from int, low, high float64) []*result.Document {
	return runs(from, low, (low+high)/2, high)
}

// one compares two sides that are of one kind.
func one(t *testing.T, before, after []*result.Document, limits ...string) *compare.Comparison {
	t.Helper()
	l, err := verdict.ParseChangeLimits(strings.Join(limits, ","))
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := compare.Runs(before, after, l)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("%d comparisons, want one", len(all))
	}
	return all[0]
}

func metric(t *testing.T, c *compare.Comparison, name string) compare.Metric {
	t.Helper()
	i := slices.IndexFunc(c.Metrics, func(m compare.Metric) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("no %s among %v", name, metricNames(c))
	}
	return c.Metrics[i]
}

func metricNames(c *compare.Comparison) (names []string) {
	for _, m := range c.Metrics {
		names = append(names, m.Name)
	}
	return names
}

// with changes each run's plan.
func with(all []*result.Document, change func(*plan.Plan)) []*result.Document {
	for _, d := range all {
		change(&d.Plan)
	}
	return all
}

// Runs that were made alike are compared with each other, in the order of the old ones.
func TestGroups(t *testing.T) {
	wire := func(p *plan.Plan) { p.Transport, p.ClientInterceptors = "wire", nil }
	few := func(p *plan.Plan) { p.Workers = 8 }
	search := func(from int) []*result.Document { return thrice(from, 1e5, 1.1e5) }
	for _, tt := range []struct {
		reason     string
		old, young []*result.Document
		want       []string // name, runs of the old side, runs of the new one
	}{
		{"one kind", search(0), search(1), []string{"Search 3 3"}},
		{
			"two kinds, in another order", slices.Concat(search(0), with(search(10), wire)),
			slices.Concat(with(search(21), wire), search(31)),
			[]string{"Search 3 3", "Search -transport wire 3 3"},
		},
		{
			"by turns",
			[]*result.Document{
				run(0, 1e5), with(runs(1, 1e5), few)[0], run(2, 1e5),
				with(runs(3, 1e5), few)[0], run(4, 1e5), with(runs(5, 1e5), few)[0],
			},
			slices.Concat(search(15), with(search(16), few)),
			[]string{"Search 3 3", "Search -c 8 3 3"},
		},
		{
			"a kind that only one side has", slices.Concat(search(0), with(search(10), wire)),
			slices.Concat(search(21), with(search(31), few)),
			[]string{"Search 3 3"},
		},
		{"one kind each, which differ", search(0), with(search(1), wire), []string{"Search 3 3"}},
		{
			"how long is no kind", search(0),
			with(search(1), func(p *plan.Plan) { p.D, p.Name, p.Addr = time.Second, "x", "a:1" }),
			[]string{"Search 3 3"},
		},
		{"more runs on one side", runs(0, 1e5, 1e5, 1.1e5, 1e5), search(1), []string{"Search 4 3"}},
	} {
		all, _, err := compare.Runs(tt.old, tt.young, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
			continue
		}
		var got []string
		for _, c := range all {
			got = append(got, fmt.Sprintf("%s %d %d", c.Name, len(c.Old.Runs), len(c.New.Runs)))
			if c.Old.Rounds != len(c.Old.Runs) || c.New.Rounds != len(c.New.Runs) || c.Stretch != 0 {
				t.Errorf("%s: %d and %d rounds of %v, want one a run", tt.reason, c.Old.Rounds, c.New.Rounds, c.Stretch)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

func TestNothingToCompare(t *testing.T) {
	wire := with(thrice(0, 1e5, 1e5), func(p *plan.Plan) { p.Transport, p.ClientInterceptors = "wire", nil })
	few := with(thrice(0, 1e5, 1e5), func(p *plan.Plan) { p.Workers = 8 })
	get := with(thrice(0, 1e5, 1e5), func(p *plan.Plan) { p.RPC = "GetUser" })
	for _, tt := range []struct {
		reason     string
		old, young []*result.Document
		says       []string
	}{
		{"no runs at all", nil, nil, []string{"0 runs"}},
		{"no old ones", nil, runs(0, 1e5), []string{"0 runs", "1"}},
		{"no new ones", thrice(0, 1e5, 1e5), nil, []string{"3 runs", "0"}},
		{
			"two kinds, and another", slices.Concat(wire, few), get,
			[]string{"Search -transport wire", "Search -c 8", "GetUser"},
		},
	} {
		all, _, err := compare.Runs(tt.old, tt.young, nil)
		if err == nil {
			t.Errorf("%s: %d comparisons, want an error", tt.reason, len(all))
			continue
		}
		for _, want := range tt.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %s", tt.reason, err, want)
			}
		}
	}
}

// What a reader must know of that is not alike: the settings, but for where the result went.
func TestDiffer(t *testing.T) {
	for _, tt := range []struct {
		reason string
		change func(*plan.Plan)
		want   []string
	}{
		{"nothing", func(*plan.Plan) {}, nil},
		{"where the result went", func(p *plan.Plan) {
			p.Out, p.Name, p.Format, p.Quiet, p.SLO = "x", "y", "z", true,
				"p99<1s"
		}, nil},
		{"how long", func(p *plan.Plan) { p.D = 30 * time.Second }, []string{"duration: 1m0s and 30s"}},
		{
			"several, in the order of the plan",
			func(p *plan.Plan) { p.Target, p.Workers, p.Transport = []string{"-interceptors=none"}, 8, "wire" },
			[]string{
				"transport: grpc and wire", "concurrency: 50 and 8", "target: none and -interceptors=none",
			},
		},
		{
			"to whom", func(p *plan.Plan) { p.RPC, p.Addr = "GetUser", "a:1" },
			[]string{"rpc: Search and GetUser", "addr: none and a:1"},
		},
		{
			"every setting of traces", func(p *plan.Plan) { p.OTLP, p.TraceRatio = "a:1", 0.5 },
			[]string{"trace_ratio: 0 and 0.5"},
		},
	} {
		c := one(t, thrice(0, 1e5, 1e5), with(thrice(1, 1e5, 1e5), tt.change))
		if diff := cmp.Diff(tt.want, c.Differ); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

func ofStep(name string) result.Step {
	return result.Step{
		Name: name, Counts: recorder.Counts{OK: 10_000},
		Latency: map[string]result.Latency{"response": population(1e5)},
	}
}

// A step that got slower is resolved, the other is not, and a limit on it is missed.
func TestStepsAreCompared(t *testing.T) {
	side := func(from int, pay float64) []*result.Document {
		all := thrice(from, 1e5, 1.02e5)
		for i, d := range all {
			slower := ofStep("Pay")
			slower.Latency = map[string]result.Latency{"response": population(pay * (1 + 0.01*float64(i)))}
			d.Steps = []result.Step{ofStep("Search"), slower}
		}
		return all
	}
	c := one(t, side(0, 1e5), side(1, 3e5), "p99(Pay)>+10%", "p99(Search)>+10%")
	if pay, search := metric(t, c, "p99(Pay)"), metric(t, c, "p99(Search)"); !pay.Resolved || !pay.Worse() ||
		search.Resolved {
		t.Errorf("of Pay, three times as slow: %+v; of Search, as it was: %+v", pay, search)
	}
	if c.Limits[0].Met || !c.Limits[1].Met {
		t.Errorf("limits on the two: %+v", c.Limits)
	}
}

// The figures that both sides have are compared, each run being one observation.
func TestMetrics(t *testing.T) {
	closed := []string{"rate", "errors", "mean", "p50", "p90", "p95", "p99", "p99.9", "client_cpu", "server_cpu"}
	change := func(how func(*result.Document)) []*result.Document {
		all := thrice(1, 1e5, 1.2e5)
		for _, d := range all {
			how(d)
		}
		return all
	}
	open := func(d *result.Document) {
		d.Loop, d.Plan.Rate = "open", 100
		d.Latency["lag"] = population(1e4)
	}
	series := func(name string) []string {
		return []string{"p50(" + name + ")", "p90(" + name + ")", "p95(" + name + ")", "p99(" + name + ")", "p99.9(" +
			name + ")"}
	}
	part := func(name string) []string {
		return []string{
			"errors(" + name + ")", "mean(" + name + ")", "p50(" + name + ")", "p90(" + name + ")",
			"p99(" + name + ")",
		}
	}
	for _, tt := range []struct {
		reason string
		how    func(*result.Document)
		want   []string
	}{
		{"a closed loop", func(*result.Document) {}, closed},
		{"an open loop has a service of its own", open, slices.Concat(closed[:8], series("service"), closed[8:])},
		{"a server elsewhere", func(d *result.Document) { d.Server = nil }, closed[:9]},
		{"too few calls for all percentiles", func(d *result.Document) {
			l := population(1e5)
			l.Percentiles = l.Percentiles[:2]
			d.Latency = map[string]result.Latency{"response": l}
		}, []string{"rate", "errors", "mean", "p50", "p90", "client_cpu", "server_cpu"}},
		{"messages", func(d *result.Document) {
			d.Latency["first_message"], d.Latency["message_rtt"], d.Latency["send_blocked"] = population(1e4),
				population(1e3), population(10)
		}, slices.Concat(closed[:8], series("first_message"), series("message_rtt"), closed[8:])},
		{"steps and flows", func(d *result.Document) {
			d.Steps = []result.Step{ofStep("Search"), ofStep("Pay")}
			d.Flows = []result.Flow{{
				Name: "buy", Counts: recorder.Counts{OK: 1},
				Latency: map[string]result.Latency{"response": population(2e5)},
			}}
		}, slices.Concat(closed[:8], part("Search"), part("Pay"), part("buy"), closed[8:])},
	} {
		if diff := cmp.Diff(tt.want, metricNames(one(t, change(tt.how), change(tt.how)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
	// What one side does not have is not compared.
	if got := metricNames(one(t, change(func(d *result.Document) { d.Server = nil }),
		thrice(1, 1e5, 1e5))); slices.Contains(got, "server_cpu") {
		t.Errorf("server_cpu of a server that one side did not start is among %v", got)
	}

	old, young := thrice(0, 1e5, 1.2e5), thrice(1, 2e5, 3e5)
	young[0].Counts.OK, young[0].Counts.Failed, young[0].Client.CPUMicrosPerCall = 90_000, 10_000, 40
	c := one(t, old, young)
	for name, want := range map[string]struct {
		kind          compare.Kind
		first, second float64
		worse         bool
	}{
		"rate": {
			compare.PerSecond, (5e5 + 5e10/1.1e5 + 5e10/1.2e5) / 3, (2.5e5 + 5e10/2.5e5 + 5e10/3e5) / 3,
			true,
		},
		"errors":     {compare.Share, 0.01, 0.04, true},
		"mean":       {compare.Nanoseconds, 1.21e5, 2.75e5, true},
		"p50":        {compare.Nanoseconds, 1.1e5, 2.5e5, true},
		"p99":        {compare.Nanoseconds, 2.2e5, 5e5, true},
		"client_cpu": {compare.Nanoseconds, 20_000, 80_000.0 / 3, true},
		"server_cpu": {compare.Nanoseconds, 30_000, 30_000, false},
	} {
		m := metric(t, c, name)
		if m.Kind != want.kind || math.Abs(m.First/want.first-1) > 1e-9 || math.Abs(m.Second/want.second-1) > 1e-9 ||
			m.Worse() != want.worse || m.Alone || m.N != 3 || m.M != 3 {
			t.Errorf("%s: %+v (worse: %v), want %+v", name, m, m.Worse(), want)
		}
	}
	if m := metric(t, one(t, young, old), "rate"); m.Worse() {
		t.Errorf("a rate that rose is called worse: %+v", m)
	}
	if m := metric(t, one(t, young, old), "p50"); m.Worse() {
		t.Errorf("a latency that fell is called worse: %+v", m)
	}
}

// A run in which no call was made has no error rate to divide by, and no latency.
func TestRunsWithoutACall(t *testing.T) {
	none := func(from int) []*result.Document {
		all := thrice(from, 1e5, 1e5)
		for _, d := range all {
			d.Counts, d.Rate, d.Latency = recorder.Counts{}, result.Rate{}, map[string]result.Latency{"response": {}}
		}
		return all
	}
	for reason, sides := range map[string][2][]*result.Document{
		"neither":          {none(0), none(1)},
		"not the new ones": {thrice(0, 1e5, 1.1e5), none(1)}, "not the old ones": {none(0), thrice(1, 1e5, 1.1e5)},
	} {
		for _, m := range one(t, sides[0], sides[1]).Metrics {
			if math.IsNaN(m.Estimate) || math.IsNaN(m.P) || math.IsNaN(m.Low) {
				t.Errorf("%s has calls: %+v", reason, m)
			}
			if strings.HasPrefix(m.Name, "p") {
				t.Errorf("%s has calls: %s is compared, from %v to %v", reason, m.Name, m.First, m.Second)
			}
		}
	}
}

// Calls that were not made had no mean time, of 0 ns: where all of the new ones are unfinished nothing got better.
func TestNoMeanOfNoCalls(t *testing.T) {
	old, young := thrice(0, 1e5, 1.1e5), thrice(1, 1e5, 1.1e5)
	for _, d := range young {
		d.Counts, d.Rate, d.Latency = recorder.Counts{Due: 50, Sent: 50, Unfinished: 50}, result.Rate{},
			map[string]result.Latency{"response": {}}
	}
	for _, m := range one(t, old, young).Metrics {
		if m.Name == "mean" {
			t.Errorf("the mean is compared, from %v to %v ns", m.First, m.Second)
		}
	}
}

// What is called a change is one for all metrics together: of ten, one must be surer than alone.
func TestResolvedIsOfAllMetrics(t *testing.T) {
	side := func(from int, medians ...float64) []*result.Document {
		all := runs(from, slices.Repeat([]float64{1e5}, len(medians))...)
		for i, d := range all {
			d.Latency["response"].Percentiles[0].Ns = int64(medians[i])
		}
		return all
	}
	for _, tt := range []struct {
		reason     string
		by         float64
		least, top float64 // of its own p-value
		resolved   bool
	}{
		{"no change", 0, 0.4, 1, false},
		{"one that would be called so alone", 500, 0.05 / 9, 0.05, false},
		{"one that is sure", 2000, 0, 0.05 / 10, true},
	} {
		c := one(t, side(0, 100_000, 100_100, 100_200, 100_400),
			side(1, 100_000+tt.by, 100_300+tt.by, 99_900+tt.by, 100_500+tt.by))
		m := metric(t, c, "p50")
		if len(c.Metrics) != 10 || m.P < tt.least || m.P > tt.top {
			t.Fatalf("%s: %d metrics, P %v: the test wants %v to %v", tt.reason, len(c.Metrics), m.P, tt.least, tt.top)
		}
		for _, m := range c.Metrics {
			if m.Resolved != (tt.resolved && m.Name == "p50") {
				t.Errorf("%s: %s is resolved: %v (P %v)", tt.reason, m.Name, m.Resolved, m.P)
			}
		}
	}
}

// One failure in each of two runs, and none before, are two failures of 200,000 calls: that happens one time in four
// where nothing changed.
func TestAFailureInEachRunIsNoChange(t *testing.T) {
	old, young := thrice(0, 1e5, 1.1e5), thrice(1, 1e5, 1.1e5)
	for i := range old {
		old[i].Counts, young[i].Counts = recorder.Counts{OK: 100_000}, recorder.Counts{OK: 99_999, Failed: 1}
	}
	if m := metric(t, one(t, old, young), "errors"); m.Resolved || m.Low > 0 {
		t.Errorf("%+v", m)
	}
}

// Limits are held against the same figures.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		limit string
		met   bool
		says  string
	}{
		{"p99>+5%", false, "missed: +100 %"},
		{"p99>+1s", true, "met: +200"},
		{"rate<-5%", false, "missed: -50 %"},
		{"errors>+0.1%", true, "met: +0 %"},
		{"client_cpu>+1%", true, "met: +0 %"},
		{"p50(message_rtt)>+5%", false, "not compared"},
	} {
		c := one(t, runs(0, 1e5, 1.01e5, 0.99e5), runs(1, 2e5, 2.01e5, 1.99e5), tt.limit)
		if len(c.Limits) != 1 || c.Limits[0].Met != tt.met || !strings.Contains(c.Limits[0].Result, tt.says) {
			t.Errorf("%s: %+v, want met=%v and %q", tt.limit, c.Limits, tt.met, tt.says)
		}
	}
}

// p99 is the response's, by that name too, as in -slo.
func TestLimitOfTheResponseByName(t *testing.T) {
	c := one(t, runs(0, 1e5, 1.01e5, 0.99e5), runs(1, 1e5, 1.01e5, 0.99e5), "p99(response)>+5%")
	if !c.Limits[0].Met {
		t.Errorf("nothing changed: %+v", c.Limits)
	}
}

func TestNotes(t *testing.T) {
	judged := func(all []*result.Document, s ...verdict.Status) []*result.Document {
		for i := range s {
			all[i].Verdict.Status = s[i]
		}
		return all
	}
	const drift = "one side's runs were all made before the other's"
	for _, tt := range []struct {
		reason     string
		old, young []*result.Document
		want       []string // what each note holds
	}{
		{"by turns", thrice(0, 1e5, 1e5), thrice(1, 1e5, 1e5), nil},
		{"one side after the other", thrice(0, 1e5, 1e5), thrice(11, 1e5, 1e5), []string{drift}},
		{
			"by turns, but for the order of files",
			[]*result.Document{run(4, 1e5), run(0, 1e5), run(1, 1e5)},
			[]*result.Document{run(7, 1e5), run(3, 1e5), run(5, 1e5)},
			nil,
		},
		{
			"an invalid one", thrice(0, 1e5, 1e5), judged(thrice(1, 1e5, 1e5), verdict.Invalid),
			[]string{"INVALID: new: 1 of 3 runs"},
		},
		{
			"suspect ones", judged(thrice(0, 1e5, 1e5), verdict.Suspect, verdict.Suspect), thrice(1, 1e5, 1e5),
			[]string{"SUSPECT: old: 2 of 3 runs"},
		},
		{
			"all kinds of doubt, and a drift",
			judged(runs(0, 1e5, 1e5, 1e5), verdict.Valid, verdict.Invalid, verdict.Suspect),
			judged(thrice(11, 1e5, 1e5), verdict.Invalid),
			[]string{
				"INVALID: old: 1 of 3 runs", "SUSPECT: old: 1 of 3 runs", "INVALID: new: 1 of 3 runs", drift,
			},
		},
	} {
		c := one(t, tt.old, tt.young)
		ok := len(c.Notes) == len(tt.want)
		for _, want := range tt.want {
			ok = ok && slices.ContainsFunc(c.Notes, func(n string) bool {
				return strings.Contains(n, want)
			})
		}
		if !ok {
			t.Errorf("%s: notes %q, want those that hold %q", tt.reason, c.Notes, tt.want)
		}
	}
}

// The same runs give the same report, each time.
func TestNotesStandInOneOrder(t *testing.T) {
	old := runs(0, 1e5, 1e5, 1e5)
	old[0].Verdict.Status, old[1].Verdict.Status = verdict.Invalid, verdict.Suspect
	want := one(t, old, thrice(1, 1e5, 1e5)).Notes
	for range 50 {
		if got := one(t, old, thrice(1, 1e5, 1e5)).Notes; !slices.Equal(got, want) {
			t.Fatalf("notes %q, and again %q", want, got)
		}
	}
}

// Runs that are compared stay as they are.
func TestComparingChangesNothing(t *testing.T) {
	old, young := thrice(0, 1e5, 1.1e5), with(thrice(1, 1e5, 1.1e5), func(p *plan.Plan) { p.Transport = "wire" })
	one(t, old, young, "p99>+5%")
	if diff := cmp.Diff(slices.Concat(thrice(0, 1e5, 1.1e5),
		with(thrice(1, 1e5, 1.1e5), func(p *plan.Plan) { p.Transport = "wire" })),
		slices.Concat(old, young)); diff != "" {
		t.Errorf("comparing changed (-before +after):\n%s", diff)
	}
}
