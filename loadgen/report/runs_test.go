package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/meter"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; go test -update takes what is got):\n%s", path, diff)
	}
}

// latency is a population whose percentile i is ns[i].
func latency(count int64, mean float64, least, largest int64, ns ...int64) result.Latency {
	l := result.Latency{
		Count: count, EffectiveCount: count, MeanNs: mean, MinNs: least, MaxNs: largest,
		Percentiles: []result.Percentile{},
	}
	for i, v := range ns {
		l.Percentiles = append(l.Percentiles,
			result.Percentile{
				P: []float64{50, 75, 90, 95, 99, 99.9, 99.99}[i], Ns: v, LowNs: v - v/100,
				HighNs: min(v+v/100, largest),
			})
	}
	return l
}

// unary is a normal closed loop over an embedded target.
func unary() *result.Document {
	response := latency(412_345, 121_234.5, 48_123, 9_876_543, 112_345, 134_567, 165_432, 198_765, 345_678, 999_950,
		2_345_678)
	return &result.Document{
		Schema: result.Schema, RunID: "0a1b2c3d", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Plan: plan.Plan{
			RPC: "Search", Transport: "grpc", Workers: 50, Conns: 1, D: 10 * time.Second,
			Warmup: time.Second, Messages: 1, Out: "results/one", Format: "text",
			Command: []string{"loadgen", "-rpc", "Search", "-d", "10s"},
		},
		DurationNs: 10_000_123_456, Loop: "closed", Notes: []string{"closed loop: response is service"},
		Verdict: verdict.Verdict{Status: verdict.Valid, Reasons: []string{}},
		Counts: recorder.Counts{
			Due: 412_345, Sent: 412_345, OK: 412_345, MessagesSent: 412_345, MessagesReceived: 412_345,
			BytesSent: 9_896_280, BytesReceived: 22_678_975,
		},
		WarmupCalls: 40_123, Codes: map[string]int64{"OK": 412_345},
		Rate: result.Rate{
			Offered: 41_234, Achieved: 41_234, MessagesPerSecond: 82_468,
			BytesPerSecond: 3_257_525,
		},
		Latency:       map[string]result.Latency{"response": response, "service": response},
		LatencyByCode: map[string]result.Latency{},
		Exemplars: []result.Exemplar{
			{
				RequestID: "0a1b2c3d-0007-00000000012c", Kind: "slow", Code: "OK", IntendedNs: 3_000_000_000,
				ResponseNs: 9_876_543, ServiceNs: 9_876_543, ServerNs: new(int64(45_678)),
			},
			{
				RequestID: "0a1b2c3d-0008-00000000012d", Kind: "slow", Code: "OK", IntendedNs: 999_500,
				ResponseNs: 5_000_000, ServiceNs: 5_000_000,
			},
			{RequestID: "0a1b2c3d-0007-00000000012c", Kind: "bucket", Code: "OK", ResponseNs: 9_876_543},
		},
		Series: []result.Point{{TS: 1, Sent: 41_234, OK: 41_234, P50Ns: 112_345, P99Ns: 345_678, MaxNs: 9_876_543}},
		Client: result.Usage{
			Usage:            meter.Usage{CPUSeconds: 12.345, MaxRSSBytes: 48_234_496},
			CPUMicrosPerCall: 29.94,
		},
		Server: &result.Usage{Usage: meter.Usage{CPUSeconds: 8.5, MaxRSSBytes: 33_554_432}, CPUMicrosPerCall: 20.61},
		Target: result.Target{
			Addr: "127.0.0.1:40123", Embedded: true,
			Interceptors: []string{"recovery", "requestid", "metrics", "timeout"},
		},
		Environment: result.Environment{
			Go: "go1.26.8", GRPC: "1.85.0", OS: "linux/amd64", Kernel: "6.1.0", CPUModel: "Some CPU @ 2.00GHz",
			CPUs: 8, GOMAXPROCS: 8, Git: "0123abcd",
		},
	}
}

// bidi is a stream to a server elsewhere, with series of its messages; too few calls for a p99.
func bidi() *result.Document {
	d := unary()
	d.RunID, d.Started = "0a1b2c3e", d.Started.Add(time.Hour)
	d.Plan.RPC, d.Plan.Name, d.Plan.Conns, d.Plan.Workers, d.Plan.Messages, d.Plan.Warmup = "SearchIO",
		"bidi, four connections", 4, 1, 100, 0
	d.Counts = recorder.Counts{
		Due: 205, Sent: 205, OK: 200, Unfinished: 5, MessagesSent: 20_123,
		MessagesReceived: 20_100, BytesSent: 523_198, BytesReceived: 602_999,
	}
	d.Codes = map[string]int64{"OK": 200}
	d.Rate = result.Rate{Offered: 20, Achieved: 19.96, MessagesPerSecond: 999.4, BytesPerSecond: 999}
	response := latency(200, 4.9e7, 4.1e7, 6.5e7, 48_765_432, 50_123_456, 55_555_555, 60_000_000)
	d.Latency = map[string]result.Latency{
		"response": response, "service": response,
		"first_message": latency(200, 612_345, 401_234, 2_000_000, 599_999, 650_000, 801_000, 999_000),
		"message_rtt": latency(20_100, 480_000.4, 300_123, 7_000_000, 470_000, 520_000, 640_000, 710_000, 1_100_000,
			3_300_000),
	}
	d.Exemplars, d.Server = []result.Exemplar{}, nil
	d.Target = result.Target{Addr: "dns:///bench.example:50051"}
	return d
}

