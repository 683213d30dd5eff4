package result

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/meter"
)

// Schema is the version of [Document]. Fields may be added under it, never renamed.
const Schema = "grpcbench.result/v1"

// Document is one run. Times are nanoseconds, sizes bytes.
type Document struct {
	Schema     string          `json:"schema"`
	RunID      string          `json:"run_id"`
	Started    time.Time       `json:"started"` // of the measured window
	Plan       plan.Plan       `json:"plan"`
	Method     string          `json:"method,omitempty"` // pkg.Service/Method
	Kind       string          `json:"kind,omitempty"`   // unary, client stream, server stream or bidi
	DurationNs int64           `json:"duration_ns"`      // the measured window, to the end of its last call
	Loop       string          `json:"loop"`             // "closed" or "open"
	Notes      []string        `json:"notes"`            // what a reader must know about the figures
	Verdict    verdict.Verdict `json:"verdict"`
	SLO        []verdict.Kept  `json:"slo"` // what came of -slo

	Counts      recorder.Counts    `json:"counts"`
	WarmupCalls int64              `json:"warmup_calls"` // made before the window, in no other figure
	Unanswered  Unanswered         `json:"unanswered"`
	Codes       map[string]int64   `json:"codes"`
	Rate        Rate               `json:"rate"`
	Latency     map[string]Latency `json:"latency"`
	// LatencyByCode are the response times of the codes other than OK.
	LatencyByCode map[string]Latency `json:"latency_by_code"`
	Exemplars     []Exemplar         `json:"exemplars"`
	Series        []Point            `json:"series"`

	// Added bounds what the load generator itself added to percentiles of the response time.
	Added []verdict.Added `json:"added"`
	// Arrivals is how an open loop's calls were spaced.
	Arrivals verdict.Arrivals `json:"arrivals"`

	Addresses []Address `json:"addresses"` // one an address, in the order that they were given
	// Shards are the processes that made the run, where there are several.
	Shards []Shard `json:"shards,omitempty"`
	// Steps are each step of each flow, also where there is only one; Flows those of several steps.
	Steps       []Step      `json:"steps,omitempty"`
	Flows       []Flow      `json:"flows,omitempty"`
	Client      Usage       `json:"client"`
	Server      *Usage      `json:"server,omitempty"` // where it was embedded
	Target      Target      `json:"target"`
	Environment Environment `json:"environment"`

	// Folder is where the document was read from; empty where it was not.
	Folder string `json:"-"`
}

// Rate is in calls and messages per second of the measured window.
type Rate struct {
	Offered           float64 `json:"offered"` // in a closed loop, what was achieved
	Achieved          float64 `json:"achieved"`
	MessagesPerSecond float64 `json:"messages_per_second"` // sent and received
	BytesPerSecond    float64 `json:"bytes_per_second"`    // of messages, sent and received
}

// Latency is one population.
type Latency struct {
	Count int64 `json:"count"`
	// Censored are those of the count that are lower bounds only: calls that were never answered, or that their own
	// deadline ended. Where there is one, the mean and the greatest value are lower bounds too.
	Censored int64 `json:"censored"`
	// EffectiveCount is how many independent calls the count is worth; the intervals rest on it.
	EffectiveCount int64        `json:"effective_count"`
	MeanNs         float64      `json:"mean_ns"`
	MinNs          int64        `json:"min_ns"`
	MaxNs          int64        `json:"max_ns"`
	Percentiles    []Percentile `json:"percentiles"`
}

// Percentile is a value with its exact 95 % confidence interval within the run.
type Percentile struct {
	P      float64 `json:"p"`
	Ns     int64   `json:"ns"`
	LowNs  int64   `json:"low_ns"`
	HighNs int64   `json:"high_ns"`
	// AtLeast says that the value is a lower bound only, since calls that were never answered can reach it;
	// HighAtLeast that the interval has no upper end.
	AtLeast     bool `json:"at_least,omitempty"`
	HighAtLeast bool `json:"high_at_least,omitempty"`
}

// At returns the percentile p, where the count supports it.
func (l Latency) At(p float64) (Percentile, bool) {
	for _, x := range l.Percentiles {
		if x.P == p {
			return x, true
		}
	}
	return Percentile{}, false
}

// Unanswered are the calls that were cut off after the drain.
type Unanswered struct {
	Calls       int64 `json:"calls"`
	WarmupCalls int64 `json:"warmup_calls"` // of the warm-up, in no other figure
	// OldestNs and LeastNs are how long calls had been waiting by then.
	OldestNs int64 `json:"oldest_ns"`
	LeastNs  int64 `json:"least_ns"`
}

