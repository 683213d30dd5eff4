package result_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
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

// document is a run with something in every field.
func document() *result.Document {
	server := int64(90_000)
	response := result.Latency{
		Count: 2000, MeanNs: 150_000.5, MinNs: 80_000, MaxNs: 2_000_000,
		Percentiles: []result.Percentile{
			{P: 50, Ns: 140_000, LowNs: 139_000, HighNs: 141_000},
			{P: 99.9, Ns: 900_000, LowNs: 850_000, HighNs: 2_000_000},
		},
	}
	return &result.Document{
		Schema: result.Schema, RunID: "deadbeef", Started: time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
		Plan: plan.Plan{
			RPC: "SearchIO", Transport: "grpc", Workers: 50, Conns: 2, D: 10 * time.Second, Warmup: time.Second,
			Drain:   5 * time.Second,
			Timeout: 20 * time.Second, ConnectTimeout: 10 * time.Second, Messages: 100,
			MetadataTold:       []string{"k", "<v>"},
			ClientInterceptors: []string{"requestid"}, Target: []string{"-interceptors=none"}, Out: "results/x",
			Name: "a & b", Format: "text",
		},
		DurationNs: 10_000_000_123, Loop: "closed", Notes: []string{"a note"},
		Verdict: verdict.Verdict{Status: verdict.Suspect, Reasons: []string{"the run was interrupted"}},
		Counts: recorder.Counts{
			Due: 2010, Sent: 2009, OK: 1990, Failed: 10, Unfinished: 9, Late: 2, NeverSent: 1,
			MessagesSent: 5, MessagesReceived: 6, BytesSent: 70, BytesReceived: 80, Overflow: 3,
		},
		WarmupCalls: 44, Codes: map[string]int64{"OK": 1990, "UNAVAILABLE": 10},
		Rate:          result.Rate{Offered: 200.5, Achieved: 200, MessagesPerSecond: 1.1, BytesPerSecond: 15},
		Latency:       map[string]result.Latency{"response": response},
		LatencyByCode: map[string]result.Latency{"UNAVAILABLE": {Count: 10, Percentiles: []result.Percentile{}}},
		Exemplars: []result.Exemplar{
			{
				RequestID: "deadbeef-0001-000000000007", Kind: "slow", Code: "OK", IntendedNs: 5, ResponseNs: 2_000_000,
				ServiceNs: 1_999_000, ServerNs: &server,
			},
			{
				RequestID: "deadbeef-0002-000000000008", Kind: "failed", Code: "UNAVAILABLE", Message: "gone",
				ResponseNs: 9,
			},
		},
		Series: []result.Point{{
			TS: 1, Sent: 200, OK: 199, Failed: 1, P50Ns: 140_000, P99Ns: 600_000,
			MaxNs: 2_000_000,
		}},
		Client: result.NewUsage(meter.Usage{CPUSeconds: 2, MaxRSSBytes: 1 << 20}, 2009),
		Server: &result.Usage{Usage: meter.Usage{CPUSeconds: 3, MaxRSSBytes: 1 << 21}, CPUMicrosPerCall: 1.5},
		Target: result.Target{Addr: "127.0.0.1:1", Embedded: true, Interceptors: []string{"recovery", "requestid"}},
		Environment: result.Environment{
			Go: "go1.26.8", GRPC: "1.85.0", OS: "linux/amd64", Kernel: "6.1", CPUModel: "a CPU", CPUs: 4,
			GOMAXPROCS: 2, Git: "abc-dirty",
		},
	}
}

