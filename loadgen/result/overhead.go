package result

import (
	"fmt"
	"io"
	"strings"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// OverheadSchema is the version of [Overhead].
const OverheadSchema = "grpcbench.overhead/v1"

// Overhead is what interceptors cost: the document of `loadgen overhead`.
type Overhead struct {
	Schema     string          `json:"schema"`
	RunID      string          `json:"run_id"`
	Started    time.Time       `json:"started"`
	Plan       plan.Overhead   `json:"plan"`
	DurationNs int64           `json:"duration_ns"`
	Rounds     int             `json:"rounds"`    // that count
	Discarded  int             `json:"discarded"` // before them, to warm up
	BlockNs    int64           `json:"block_ns"`  // of an arm, in each round
	Notes      []string        `json:"notes"`
	Verdict    verdict.Verdict `json:"verdict"`
	SLO        []verdict.Kept  `json:"slo"`
	Costs      []Cost          `json:"costs"`

	Environment Environment `json:"environment"`
}

// Subject is what a cost is of.
type Subject struct {
	Name string `json:"name"`
	// Group is "alone", "chain" (with all before it), "ecosystem" (not this project's), or one of the
	// checks: "A/A" (nothing at all), "empty" (an interceptor that does nothing) and "control" (a known cost).
	Group string   `json:"group"`
	Side  string   `json:"side"` // "server" or "client"
	Kind  string   `json:"kind"` // "unary" or "stream"
	Chain []string `json:"chain"`
	// Over is what the cost is added to, where that is not a call without interceptors.
	Over string `json:"over,omitempty"`
	// KnownNs is what a control costs.
	KnownNs *int64 `json:"known_ns,omitempty"`
}

// Cost is what a subject adds to a call or, of a stream, to a message and its answer.
type Cost struct {
	Subject
	// BareNs is the median of the bare arm, which it is added to.
	BareNs float64 `json:"bare_ns"`
	// Latency is of the blocks' medians, Mean of their means, in nanoseconds, as CPU is. Allocs and Bytes
	// are of the heap of the subject's side.
	Latency   Estimate `json:"latency_ns"`
	Mean      Estimate `json:"mean_ns"`
	ServerCPU Estimate `json:"server_cpu_ns"`
	ClientCPU Estimate `json:"client_cpu_ns"`
	Allocs    Estimate `json:"allocs"`
	Bytes     Estimate `json:"alloc_bytes"`
	// P is the p-value of the latency, adjusted for the number of costs (Holm); Resolved says that it is
	// less than 5 %.
	P        float64 `json:"p"`
	Resolved bool    `json:"resolved"`
	// Differences are those of the rounds' medians, in nanoseconds, in their order.
	Differences []float64 `json:"differences_ns"`
}

// Check says that the cost is no answer: it tells whether the others can be believed.
func (s Subject) Check() bool { return s.Group == "A/A" || s.Group == "empty" || s.Group == "control" }

// Estimate is a Hodges-Lehmann estimate with its 95 % interval, which is absent for too few rounds.
type Estimate struct {
	Value float64  `json:"value"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
}

// NewEstimate takes what is said of pairs.
func NewEstimate(p stats.Paired) Estimate {
	e := Estimate{Value: p.Estimate}
	if p.N >= 6 {
		e.Low, e.High = &p.Low, &p.High
	}
	return e
}

// Below is the bound of |cost| where it is not resolved.
func (e Estimate) Below() float64 {
	if e.Low == nil {
		return 0
	}
	return max(-*e.Low, *e.High)
}

// Encode writes the document as indented JSON.
func (d *Overhead) Encode(w io.Writer) error { return encode(w, d) }

func (d *Overhead) began() time.Time { return d.Started }

// Title is how reports call it.
func (d *Overhead) Title() string {
	if d.Plan.Name != "" {
		return d.Plan.Name
	}
	return "overhead"
}

// WriteBench writes the costs in Go's benchmark format: a line a round, so that benchstat sees their spread.
func (d *Overhead) WriteBench(w io.Writer) error {
	for _, c := range d.Costs {
		for _, ns := range c.Differences {
			if _, err := fmt.Fprintf(w, "BenchmarkOverhead/interceptor=%s/group=%s/kind=%s/side=%s 1 %.1f ns/op\n",
				strings.ReplaceAll(c.Name, " ", "_"), strings.ReplaceAll(c.Group, "/", ""), c.Kind, c.Side,
				ns); err != nil {
				return fmt.Errorf("write the benchmark lines: %w", err)
			}
		}
	}
	return nil
}
