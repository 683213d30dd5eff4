// Package plan holds every setting of a run, and of an experiment, as plain data. Who reads a result reads it too: how
// it is made from a command line is in package flags.
package plan

import (
	"math"
	"net/http"
	"time"

	"grpcbench/loadgen/schedule"
)

// Plan is every setting of one run. It is plain data: result.json holds it as it is.
type Plan struct {
	RPC string `json:"rpc"`
	// File is a scenario file; Flows are what it says that arrivals start, in place of RPC, and Setup is what is called
	// once before.
	File  string `json:"file,omitempty"`
	Flows []Flow `json:"flows,omitempty"`
	Setup []Step `json:"setup,omitempty"`
	// Schema says where the RPC's types come from, Data what is sent of them: JSON, or @FILE; empty where the RPC has
	// its own.
	Schema Schema `json:"schema,omitzero"`
	Data   string `json:"data,omitempty"`
	// DataText is what Data stands for.
	DataText []byte `json:"-"`
	// Feeds are files that data draws from, as -feed has them; Expect is what answers hold, in JSON, and ExpectText
	// what it stands for; ExpectCode is the code of a call that succeeds, empty: OK.
	Feeds      []string `json:"feeds,omitempty"`
	Expect     string   `json:"expect,omitempty"`
	ExpectText []byte   `json:"-"`
	ExpectCode string   `json:"expect_code,omitempty"`
	Addr       string   `json:"addr"` // empty: an embedded target
	Transport  string   `json:"transport"`
	HTTPMethod string   `json:"http_method,omitempty"`
	HTTPRule   int      `json:"http_rule,omitempty"`

	Workers int           `json:"concurrency"`
	Conns   int           `json:"conns"`
	D       time.Duration `json:"duration_ns"` // 0: until Total calls are made
	Total   int64         `json:"total"`       // 0: until D is over
	Warmup  time.Duration `json:"warmup_ns"`
	Drain   time.Duration `json:"drain_ns"`

	// Rate, in calls per second, and Stages make the loop open; at most one is set. 0 and empty: closed.
	Rate    float64 `json:"rate"`
	Stages  string  `json:"stages"`
	Arrival string  `json:"arrival"`
	Seed    uint64  `json:"seed"`
	Spin    bool    `json:"spin"`

	Timeout        time.Duration `json:"timeout_ns"` // 0: none
	ConnectTimeout time.Duration `json:"connect_timeout_ns"`
	Messages       int           `json:"messages"` // ByData: as many as there are
	// Turns says who speaks when on a bidi stream; Receive and ReceiveFor end a server's stream from this side.
	Turns         string        `json:"stream,omitempty"`
	Receive       int           `json:"receive,omitempty"`
	ReceiveFor    time.Duration `json:"receive_for_ns,omitempty"`
	Interval      time.Duration `json:"interval_ns"`
	MessageRate   float64       `json:"message_rate"` // of all streams together
	Size          int           `json:"size"`
	MaxMessage    int64         `json:"max_message,omitempty"` // bytes, of an answer
	Gzip          bool          `json:"gzip,omitempty"`
	Keepalive     time.Duration `json:"keepalive_ns,omitempty"` // 0: none
	ServiceConfig string        `json:"service_config,omitempty"`
	// Metadata is what calls carry, key and value by turns. MetadataTold is what may be told of it: in place of a
	// secret the environment's variable that would hold it, or where it was read from.
	Metadata     []string `json:"-"`
	MetadataTold []string `json:"metadata"`
	PerWorker    bool     `json:"per_worker"`

	ClientInterceptors []string `json:"client_interceptors"`
	TLS                TLS      `json:"tls"`
	Authority          string   `json:"authority"`
	Target             []string `json:"target"` // flags of the embedded target

	// Metrics is where the run serves its own figures, OTLP where it sends the traces of TraceRatio of its calls.
	Metrics    string  `json:"metrics,omitempty"`
	OTLP       string  `json:"otlp,omitempty"`
	TraceRatio float64 `json:"trace_ratio,omitempty"`

	SLO string `json:"slo"`
	// AbortOn are limits that end the run once they are passed.
	AbortOn string `json:"abort_on,omitempty"`
	// Shard is the process's part in a run that several make.
	Shard  Shard  `json:"shard,omitzero"`
	Out    string `json:"out"`
	Force  bool   `json:"-"`
	Name   string `json:"name"`
	Format string `json:"format"`
	Quiet  bool   `json:"quiet"`

	// Command is the command line that makes the same run once more, but for where its result goes.
	Command []string `json:"command,omitempty"`
}