func encoded(t *testing.T, d *result.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Other people's scripts read this file.
func TestDocumentGolden(t *testing.T) { golden(t, "result.json.golden", encoded(t, document())) }

func TestDocumentRoundTrip(t *testing.T) {
	for name, d := range map[string]*result.Document{"full": document(), "empty": {Schema: result.Schema}} {
		got, err := result.Decode(encoded(t, d))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The names of the fields are fixed; the golden file may gain others.
func TestFieldNames(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(encoded(t, document()), &doc); err != nil {
		t.Fatal(err)
	}
	for path, names := range map[string]string{
		"": "schema run_id started plan duration_ns verdict counts codes rate " +
			"latency exemplars series client server environment",
		"verdict": "status reasons",
		"counts": "due sent ok failed unfinished late never_sent messages_sent " +
			"messages_received bytes_sent bytes_received",
		"codes":                              "OK UNAVAILABLE",
		"rate":                               "offered achieved messages_per_second",
		"latency response":                   "count mean_ns min_ns max_ns percentiles",
		"latency response percentiles first": "p ns low_ns high_ns",
		"exemplars first":                    "request_id code intended_ns response_ns service_ns server_ns kind",
		"series first":                       "t_s sent ok failed p50_ns p99_ns",
		"client": "cpu_seconds cpu_us_per_call max_rss_bytes gc_pauses_ns " +
			"sched_latency_p99_ns",
		"server": "cpu_seconds cpu_us_per_call max_rss_bytes gc_pauses_ns " +
			"sched_latency_p99_ns",
		"environment": "go grpc os kernel cpu_model cpus gomaxprocs git",
	} {
		var at any = doc
		for step := range strings.FieldsSeq(path) {
			if list, ok := at.([]any); ok && step == "first" {
				at = list[0]
			} else {
				at = at.(map[string]any)[step]
			}
		}
		object, ok := at.(map[string]any)
		if !ok {
			t.Errorf("%s is %v, want an object", path, at)
			continue
		}
		for name := range strings.FieldsSeq(names) {
			if _, ok := object[name]; !ok {
				t.Errorf("%q has no field %s", path, name)
			}
		}
	}
	if got := doc["started"]; got != "2026-01-02T03:04:05.678Z" {
		t.Errorf("started is %v, want RFC 3339", got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct{ reason, data, says string }{
		{"another version", `{"schema":"grpcbench.result/v2"}`, "grpcbench.result/v2"},
		{"no schema", `{}`, `schema ""`},
		{"the schema in capitals", `{"schema":"GRPCBENCH.RESULT/V1"}`, "GRPCBENCH"},
		{"a list", `[]`, "array"},
		{"nothing", ``, "end of JSON"},
		{"a document cut short", `{"schema":"grpcbench.result/v1","run_id":"dead`, "end of JSON"},
		{"a count that is text", `{"schema":"grpcbench.result/v1","counts":{"ok":"many"}}`, "counts.ok"},
	} {
		d, err := result.Decode([]byte(tt.data))
		if err == nil || d != nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, %v, want no document and an error that says %s", tt.reason, d, err, tt.says)
		}
	}
}

// A later program may add fields: an older one reads what it knows.
func TestDecodeTakesNewFields(t *testing.T) {
	d, err := result.Decode([]byte(`{"schema":"grpcbench.result/v1","run_id":"1","future":{"x":[1]}}`))
	if err != nil || d.RunID != "1" {
		t.Errorf("%+v, %v, want run 1", d, err)
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := document().Encode(&b); err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		b.String(), `{"schema":"grpcbench.result/v1"}`,
		`{"schema":"grpcbench.result/v1","series":[{}],"server":{},"latency":{"":{}}}`, `null`, `{`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := result.Decode(data)
		if err != nil {
			return
		}
		again, err := result.Decode(encoded(t, d))
		if err != nil {
			t.Fatalf("what was read and written cannot be read: %v", err)
		}
		if first, second := encoded(t, d), encoded(t, again); !bytes.Equal(first, second) {
			t.Errorf("read and written twice (-first +second):\n%s", cmp.Diff(string(first), string(second)))
		}
	})
}

func TestCodeName(t *testing.T) {
	for code, want := range map[codes.Code]string{
		codes.OK: "OK", codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN",
		codes.DeadlineExceeded:  "DEADLINE_EXCEEDED",
		codes.ResourceExhausted: "RESOURCE_EXHAUSTED", codes.Unauthenticated: "UNAUTHENTICATED",
	} {
		if got := result.CodeName(code); got != want {
			t.Errorf("CodeName(%d) = %s, want %s", code, got, want)
		}
	}
	for code := range codes.Code(recorder.CodeCount) {
		var back codes.Code // grpc-go reads what it is called by
		if err := back.UnmarshalJSON([]byte(`"` + result.CodeName(code) + `"`)); err != nil || back != code {
			t.Errorf("CodeName(%d) = %s, which gRPC reads as %v, %v", code, result.CodeName(code), back, err)
		}
	}
}

func TestName(t *testing.T) {
	for _, tt := range []struct{ rpc, name, want string }{{"Search", "", "Search"}, {"Search", "before", "before"}} {
		if got := (&result.Document{Plan: plan.Plan{RPC: tt.rpc, Name: tt.name}}).Name(); got != tt.want {
			t.Errorf("the run %q of %s is called %q, want %q", tt.name, tt.rpc, got, tt.want)
		}
	}
}

// CPU is shared out among the calls; without any it is that of none, and no division by 0.
func TestNewUsage(t *testing.T) {
	for _, tt := range []struct {
		calls int64
		want  float64
	}{{1_000_000, 2}, {1, 2e6}, {0, 2e6}} {
		if got := result.NewUsage(meter.Usage{CPUSeconds: 2}, tt.calls).CPUMicrosPerCall; got != tt.want {
			t.Errorf("2 s for %d calls are %v us a call, want %v", tt.calls, got, tt.want)
		}
	}
}

// The names are google.rpc's own.
func TestCodeNames(t *testing.T) {
	for c := range codes.Code(20) {
		if got, want := result.CodeName(c), code.Code(c).String(); got != want { //nolint:gosec // a few
			t.Errorf("code %d is %q, want %q", c, got, want)
		}
	}
}
