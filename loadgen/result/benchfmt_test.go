package result_test

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
)

var (
	// The lines of Go's benchmark format that mean something (golang.org/design/14313-benchmark-format).
	benchLine   = regexp.MustCompile(`^Benchmark(\S*)[ \t]+(\d+)((?:[ \t]+[-+0-9.eE]+[ \t]+\S+)+)$`)
	configLine  = regexp.MustCompile(`^([a-z][^\s:A-Z]*):(?:[ \t]+(.*))?$`)
	measurement = regexp.MustCompile(`([-+0-9.eE]+)[ \t]+(\S+)`)
)

// bench is what a reader of the format makes of a text.
type bench struct {
	Config map[string]string
	Name   string
	N      string
	Values map[string]float64 // by unit
}

func parseBench(t *testing.T, text string) bench {
	t.Helper()
	b := bench{Config: map[string]string{}, Values: map[string]float64{}}
	for row := range strings.Lines(text) {
		row = strings.TrimSuffix(row, "\n")
		if m := configLine.FindStringSubmatch(row); m != nil {
			b.Config[m[1]] = m[2]
			continue
		}
		m := benchLine.FindStringSubmatch(row)
		switch {
		case row == "":
		case m == nil:
			t.Errorf("%q is no line of the benchmark format", row)
		case b.Name != "":
			t.Errorf("a second benchmark: %q", row)
		default:
			b.Name, b.N = m[1], m[2]
			for _, v := range measurement.FindAllStringSubmatch(m[3], -1) {
				n, err := strconv.ParseFloat(v[1], 64)
				if err != nil {
					t.Errorf("%q: %v", row, err)
				}
				if _, ok := b.Values[v[2]]; ok {
					t.Errorf("%q has the unit %s twice", row, v[2])
				}
				b.Values[v[2]] = n
			}
		}
	}
	return b
}