// ByData is a number of messages that the data has.
const ByData = -1

// Schema says where methods and types come from.
type Schema struct {
	Protos      []string `json:"proto,omitempty"`
	Imports     []string `json:"import,omitempty"`
	Sets        []string `json:"protoset,omitempty"`
	ReflectAddr string   `json:"reflect_addr,omitempty"`
}

// Files says whether files have it.
func (s Schema) Files() bool { return len(s.Protos)+len(s.Sets) > 0 }

// TLS says how a connection is secured; the zero TLS is plaintext.
type TLS struct {
	On         bool   `json:"on"`
	CA         string `json:"cacert,omitempty"`
	Cert       string `json:"cert,omitempty"`
	Key        string `json:"key,omitempty"`
	SkipVerify bool   `json:"insecure_skip_verify,omitempty"`
}

// Embedded says whether the run starts a target of its own.
func (p Plan) Embedded() bool { return p.Addr == "" }

// Pace is the time between two messages of one stream, by which all workers' together make MessageRate.
func (p Plan) Pace() time.Duration {
	if p.MessageRate == 0 {
		return 0
	}
	return time.Duration(float64(p.Workers) / p.MessageRate * 1e9)
}

// Open says whether calls start by a schedule.
func (p Plan) Open() bool { return p.Rate > 0 || p.Stages != "" }

// Arrivals returns the schedules of an open loop's measured calls and of its
// warm-up, anew at each call; both are nil in a closed loop. The warm-up runs
// evenly at the rate that the measured part begins with.
func (p Plan) Arrivals() (measured, warmup schedule.Schedule, err error) {
	if !p.Open() {
		return nil, nil, nil
	}
	d := p.D
	if d == 0 {
		d = math.MaxInt64 // Total ends it
	}
	rate := schedule.PerSecond(p.Rate)
	switch {
	case p.Stages != "":
		stages, err := schedule.ParseStages(p.Stages)
		if err != nil {
			return nil, nil, err
		}
		rate = stages[0].From
		measured = schedule.Stages(stages, p.Arrival == Poisson, p.Seed)
	case p.Arrival == Poisson:
		measured = schedule.Poisson(rate, d, p.Seed)
	default:
		measured = schedule.Uniform(rate, d)
	}
	return measured, schedule.Uniform(rate, p.Warmup), nil
}

// Scheduled is the window of an open loop that ends after so many calls of a constant rate, which is that of its
// schedule: ten calls, one a second, are those of ten seconds. It is 0 where the window is not the calls'.
func (p Plan) Scheduled() time.Duration {
	if p.Rate == 0 || p.Total == 0 {
		return 0
	}
	seconds := float64(p.Total) / p.Rate
	if p.D > 0 && seconds > p.D.Seconds() {
		return p.D
	}
	return time.Duration(seconds * 1e9)
}

// Expected is about how many calls an open loop's window will have; 0 where that is not known.
func (p Plan) Expected() int64 {
	if p.Stages != "" || !p.Open() {
		return 0
	}
	n := int64(p.Rate * p.D.Seconds())
	if p.Total > 0 && (n == 0 || p.Total < n) {
		n = p.Total
	}
	return n
}

// The arrival processes.
const (
	Uniform = "uniform"
	Poisson = "poisson"
)

// ClientInterceptors are the names that -client-interceptors takes.
var ClientInterceptors = []string{"requestid", "metrics", "logging"}

// Formats are what -format takes; Silent is what -q makes of none.
var Formats = []string{"text", "json", "md", "csv"}

// Silent is the format of a run whose result goes to its files only.
const Silent = "none"

// HTTPMethods are those that a run may choose a route by.
var HTTPMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