// failed is a run that cannot be believed, with failures of two kinds.
func failed() *result.Document {
	d := unary()
	d.RunID, d.Started = "0a1b2c3f", d.Started.Add(2*time.Hour)
	d.Plan.RPC, d.Plan.Name = "GetUser", ""
	d.Verdict = verdict.Verdict{Status: verdict.Invalid, Reasons: []string{"3 latencies fit no histogram (negative, " +
		"or over an hour)", "the run was interrupted: it is shorter than planned"}}
	d.Counts = recorder.Counts{
		Due: 1_234, Sent: 1_230, OK: 1_000, Failed: 220, Unfinished: 10, NeverSent: 4, Late: 7,
		MessagesSent: 1_230, MessagesReceived: 1_000, Overflow: 3,
	}
	d.Codes = map[string]int64{"OK": 1_000, "UNAVAILABLE": 20, "DEADLINE_EXCEEDED": 200}
	d.SLO = []verdict.Kept{
		{Objective: "p99<10ms", Met: true, Result: "met: 2ms"},
		{Objective: "errors<1%", Result: "missed by 17.03 %: 18.03 %"},
	}
	d.Rate = result.Rate{Offered: 122, Achieved: 122, MessagesPerSecond: 223, BytesPerSecond: 12_345}
	d.Latency = map[string]result.Latency{"response": latency(1_220, 1_500_000, 90_000, 300_000_000, 1_200_000,
		1_300_000, 1_500_000, 1_700_000, 250_000_000)}
	d.LatencyByCode = map[string]result.Latency{"UNAVAILABLE": latency(20, 100_000, 90_000, 110_000, 100_000)}
	d.Exemplars = []result.Exemplar{
		{
			RequestID: "0a1b2c3f-0001-000000000001", Kind: "slow", Code: "DEADLINE_EXCEEDED",
			Message: "Users/GetUser: Deadline exceeded", ResponseNs: 300_000_000, ServiceNs: 300_000_000,
			ServerNs: new(int64(301_000_000)),
		},
		{
			RequestID: "0a1b2c3f-0001-000000000001", Kind: "failed", Code: "DEADLINE_EXCEEDED",
			Message: "Users/GetUser: Deadline exceeded", ResponseNs: 300_000_000, ServiceNs: 300_000_000,
			ServerNs: new(int64(301_000_000)),
		},
		{
			RequestID: "0a1b2c3f-0002-000000000009", Kind: "failed", Code: "DEADLINE_EXCEEDED",
			Message: "a second message of the same code", ResponseNs: 300_000_000, ServiceNs: 300_000_000,
		},
		{
			RequestID: "0a1b2c3f-0003-00000000000a", Kind: "failed", Code: "UNAVAILABLE", Message: "connection refused",
			ResponseNs: 99_000, ServiceNs: 99_000,
		},
	}
	d.Target.Interceptors = nil
	return d
}

// mixed is a run of two flows, one of them of two steps.
func mixed() *result.Document {
	d := unary()
	d.RunID, d.Plan.RPC, d.Plan.File = "0a1b2c40", "", "shop.yaml"
	step := func(flow, name string, weight float64, ok, failed int64) result.Step {
		return result.Step{
			Flow: flow, Name: name, Method: "shop.Shop/" + name, Kind: "unary", Weight: weight,
			Counts: recorder.Counts{Due: ok + failed, Sent: ok + failed, OK: ok, Failed: failed},
			Codes:  map[string]int64{"OK": ok, "NOT_FOUND": failed},
			Latency: map[string]result.Latency{"response": latency(ok+failed, 121_234.5, 48_123, 9_876_543, 112_345,
				134_567, 165_432, 198_765, 345_678)},
		}
	}
	d.Steps = []result.Step{
		step("browse", "Search", 7, 300_000, 0), step("buy", "Login", 3, 60_000, 1_000),
		step("buy", "Pay", 3, 51_345, 0),
	}
	d.Flows = []result.Flow{{
		Name: "buy", Weight: 3, Counts: recorder.Counts{Due: 61_000, Sent: 61_000, OK: 51_345, Failed: 9_655},
		Codes: map[string]int64{"OK": 51_345},
		Latency: map[string]result.Latency{"response": latency(61_000, 242_469, 96_246, 19_753_086, 224_690, 269_134,
			330_864, 397_530, 691_356)},
	}}
	return d
}

func shown(t *testing.T, format string, docs ...*result.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Show(&b, format, docs...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name, docs := range map[string][]*result.Document{
		"unary": {unary()}, "bidi": {bidi()}, "failed": {failed()}, "mixed": {mixed()},
		"all": {unary(), bidi(), failed()},
	} {
		// of HTML the tests look at what stands where: as a whole it is mostly drawings
		for format, ending := range map[string]string{"text": "txt", "md": "md", "csv": "csv"} {
			if len(docs) > 1 && format != "md" {
				continue // one run after the other, without an overview
			}
			t.Run(name+"."+ending, func(t *testing.T) {
				golden(t, name+"."+ending+".golden",
					shown(t, format, docs...))
			})
		}
	}
}
