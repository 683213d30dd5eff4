//go:build unix

package main

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

var metricsAt = regexp.MustCompile(`(?m)^loadgen: metrics at http://(127\.0\.0\.1:[0-9]+)/metrics$`)

// metricsAddr waits until loadgen says where its metrics are.
func (p *process) metricsAddr(t *testing.T) (addr string) {
	t.Helper()
	p.until(t, "loadgen does not say where its metrics are", func() bool {
		m := metricsAt.FindStringSubmatch(p.stderr.String())
		if m != nil {
			addr = m[1]
		}
		return m != nil
	})
	return addr
}

// scrape reads the metrics that are served at addr, as Prometheus would.
func scrape(addr string) (map[string]*dto.MetricFamily, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	res, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(res.Body)
}

// counted is a counter or gauge with this label, or with none.
func counted(f map[string]*dto.MetricFamily, name, label string) float64 {
	for _, m := range f[name].GetMetric() {
		if label == "" || len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == label {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() // one of them is nil
		}
	}
	return math.NaN()
}

// wantEnd waits for the end of a run that was carried out. That a busy machine made an open loop INVALID is not its
// fault.
func (p *process) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		t.Fatal("loadgen does not end")
	}
	if code := p.ProcessState.ExitCode(); code != exitOK &&
		(code != exitInvalid || !strings.Contains(p.stderr.String(), "the measurement is INVALID")) {
		t.Errorf("loadgen exits with %d", code)
	}
}

// A run is watched while it lasts: its counts rise, at about its rate, and end with it.
func TestMetricsOfARun(t *testing.T) {
	p := loadgen(t, "-rpc=Search", "-rate=200", "-d=4s", "-warmup=0s", "-c=10", "-metrics=127.0.0.1:0", patient)
	addr := p.metricsAddr(t)
	var first map[string]*dto.MetricFamily
	p.until(t, "no call is counted", func() bool {
		f, err := scrape(addr)
		if err != nil {
			t.Fatalf("scrape: %v", err)
		}
		first = f
		return counted(f, "grpcbench_calls_total", "OK") > 0
	})
	for _, name := range []string{"grpcbench_response_seconds", "grpcbench_service_seconds", "grpcbench_lag_seconds"} {
		if len(first[name].GetMetric()) != 1 || first[name].GetMetric()[0].GetHistogram().GetSampleCount() == 0 {
			t.Errorf("there is no %s", name)
		}
	}
	labels := map[string]string{}
	for _, l := range first["grpcbench_run_info"].GetMetric()[0].GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	time.Sleep(1500 * time.Millisecond)
	second, err := scrape(addr)
	if err != nil {
		t.Fatalf("scrape again: %v", err)
	}
	before, after := counted(first, "grpcbench_calls_total", "OK"), counted(second, "grpcbench_calls_total", "OK")
	if rose := after - before; rose < 50 { // how many is for the machine to say, but they go on
		t.Errorf("the calls went from %v to %v in 1.5 s at 200/s", before, after)
	}
	if holds := counted(second, "grpcbench_verdict", "valid") + counted(second, "grpcbench_verdict", "suspect") +
		counted(second, "grpcbench_verdict", "invalid"); holds != 1 {
		t.Errorf("%v verdicts hold", holds)
	}
	p.wantEnd(t)
	d := p.wantResult(t)
	if after > float64(d.Counts.OK) || labels["run_id"] != d.RunID || labels["rpc"] != "Search" ||
		labels["loop"] != "open" {
		t.Errorf("of the run %s with %d calls, the metrics said %v and %v calls", d.RunID, d.Counts.OK, labels, after)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the port is not free after the run: %v", err)
	}
	l.Close()
}

// An interrupted run's port is as free as any.
func TestMetricsOfAnInterruptedRun(t *testing.T) {
	p := loadgen(t, "-rpc=Search", "-rate=50", "-d=1m", "-warmup=0s", "-c=2", "-metrics=127.0.0.1:0", patient)
	addr := p.metricsAddr(t)
	p.runFor(t, 300*time.Millisecond)
	p.signal(t, syscall.SIGINT)
	p.wantEnd(t)
	if _, err := scrape(addr); err == nil {
		t.Error("the metrics are served after the end")
	}
}

// Quiet is quiet, also where something is served and exported.
func TestQuietPrintsNothing(t *testing.T) {
	p := loadgen(t, "-rpc=Search", "-n=200", "-warmup=0s", "-c=2", "-metrics=127.0.0.1:0", "-q", patient)
	p.wantExit(t, exitOK, 20*time.Second)
	if out := p.stdout.String() + p.stderr.String(); out != "" {
		t.Errorf("with -q it prints:\n%s", out)
	}
}

