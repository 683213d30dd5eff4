package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/compare"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// from is the i-th run of a side.
func from(folder string, i int, d *result.Document) *result.Document {
	d.Folder, d.RunID = fmt.Sprintf("%s/%d", folder, i), fmt.Sprintf("0a1b2c%02x", i)
	return d
}

// shifted is a change that is known to within plus or minus half; half below 0 says that it has no interval.
func shifted(first, second, half, p float64) stats.Shifted {
	s := stats.Shifted{N: 4, M: 2, First: first, Second: second, Estimate: second - first, P: p}
	s.Low, s.High = s.Estimate-half, s.Estimate+half
	if half < 0 {
		s.Low, s.High = math.Inf(-1), math.Inf(1)
	}
	return s
}

// several is a comparison of several runs with all that a table may say.
func several() *compare.Comparison {
	c := &compare.Comparison{
		Name: "Search -c 8", Differ: []string{"duration: 10s and 20s", "target: none and -interceptors=none"},
		Notes: []string{"SUSPECT: new: 1 of 2 runs"},
		Metrics: []compare.Metric{
			{Name: "rate", Kind: compare.PerSecond, Shifted: shifted(41_234, 30_100.5, 900, 1e-6), Resolved: true},
			{Name: "errors", Kind: compare.Share, Shifted: shifted(0, 0.0125, 0.02, 0.4)},
			{Name: "mean", Kind: compare.Nanoseconds, Shifted: shifted(335_000, 535_000, 41_000, 1e-5), Resolved: true},
			{Name: "p50", Kind: compare.Nanoseconds, Shifted: shifted(300_000, 301_000, 1500, 0.2)},
			{
				Name: "p99.9", Kind: compare.Nanoseconds, Shifted: shifted(9_000_000, 4_500_000, 100_000, 1e-4),
				Resolved: true,
			},
			{Name: "p99.9(service)", Kind: compare.Nanoseconds, Shifted: shifted(0, 0, 0, 1)},
			{Name: "client_cpu", Kind: compare.Nanoseconds, Shifted: shifted(21_500, 21_400, 2000, 0.9)},
		},
		Limits: []verdict.Kept{
			{Objective: "p99>+5%", Result: "missed: it was not compared"},
			{Objective: "mean>+1ms", Met: true, Result: "met: +200µs (+159µs to +241µs)"},
		},
	}
	for i := range 5 {
		c.Old.Runs = append(c.Old.Runs, from("results/old", i, unary()))
	}
	for i := range 2 {
		c.New.Runs = append(c.New.Runs, from("results/new", 10+i, unary()))
	}
	return c
}

// alone is one of a single run a side, in which nothing is resolved.
func alone() *compare.Comparison {
	return &compare.Comparison{
		Name: "SearchIO -conns 4", Old: compare.Side{Runs: []*result.Document{from("a", 1, bidi())}},
		New: compare.Side{Runs: []*result.Document{from("b", 2, bidi())}},
		Metrics: []compare.Metric{
			{Name: "rate", Kind: compare.PerSecond, Shifted: shifted(19.96, 20.01, 6, 0.9)},
			{
				Name: "p50(message_rtt)", Kind: compare.Nanoseconds, Shifted: shifted(470_000, 940_000, -1, 1),
				Alone: true,
			},
		},
	}
}

func compared(t *testing.T, format string, all ...*compare.Comparison) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Compare(&b, format, all, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompareGolden(t *testing.T) {
	for format, ending := range map[string]string{"text": "txt", "md": "md", "json": "json", "bench": "bench"} {
		t.Run(ending, func(t *testing.T) {
			golden(t, "compare."+ending+".golden",
				compared(t, format, several(), alone()))
		})
	}
}

// The line on top says what came of it.
func TestCompareConclusion(t *testing.T) {
	worse := compare.Metric{Name: "p50", Kind: compare.Nanoseconds, Shifted: shifted(1, 2, 0.1, 0), Resolved: true}
	better := compare.Metric{Name: "rate", Kind: compare.PerSecond, Shifted: shifted(1, 2, 0.1, 0), Resolved: true}
	noise := compare.Metric{Name: "p99", Kind: compare.Nanoseconds, Shifted: shifted(1, 2, 3, 0.5)}
	for _, tt := range []struct {
		reason  string
		metrics []compare.Metric
		want    string
	}{
		{"nothing compared", nil, "no difference resolved"},
		{"noise", []compare.Metric{noise}, "no difference resolved"},
		{"a rise of a latency", []compare.Metric{worse, noise}, "WORSE: p50"},
		{"a rise of the rate", []compare.Metric{noise, better}, "better: rate"},
		{"both", []compare.Metric{better, worse}, "WORSE: p50; better: rate"},
		{"two of a kind", []compare.Metric{worse, worse}, "WORSE: p50, p50"},
	} {
		for format, line := range map[string]string{"text": "\n" + tt.want + "\n", "md": "\n**" + tt.want + "**\n"} {
			c := alone()
			c.Metrics = tt.metrics
			if got := compared(t, format, c); !strings.Contains(string(got), line) {
				t.Errorf("%s, as %s: no line %q in\n%s", tt.reason, format, tt.want, got)
			}
		}
	}
}

// Text from outside: a result.json may have come from anywhere.
func hostileComparison() *compare.Comparison {
	c := alone()
	c.Name, c.Notes, c.Differ = hostile, []string{hostile}, []string{"addr: none and " + hostile}
	c.Old.Runs[0].Folder, c.New.Runs[0].Folder = "runs/"+hostile, hostile
	c.Limits = []verdict.Kept{{Objective: "p99>+5%", Result: "missed: it was not compared"}}
	return c
}

// A terminal is told nothing that it must do, and lines are those of the report.
func TestCompareTextIsPlain(t *testing.T) {
	got, want := string(compared(t, "text", hostileComparison())), string(compared(t, "text", alone()))
	if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); i >= 0 {
		t.Errorf("a control character at %d of %q", i, got)
	}
	// a note, a setting, a limit and how to read it
	if more := strings.Count(got, "\n") - strings.Count(want, "\n"); more != 4 {
		t.Errorf("%d lines more than without text from outside, want 4:\n%s", more, got)
	}
	if !strings.Contains(got, script) {
		t.Error("the text itself is not shown as it is")
	}
}

