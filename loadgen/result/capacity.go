package result

import (
	"fmt"
	"io"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/verdict"
)

// CapacitySchema is the version of [Capacity].
const CapacitySchema = "grpcbench.capacity/v1"

// Capacity is how many calls a second a service takes within its objectives: the document of `loadgen capacity`.
type Capacity struct {
	Schema     string        `json:"schema"`
	RunID      string        `json:"run_id"`
	Started    time.Time     `json:"started"`
	Plan       plan.Capacity `json:"plan"`
	DurationNs int64         `json:"duration_ns"`
	// Passes is the highest rate that passes, Fails the lowest that does not; nil where there is none. Each says how
	// often it did so when tried again.
	Passes *CapacityBound `json:"passes,omitempty"`
	Fails  *CapacityBound `json:"fails,omitempty"`
	// LimitedBy is the objective that Fails misses. Generator says what keeps the load generator from more, where that
	// is the limit: then the capacity is at least what passes.
	LimitedBy string `json:"limited_by,omitempty"`
	Generator string `json:"generator,omitempty"`
	// Ceiling is what a closed loop reaches, in calls a second; Knee the highest rate at which the median is at most
	// twice that of the lowest.
	Ceiling float64 `json:"closed_loop_ceiling"`
	Knee    float64 `json:"knee,omitempty"`
	// Recovery says where the server did not come back after overload.
	Recovery string          `json:"recovery,omitempty"`
	Notes    []string        `json:"notes"`
	Trials   []CapacityTrial `json:"trials"` // in the order in which they were made
	SLO      []verdict.Kept  `json:"slo"`    // what came of limits on the capacity
	// Target and Environment are as a run's.
	Target      Target      `json:"target"`
	Environment Environment `json:"environment"`
	// Folder is where the document was read from; empty where it was not.
	Folder string `json:"-"`
}

// CapacityBound is a rate, and how many of its confirming trials came out as they should.
type CapacityBound struct {
	Rate float64 `json:"rate"`
	Held int     `json:"held"`
	Of   int     `json:"of"`
}

// CapacityTrial is one load at a rate.
type CapacityTrial struct {
	Rate     float64 `json:"rate"`     // offered, in calls a second
	Achieved float64 `json:"achieved"` // as far as the server came
	// Outcome is "pass", "fail" or "undecided", or "generator" where the load generator was the limit; Why says by
	// what.
	Outcome string `json:"outcome"`
	Why     string `json:"why"`
	// Revised is what the outcome is worth after the rate was tried again, where that is something else.
	Revised string `json:"revised,omitempty"`
	// Phase is what it was made for: "search", "confirm", or "ceiling" for the closed loop.
	Phase  string `json:"phase"`
	Looks  int    `json:"looks"` // how many loads it took to decide
	P50Ns  int64  `json:"p50_ns"`
	P99Ns  int64  `json:"p99_ns"`
	P999Ns int64  `json:"p999_ns,omitempty"`
	// AtLeast are the percentiles of these that are lower bounds, as in [Percentile].
	AtLeast []float64 `json:"at_least,omitempty"`
	// Errors is the share of calls without a success.
	Errors float64 `json:"errors"`
	// ServerCPU and ClientCPU are the cores that each used; ServerCPU is of an embedded target.
	ServerCPU float64 `json:"server_cores,omitempty"`
	ClientCPU float64 `json:"client_cores"`
}

// Encode writes the document as indented JSON.
func (d *Capacity) Encode(w io.Writer) error { return encode(w, d) }

func (d *Capacity) began() time.Time { return d.Started }

// Title is how reports call it.
func (d *Capacity) Title() string {
	if d.Plan.Name != "" {
		return d.Plan.Name
	}
	return "capacity of " + (&Document{Plan: d.Plan.Load}).Name()
}

// Headline is the answer in a sentence.
func (d *Capacity) Headline() string {
	bound := func(word string, b *CapacityBound) string {
		if b.Of == 0 {
			return fmt.Sprintf("%s %.0f/s", word, b.Rate)
		}
		return fmt.Sprintf("%s %.0f/s (%d of %d)", word, b.Rate, b.Held, b.Of)
	}
	switch {
	case d.Passes == nil && d.Fails == nil:
		return "no answer: nothing was decided"
	case d.Passes == nil:
		return bound("passes nothing that was tried: fails", d.Fails) + ", limited by " + d.LimitedBy
	case d.Generator != "":
		return bound("at least", d.Passes) + ": the load generator's limit, " + d.Generator
	case d.Fails == nil:
		return bound("passes", d.Passes) + ", the highest rate that was tried"
	default:
		return bound("passes", d.Passes) + ", " + bound("fails", d.Fails) + ", limited by " + d.LimitedBy
	}
}

// WriteBench writes the bounds in Go's benchmark format.
func (d *Capacity) WriteBench(w io.Writer) error {
	name := benchName((&Document{Plan: d.Plan.Load}).Name())
	line := fmt.Sprintf("BenchmarkCapacity/rpc=%s/transport=%s/c=%d/conns=%d %d", name, d.Plan.Load.Transport,
		d.Plan.Load.Workers, d.Plan.Load.Conns, max(len(d.Trials), 1))
	if d.Passes != nil {
		line += fmt.Sprintf(" %.1f passes-calls/s", d.Passes.Rate)
	}
	if d.Fails != nil {
		line += fmt.Sprintf(" %.1f fails-calls/s", d.Fails.Rate)
	}
	if _, err := fmt.Fprintf(w, "%s %.1f ceiling-calls/s\n", line, d.Ceiling); err != nil {
		return fmt.Errorf("write the benchmark line: %w", err)
	}
	return nil
}
