// Package plan turns a command line into a [Plan]: every setting of a run,
// resolved and checked. It is the only reader of flags.
package plan

import (
	"time"

	"grpcbench/loadgen/scenario"
)

// Plan is every setting of one run. It is plain data: result.json holds it as it is.
type Plan struct {
	RPC        string `json:"rpc"`
	Addr       string `json:"addr"` // empty: an embedded target
	Transport  string `json:"transport"`
	HTTPMethod string `json:"http_method,omitempty"`

	Workers int           `json:"concurrency"`
	Conns   int           `json:"conns"`
	D       time.Duration `json:"duration_ns"` // 0: until Total calls are made
	Total   int64         `json:"total"`       // 0: until D is over
	Warmup  time.Duration `json:"warmup_ns"`
	Drain   time.Duration `json:"drain_ns"`

	Timeout        time.Duration `json:"timeout_ns"` // 0: none
	ConnectTimeout time.Duration `json:"connect_timeout_ns"`
	Messages       int           `json:"messages"`
	Interval       time.Duration `json:"interval_ns"`
	Size           int           `json:"size"`
	Metadata       []string      `json:"metadata"` // key and value by turns
	PerWorker      bool          `json:"per_worker"`

	ClientInterceptors []string `json:"client_interceptors"`
	TLS                TLS      `json:"tls"`
	Authority          string   `json:"authority"`
	Target             []string `json:"target"` // flags of the embedded target

	Out    string `json:"out"`
	Name   string `json:"name"`
	Format string `json:"format"`
	Quiet  bool   `json:"quiet"`
}

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

// Options are the plan's choices about calls, for the scenario.
func (p Plan) Options() scenario.Options {
	return scenario.Options{
		Transport: p.Transport, HTTPMethod: p.HTTPMethod, Messages: p.Messages, Size: p.Size,
		Interval: p.Interval, Timeout: p.Timeout, Metadata: p.Metadata,
	}
}