// Markdown passes HTML on, so there is none.
func TestCompareMarkdownIsHarmless(t *testing.T) {
	got := string(compared(t, "md", hostileComparison()))
	if strings.Contains(got, "<") {
		t.Errorf("HTML of others in\n%s", got)
	}
	if strings.Contains(got, "\x1b") || regexp.MustCompile(`(?m)^(# |\| )?injected`).MatchString(got) {
		t.Errorf("a line of others in\n%q", got)
	}
}

// In a code span nothing is an entity: what is escaped there is shown as &gt;.
func TestCompareMarkdownShowsLimitsAsTheyWereGiven(t *testing.T) {
	if got := string(compared(t, "md",
		several())); regexp.MustCompile("`[^`\n]*&[a-z#0-9]+;[^`\n]*`").MatchString(got) {
		t.Errorf("a code span with an entity, which is shown as it is, in\n%s", got)
	}
}

// What a program reads: the figures as they are, and no bound where there is none.
func TestCompareJSON(t *testing.T) {
	var all []struct {
		Schema, Name string
		Old, New     []string
		Metrics      []struct {
			Name             string
			Old, New, Change float64
			Low, High        *float64
			P                float64
			Resolved         bool
		}
		Notes  []string
		FailOn []verdict.Kept `json:"fail_on"`
	}
	d := json.NewDecoder(bytes.NewReader(compared(t, "json", several(), alone())))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil || len(all) != 2 {
		t.Fatalf("%d comparisons, %v", len(all), err)
	}
	x, want := all[0], several()
	if x.Schema != "grpcbench.compare/v1" || x.Name != want.Name ||
		strings.Join(x.Old, " ") != "0a1b2c00 0a1b2c01 0a1b2c02 0a1b2c03 0a1b2c04" || len(x.New) != 2 {
		t.Errorf("%+v", x)
	}
	if len(x.Metrics) != len(want.Metrics) {
		t.Fatalf("%d metrics, want %d", len(x.Metrics), len(want.Metrics))
	}
	for i, m := range x.Metrics {
		w := want.Metrics[i]
		if m.Name != w.Name || m.Old != w.First || m.New != w.Second || m.Change != w.Estimate || m.P != w.P ||
			m.Resolved != w.Resolved || m.Low == nil || *m.Low != w.Low || m.High == nil || *m.High != w.High {
			t.Errorf("%+v, want %+v", m, w)
		}
	}
	if m := all[1].Metrics[1]; m.Low != nil || m.High != nil {
		t.Errorf("bounds of what has none: %+v", m)
	}
	if diff := cmp.Diff(want.Limits, x.FailOn); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if len(x.Notes) != 4 || all[0].Notes[2] != "not alike: duration: 10s and 20s" {
		t.Errorf("notes %q", x.Notes)
	}
	if got := string(compared(t, "json")); got != "[]\n" {
		t.Errorf("no comparison is %q, want an empty list", got)
	}
}

// A list of nothing is an empty list, for those who go through it.
func TestCompareJSONHasNoNull(t *testing.T) {
	if got := compared(t, "json", alone()); bytes.Contains(got, []byte("null")) {
		t.Errorf("null in\n%s", got)
	}
}

// The lines are those of Go's benchmark format, a benchmark for each run under its side
// (golang.org/design/14313-benchmark-format).
func TestCompareBench(t *testing.T) {
	config, bench := regexp.MustCompile(`^([a-z][^\s:A-Z]*):[ \t]+(.+)$`),
		regexp.MustCompile(`^Benchmark[A-Z]\S*\t(\d+)((?:\t[-+0-9.eE]+ \S+)+)$`)
	sides := map[string]int{}
	side := ""
	for row := range strings.Lines(string(compared(t, "bench", several(), alone()))) {
		row = strings.TrimSuffix(row, "\n")
		if m := config.FindStringSubmatch(row); m != nil {
			if m[1] == "side" {
				side = m[2]
			}
			continue
		}
		if row == "" {
			continue
		}
		m := bench.FindStringSubmatch(row)
		if m == nil {
			t.Errorf("%q is no line of the benchmark format", row)
			continue
		}
		if n, err := strconv.Atoi(m[1]); err != nil || n < 1 {
			t.Errorf("%q: benchstat reads no benchmark of %s iterations", row, m[1])
		}
		sides[side]++
	}
	if diff := cmp.Diff(map[string]int{"old": 6, "new": 3}, sides); diff != "" {
		t.Errorf("benchmarks by side (-want +got):\n%s", diff)
	}
}

func TestCompareUnknownFormat(t *testing.T) {
	var b bytes.Buffer
	if err := report.Compare(&b, "html", []*compare.Comparison{alone()}, nil); err == nil ||
		!strings.Contains(err.Error(), "html") || b.Len() > 0 {
		t.Errorf("a format that there is none of: %v, and %q", err, &b)
	}
}

func TestCompareTellsTheWritersError(t *testing.T) {
	for _, format := range []string{"text", "md", "json", "bench"} {
		if err := report.Compare(fullDisk{}, format, []*compare.Comparison{several()}, nil); !errors.Is(err, errFull) {
			t.Errorf("%s: %v, want the writer's error", format, err)
		}
	}
}
