package result

import (
	"io"
	"math"
	"slices"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/stats"
)

// TimeoutsSchema is the version of [Timeouts].
const TimeoutsSchema = "grpcbench.timeouts/v1"

// Timeouts is how deadlines behave: the document of `loadgen timeouts`.
type Timeouts struct {
	Schema     string         `json:"schema"`
	RunID      string         `json:"run_id"`
	Started    time.Time      `json:"started"`
	Plan       plan.Timeouts  `json:"plan"`
	DurationNs int64          `json:"duration_ns"`
	Cells      []DeadlineCell `json:"cells"`
	// Wrong says in words what is not as it should be.
	Wrong       []string    `json:"wrong"`
	Environment Environment `json:"environment"`
}

// DeadlineCell is one combination of deadline, delay, kind of call and server.
type DeadlineCell struct {
	Transport string `json:"transport"`
	Kind      string `json:"kind"`
	// Behaviour is the server's: "honours" its context, "ignores" it, has a "timeout interceptor", or a
	// "RecvMsg timeout" while the client is silent.
	Behaviour string `json:"behaviour"`
	// DeadlineNs is the caller's or, of the last two, the server's own limit; DelayNs is how long the handler takes.
	DeadlineNs int64 `json:"deadline_ns"`
	DelayNs    int64 `json:"delay_ns"`
	Calls      int64 `json:"calls"`
	// NeverSent calls ended before they left, NeverHandled ones left and no handler saw them.
	NeverSent    int64 `json:"never_sent"`
	NeverHandled int64 `json:"never_handled"`

	ClientCodes map[string]int64 `json:"client_codes"`
	ServerCodes map[string]int64 `json:"server_codes"`
	// Overshoot is how long past the deadline the caller heard; CancelLag, how long past it the server's
	// context ended; Linger, how long past it the handler went on; Inflation, how much later the server's
	// idea of the deadline was than the caller's. All are of the calls that came to their deadline.
	Overshoot Spread `json:"overshoot_ns"`
	CancelLag Spread `json:"cancel_lag_ns"`
	Linger    Spread `json:"linger_ns"`
	Inflation Spread `json:"inflation_ns"`
	// Wasted is the share of the handlers' time that was spent past the deadline.
	Wasted float64 `json:"wasted"`
	// LateHandlers still ran when the last should have been over; Goroutines is how many more the server
	// had at the end than at the beginning.
	LateHandlers int64    `json:"late_handlers"`
	Goroutines   int      `json:"goroutines"`
	Wrong        []string `json:"wrong"`
}

// Spread is a small population, in nanoseconds.
type Spread struct {
	Count int64 `json:"count"`
	P50   int64 `json:"p50"`
	// Low and High bound the median at 95 %; they are 0 where there are too few.
	Low  int64 `json:"p50_low"`
	High int64 `json:"p50_high"`
	P99  int64 `json:"p99"`
	Min  int64 `json:"min"`
	Max  int64 `json:"max"`
}

// NewSpread takes values, which it sorts.
func NewSpread(v []int64) Spread {
	slices.Sort(v)
	n := len(v)
	s := Spread{Count: int64(n)}
	if n == 0 {
		return s
	}
	at := func(q float64) int64 { return v[min(n-1, max(0, int(math.Ceil(q*float64(n)))-1))] }
	s.P50, s.P99, s.Min, s.Max = at(0.5), at(0.99), v[0], v[n-1]
	if r := stats.QuantileRanks(int64(n), 0.5); r.Low > 0 && r.High > 0 {
		s.Low, s.High = v[r.Low-1], v[r.High-1]
	}
	return s
}

// Encode writes the document as indented JSON.
func (d *Timeouts) Encode(w io.Writer) error { return encode(w, d) }

func (d *Timeouts) began() time.Time { return d.Started }

// Title is how reports call it.
func (d *Timeouts) Title() string {
	if d.Plan.Name != "" {
		return d.Plan.Name
	}
	return "timeouts"
}