func benchText(t *testing.T, d *result.Document) string {
	t.Helper()
	var b strings.Builder
	if err := d.WriteBench(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A run of a scenario file has no RPC of its own: it is the file's.
func TestWriteBenchOfFile(t *testing.T) {
	d := document()
	d.Plan.Name, d.Plan.RPC, d.Plan.File = "", "", "loads/my shop.yaml"
	if got, want := parseBench(t, benchText(t, d)).Name,
		"Run/rpc=my_shop/transport=grpc/loop=closed/c=50/conns=2"; got != want {
		t.Errorf("the benchmark is %s, want %s", got, want)
	}
}

func TestWriteBench(t *testing.T) {
	d := document()
	d.Client.CPUMicrosPerCall, d.Server.CPUMicrosPerCall = 12.5, 7.25
	got := parseBench(t, benchText(t, d))
	if want := "Run/rpc=SearchIO/transport=grpc/loop=closed/c=50/conns=2"; got.Name != want || got.N != "2000" {
		t.Errorf("the benchmark is %s, %s times, want %s, 2000", got.Name, got.N, want)
	}
	want := map[string]float64{
		"ns/op": 150_000.5, "p50-ns": 140_000, "p99.9-ns": 900_000, "calls/s": 200, "client-cpu-ns/op": 12_500,
		"server-cpu-ns/op": 7250,
	}
	if diff := cmp.Diff(want, got.Values); diff != "" {
		t.Errorf("measurements (-want +got):\n%s", diff)
	}
	for key, want := range map[string]string{"goos": "linux", "goarch": "amd64", "cpu": "a CPU", "pkg": "grpcbench"} {
		if got.Config[key] != want {
			t.Errorf("%s is %q, want %q", key, got.Config[key], want)
		}
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(got.Name, "Run/"), "/") {
		if key, value, ok := strings.Cut(part, "="); !ok || key == "" || value == "" {
			t.Errorf("%q in %s is no key=value", part, got.Name)
		}
	}
}

func TestWriteBenchOfOtherRuns(t *testing.T) {
	for name, change := range map[string]func(*result.Document){
		"no server":      func(d *result.Document) { d.Server = nil },
		"nothing at all": func(d *result.Document) { *d = result.Document{} },
		"no call":        func(d *result.Document) { d.Latency = map[string]result.Latency{"response": {}} },
		"a full name":    func(d *result.Document) { d.Plan.RPC = "person.SearchService/Search" },
		"a huge mean":    func(d *result.Document) { d.Latency["response"] = result.Latency{Count: 1, MeanNs: 3.6e12} },
	} {
		d := document()
		change(d)
		got := parseBench(t, benchText(t, d))
		if got.Name == "" {
			t.Errorf("%s: no benchmark in\n%s", name, benchText(t, d))
		}
		if _, ok := got.Values["server-cpu-ns/op"]; ok != (d.Server != nil) {
			t.Errorf("%s: the server's CPU is given: %v", name, ok)
		}
	}
}

// benchstat makes a table of its own for each configuration, so runs of one
// kind may differ in no line of it: else they are never compared.
func TestBenchstatComparesRuns(t *testing.T) {
	one, other := document(), document()
	other.RunID, other.Started = "12345678", other.Started.Add(1)
	if diff := cmp.Diff(parseBench(t, benchText(t, one)).Config,
		parseBench(t, benchText(t, other)).Config); diff != "" {
		t.Errorf("the configurations of two runs of one plan (-one +other):\n%s", diff)
	}
}

func TestWriteBenchTellsTheWritersError(t *testing.T) {
	if err := document().WriteBench(&fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("WriteBench = %v, want the writer's error", err)
	}
	if err := document().Encode(&fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("Encode = %v, want the writer's error", err)
	}
}

// What the system tells of itself goes into every result.
func TestCapture(t *testing.T) {
	e := result.Capture()
	if !strings.HasPrefix(e.Go, "go1.") || !strings.Contains(e.OS, "/") || e.CPUs < 1 || e.GOMAXPROCS < 1 {
		t.Errorf("%+v", e)
	}
	for name, value := range map[string]string{"kernel": e.Kernel, "CPU model": e.CPUModel, "revision": e.Git} {
		if strings.TrimSpace(value) != value || strings.ContainsAny(value, "\n\r") {
			t.Errorf("%s: %s", name, fmt.Sprintf("%q", value))
		}
	}
}

// Each of several steps has a line of its own, and each flow of several.
func TestWriteBenchOfSteps(t *testing.T) {
	d := document()
	d.Plan.Name, d.Plan.RPC, d.Plan.File = "", "", "shop.yaml"
	step := func(name string) result.Step {
		return result.Step{
			Name: name, Counts: recorder.Counts{OK: 40},
			Latency: map[string]result.Latency{"response": {
				Count: 40, MeanNs: 1500,
				Percentiles: []result.Percentile{{P: 50, Ns: 1400}},
			}},
		}
	}
	d.Steps = []result.Step{step("Search"), step("shop.Cart/Add")}
	d.Flows = []result.Flow{{
		Name: "buy a lot", Counts: recorder.Counts{OK: 40},
		Latency: map[string]result.Latency{"response": {Count: 40, Censored: 1, MeanNs: 2500}},
	}}
	lines := strings.Split(strings.TrimSpace(benchText(t, d)), "\n")
	rate := fmt.Sprintf("%.1f calls/s", 40/(float64(d.DurationNs)/1e9))
	want := []string{
		"BenchmarkStep/rpc=" + d.Name() +
			"/transport=grpc/loop=closed/c=50/conns=2/step=Search\t40\t1500.0 ns/op\t1400 p50-ns\t" + rate,
		"BenchmarkStep/rpc=" + d.Name() +
			"/transport=grpc/loop=closed/c=50/conns=2/step=shop.Cart.Add\t40\t1500.0 ns/op\t1400 p50-ns\t" + rate,
		"BenchmarkStep/rpc=" + d.Name() +
			"/transport=grpc/loop=closed/c=50/conns=2/flow=buy_a_lot\t40\t2500.0 at-least-ns/op\t" + rate,
	}
	if diff := cmp.Diff(want, lines[len(lines)-3:]); diff != "" {
		t.Errorf("the lines of steps (-want +got):\n%s", diff)
	}
	for _, l := range want {
		parseBench(t, l)
	}
}