// Where nobody looks at a terminal there are lines, and no escape sequences; stdout has the report alone.
func TestProgressWithoutATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("a line comes every five seconds")
	}
	p := loadgen(t, "-rpc=Search", "-rate=100", "-d=7s", "-warmup=0s", "-c=2", patient)
	p.wantEnd(t)
	stderr := p.stderr.String()
	if strings.ContainsAny(stderr+p.stdout.String(), "\x1b\r") {
		t.Errorf("there are escape sequences in\n%q\n%q", stderr, p.stdout.String())
	}
	if !regexp.MustCompile(
		`(?m)^loadgen: Search: [4-6][0-9.]*s of 7s, [0-9.]+/s, .* ok, so far [A-Z]+$`).MatchString(stderr) {
		t.Errorf("no line tells how it goes:\n%s", stderr)
	}
	if strings.Contains(p.stdout.String(), "so far") {
		t.Errorf("stdout has the progress:\n%s", &p.stdout)
	}
}

// Bad values are usage errors, told before anything is started, by the name of the flag.
func TestInterchangeUsage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tt := range []struct {
		reason string
		args   []string
		code   int
		words  []string
	}{
		{"no port", []string{"-metrics=localhost"}, exitUsage, []string{"-metrics", "localhost", "host:port"}},
		{"a URL", []string{"-metrics=http://localhost:9095/metrics"}, exitUsage, []string{"-metrics", "host:port"}},
		{"no port to send to", []string{"-otlp=localhost"}, exitUsage, []string{"-otlp", "localhost", "host:port"}},
		{
			"a URL, as OTEL_EXPORTER_OTLP_ENDPOINT has it",
			[]string{"-otlp=http://localhost:4317"},
			exitUsage,
			[]string{"-otlp", "host:port"},
		},
		{
			"a share above all",
			[]string{"-otlp=localhost:4317", "-trace-ratio=1.5"},
			exitUsage,
			[]string{"-trace-ratio", "1.5", "between 0 and 1"},
		},
		{
			"less than nothing",
			[]string{"-otlp=localhost:4317", "-trace-ratio=-0.1"},
			exitUsage,
			[]string{"-trace-ratio", "-0.1"},
		},
		{
			"no number",
			[]string{"-otlp=localhost:4317", "-trace-ratio=some"},
			exitUsage,
			[]string{"-trace-ratio", "some"},
		},
		{
			"not a number",
			[]string{"-otlp=localhost:4317", "-trace-ratio=NaN"},
			exitUsage,
			[]string{"-trace-ratio", "NaN"},
		},
		{"a share of what is not there", []string{"-trace-ratio=0.5"}, exitUsage, []string{"-trace-ratio", "-otlp"}},
		{
			"all at once",
			[]string{"-metrics=x", "-otlp=y", "-trace-ratio=2"},
			exitUsage,
			[]string{"-metrics", "-otlp", "-trace-ratio"},
		},
		{
			"the port is in use",
			[]string{"-metrics=" + l.Addr().String()},
			exitFailed,
			[]string{"-metrics", l.Addr().String(), "in use"},
		},
	} {
		badly(t, tt.reason, tt.code, tt.words, tt.args)
	}
}

// What looks like an address and is none is bad usage too: a script that has 1 retries.
func TestAddressesThatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		words  []string
	}{
		{"too large a port to listen on", []string{"-metrics=127.0.0.1:99999"}, []string{"-metrics", "99999"}},
		{"no port behind the colon", []string{"-otlp=localhost:"}, []string{"-otlp", "host:port"}},
		{"too large a port to send to", []string{"-otlp=localhost:99999"}, []string{"-otlp", "99999"}},
	} {
		badly(t, tt.reason, exitUsage, tt.words, tt.args)
	}
}

// badly holds a run that should not begin to its exit code and its words.
func badly(t *testing.T, reason string, code int, words, args []string) {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command("loadgen",
		append([]string{"-rpc=Search", "-n=1", "-warmup=0s", "-o=" + t.TempDir() + "/run"}, args...)...)
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	_ = cmd.Run() // the exit code tells
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("%s: loadgen %s exits with %d, want %d: %s", reason, strings.Join(args, " "), got, code,
			stderr.String())
		return
	}
	for _, word := range words {
		if !strings.Contains(stderr.String(), word) {
			t.Errorf("%s: loadgen %s does not say %s: %s", reason, strings.Join(args, " "), word, stderr.String())
		}
	}
}

// What is not in -h nobody finds.
func TestInterchangeHelp(t *testing.T) {
	out, err := exec.Command("loadgen", "run", "-h").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-metrics", "-otlp", "-trace-ratio"} {
		if !strings.Contains(string(out), fmt.Sprintf("  %s ", flag)) {
			t.Errorf("-h does not tell of %s", flag)
		}
	}
}
