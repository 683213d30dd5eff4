package report_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// estimate is one with an interval in nanoseconds.
func estimate(value, low, high float64) result.Estimate {
	return result.Estimate{Value: value, Low: &low, High: &high}
}

func overheads() *result.Overhead {
	known := int64(2000)
	cost := func(group, name, side string, resolved bool, latency result.Estimate) result.Cost {
		return result.Cost{
			Subject: result.Subject{Name: name, Group: group, Side: side, Kind: "unary"}, BareNs: 45_678,
			Latency: latency, Mean: latency,
			ServerCPU: estimate(1500, 1200, 1800), ClientCPU: estimate(100, -50, 250), Allocs: estimate(2, 2, 2),
			Bytes: estimate(312.5, 300, 320),
			P:     0.01, Resolved: resolved, Differences: []float64{1, 2},
		}
	}
	d := &result.Overhead{
		Schema: result.OverheadSchema, RunID: "0a1b2c3d", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		DurationNs: 60e9,
		Plan:       plan.Overhead{Seed: 7, Name: "<b>ours</b>"}, Rounds: 20, Discarded: 2, BlockNs: 150e6,
		Notes:   []string{"a note"},
		Verdict: verdict.Verdict{Status: verdict.Suspect, Reasons: []string{"a reason"}},
		SLO:     []verdict.Kept{{Objective: "overhead(logging)<1us", Result: "missed: unary 1.8µs"}},
		Costs: []result.Cost{
			cost("A/A", "nothing", "server", false, estimate(30, -200, 250)),
			cost("control", "busy-wait of 2 µs", "server", false, estimate(2050, 1900, 2200)),
			cost("alone", "logging", "server", true, estimate(1800, 1600, 2000)),
			cost("alone", "recovery", "server", false, estimate(100, -300, 500)),
			cost("chain", "+logging", "server", true, estimate(1900, 1700, 2100)),
			cost("ecosystem", "otel", "server", true, estimate(9000, 8000, 10_000)),
			cost("alone", "logging", "client", false, result.Estimate{Value: 100}),
		},
		Environment: unary().Environment,
	}
	d.Costs[1].KnownNs = &known
	return d
}

func deadlines() *result.Timeouts {
	return &result.Timeouts{
		Schema: result.TimeoutsSchema, RunID: "0a1b2c3e", Started: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC),
		DurationNs: 30e9,
		Cells: []result.DeadlineCell{
			{
				Transport: "grpc", Kind: "unary", Behaviour: "honours", DeadlineNs: 50e6, DelayNs: 10e6, Calls: 1200,
				ClientCodes: map[string]int64{"OK": 1200}, ServerCodes: map[string]int64{"OK": 1200},
			},
			{
				Transport: "wire", Kind: "bidi", Behaviour: "ignores", DeadlineNs: 50e6, DelayNs: 150e6, Calls: 100,
				ClientCodes: map[string]int64{"DEADLINE_EXCEEDED": 99, "CANCELLED": 1},
				ServerCodes: map[string]int64{"OK": 100},
				Overshoot:   result.Spread{Count: 100, P50: 500_000, P99: 1_500_000},
				CancelLag:   result.Spread{Count: 100, P50: 510_000, P99: 1_600_000},
				Linger:      result.Spread{Count: 100, P50: 100_500_000, P99: 102_000_000}, Wasted: 0.667,
				LateHandlers: 2,
				Goroutines:   4,
			},
			{
				Transport: "wire", Kind: "bidi", Behaviour: "RecvMsg timeout", DeadlineNs: 50e6, Calls: 100,
				ClientCodes: map[string]int64{"DEADLINE_EXCEEDED": 100},
			},
		},
		Wrong:       []string{"bidi over wire: handlers work on for 101ms past the deadline"},
		Environment: unary().Environment,
	}
}

func TestExperimentsGolden(t *testing.T) {
	for name, show := range map[string]func(io.Writer) error{
		"overhead.txt": func(w io.Writer) error { return report.ShowExperiment(w, "text", overheads()) },
		"overhead.md":  func(w io.Writer) error { return report.ShowExperiment(w, "md", overheads()) },
		"timeouts.txt": func(w io.Writer) error { return report.ShowExperiment(w, "text", deadlines()) },
		"timeouts.md":  func(w io.Writer) error { return report.ShowExperiment(w, "md", deadlines()) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := show(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".golden", b.Bytes())
		})
	}
	for _, show := range []error{
		report.ShowExperiment(io.Discard, "none", overheads()),
		report.ShowExperiment(io.Discard, "none", deadlines()),
	} {
		if show != nil {
			t.Error(show)
		}
	}
	if report.ShowExperiment(io.Discard, "pdf", overheads()) == nil ||
		report.ShowExperiment(io.Discard, "pdf", deadlines()) == nil {
		t.Error("a format that nobody knows is written")
	}
}

// A folder with experiments alone, or beside runs, is a report too; what it shows is escaped.
func TestReportOfExperiments(t *testing.T) {
	dir := t.TempDir()
	for name, encode := range map[string]func(io.Writer) error{
		result.OverheadFile: overheads().Encode,
		result.TimeoutsFile: deadlines().Encode,
	} {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for format, says := range map[string][]string{
		"html": {
			"&lt;b&gt;ours&lt;/b&gt;", "|cost| &lt; 0.50 µs", "what each adds to a call of 45.7 µs",
			"handlers work on for 101ms", "missed: unary 1.8µs",
		},
		"md":   {"&lt;b&gt;ours", "handlers work on for 101ms"},
		"text": {"SUSPECT", "not resolved"},
		"json": {result.OverheadSchema, result.TimeoutsSchema},
	} {
		var b bytes.Buffer
		if err := report.Write(format, "", &b, io.Discard, dir); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		for _, s := range says {
			if !strings.Contains(b.String(), s) {
				t.Errorf("%s does not say %q", format, s)
			}
		}
		if format != "text" && strings.Contains(b.String(), "<b>ours") && format != "json" {
			t.Errorf("%s passes markup on", format)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, result.TimeoutsFile), []byte(`{"schema":"grpcbench.timeouts/v9"}`),
		0o644); err != nil {
		t.Fatal(err)
	}
	var page, told strings.Builder
	if err := report.Write("html", "", &page, &told, dir); err != nil ||
		!strings.Contains(told.String(), "timeouts/v9") {
		t.Errorf("beside a document of another schema: %v, %q", err, told.String())
	}
	if !strings.Contains(page.String(), "What interceptors cost") {
		t.Error("the others are not shown")
	}
}