// Failures is the share of the calls that were sent which did not succeed: those without an answer are no success.
func (d *Document) Failures() float64 { return failures(&d.Counts) }

func failures(c *recorder.Counts) float64 {
	lost := c.Failed + c.Unfinished
	return float64(lost) / float64(max(c.OK+lost, 1))
}

// Exemplar is one call. ServerNs is the target's own handling time, null where it told none.
type Exemplar struct {
	RequestID  string `json:"request_id"`
	Step       string `json:"step,omitempty"` // where there are several
	Kind       string `json:"kind"`
	Code       string `json:"code"`
	Message    string `json:"message,omitempty"`
	IntendedNs int64  `json:"intended_ns"` // since the start of the window
	ResponseNs int64  `json:"response_ns"`
	ServiceNs  int64  `json:"service_ns"`
	ServerNs   *int64 `json:"server_ns"`
	// Data is what the call sent, a stream as its first message, where calls differ in that; secrets are left out.
	Data json.RawMessage `json:"data,omitempty"`
}

// Point is one second of the run.
type Point struct {
	TS     float64 `json:"t_s"`
	Sent   int64   `json:"sent"`
	OK     int64   `json:"ok"`
	Failed int64   `json:"failed"`
	P50Ns  int64   `json:"p50_ns"`
	P99Ns  int64   `json:"p99_ns"`
	MaxNs  int64   `json:"max_ns"`
	// Unfinished were cut off in this second. Censored are all of its calls that something else than the server ended,
	// which makes its percentiles lower bounds. Waiting were in flight at its end, the first of them for OldestNs.
	Unfinished int64 `json:"unfinished,omitempty"`
	Censored   int64 `json:"censored,omitempty"`
	Waiting    int64 `json:"waiting,omitempty"`
	OldestNs   int64 `json:"oldest_ns,omitempty"`
	// ClientCPUNs is what this process used; 0 where the second was too short to tell.
	ClientCPUNs int64 `json:"client_cpu_ns"`
}

// Usage is what a process used over the measured window.
type Usage struct {
	meter.Usage
	CPUMicrosPerCall float64 `json:"cpu_us_per_call"`
}

// NewUsage shares u out among the calls that were sent.
func NewUsage(u meter.Usage, calls int64) Usage {
	return Usage{Usage: u, CPUMicrosPerCall: u.CPUSeconds * 1e6 / float64(max(calls, 1))}
}

// Address is one that calls went to, over Conns connections of which Reconnects were made anew.
type Address struct {
	Addr       string        `json:"addr"`
	Conns      int           `json:"conns"`
	Reconnects int64         `json:"reconnects"`
	Counts     AddressCounts `json:"counts"`
}

// AddressCounts are those of a run's counts that are known by address.
type AddressCounts struct {
	Sent       int64 `json:"sent"`
	OK         int64 `json:"ok"`
	Failed     int64 `json:"failed"`
	Unfinished int64 `json:"unfinished"`
}

// Target is the server that was measured.
type Target struct {
	Addr     string `json:"addr"`
	Embedded bool   `json:"embedded"`
	// Interceptors is the chain of an embedded target, outermost first.
	Interceptors []string `json:"interceptors,omitempty"`
}

// CodeName is the code as gRPC spells it, such as DEADLINE_EXCEEDED; of a code that gRPC does not have, its number.
func CodeName(c codes.Code) string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return strconv.Itoa(int(c))
}

// codeNames are those of google.rpc.Code.
var codeNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED",
}

// Name is how reports call the run: its label, or else its RPC.
func (d *Document) Name() string {
	if d.Plan.Name != "" {
		return d.Plan.Name
	}
	if d.Plan.File != "" {
		return strings.TrimSuffix(filepath.Base(d.Plan.File), filepath.Ext(d.Plan.File))
	}
	return d.Plan.RPC
}

// Read reads the result.json of a run's folder, or the named file.
func Read(path string) (*Document, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, resultFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a result: %w", err)
	}
	d, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	d.Folder = filepath.Dir(path)
	return d, nil
}

// Decode reads a document of this schema.
func Decode(data []byte) (*Document, error) {
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	if d.Schema != Schema {
		return nil, fmt.Errorf("schema %q, want %q", d.Schema, Schema)
	}
	return &d, nil
}
