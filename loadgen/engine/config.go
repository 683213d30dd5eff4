package engine

import (
	"context"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/schedule"
	"grpcbench/loadgen/transport"
)

// Config is one run.
type Config struct {
	Dialer transport.Dialer
	// Addrs are whom to connect to; the connections are spread over them by turns.
	Addrs []string
	// Methods are what calls do, one or more.
	Methods []*transport.Method
	// Flows are what arrivals start, drawn by their weights and Seed; none is one flow of the first method.
	Flows []Flow
	Seed  uint64
	// Workers is the most calls in flight, shared out to Conns connections. They are numbered from FirstWorker.
	Workers, Conns, FirstWorker int
	// Part is the part of a run's arrivals that this process starts, where several make them together: the schedules,
	// Total and the arrivals' numbers are the whole run's. The zero Part is all.
	Part Part
	// Warmup comes first and is not recorded. Duration is the measured window; 0 has no end but Total's.
	Warmup, Duration time.Duration
	// Total ends the run after so many measured calls; 0 is no limit.
	Total int64
	// Least is how long an open loop's window lasts at least, though its last call be over sooner: the last of
	// ten arrivals a second apart is due after nine seconds, and and yet are the load of ten.
	Least time.Duration
	// Arrivals are the intended starts of an open loop's measured calls, since the window's begin, and
	// WarmupArrivals those of its warm-up. Without Arrivals the loop is closed.
	Arrivals, WarmupArrivals schedule.Schedule
	// Expected is about how many calls the window will have, where that is known; else 0.
	Expected int64
	// Spin keeps the pacer of an open loop from sleeping through the last part of a wait: more precise,
	// at the price of a core.
	Spin bool
	// Drain is how long calls in flight may go on after the end; then they are cut off as unfinished.
	Drain time.Duration
	// Begin, where set, is called once all connections are open, and says when to start, as a reading of transport.Now.
	// Its error ends the run before a call is made.
	Begin func(ctx context.Context) (at int64, err error)
	// Warming, Measuring and Draining, where set, are called as the first calls start, as the measured window
	// begins, and as nothing is started any more.
	Warming   func()
	Measuring func() error
	Draining  func()
	// Ended, where set, is told of every call, also those of the warm-up, as it is over. It must not wait,
	// nor keep the call; it may be called concurrently.
	Ended func(*transport.Call)
	// Sleep replaces the precise sleep until a reading of transport.Now; nil is that. It may be called concurrently.
	Sleep func(at int64)
}

// Part is every Of-th arrival, from the Index-th on.
type Part struct{ Index, Of uint64 }

// Has says whether an arrival is of the part.
func (p Part) Has(seq uint64) bool { return p.Of <= 1 || seq%p.Of == p.Index }

// share is how many of the first n arrivals are of the part.
func (p Part) share(n int64) int64 {
	if p.Of <= 1 {
		return n
	}
	return (n - int64(p.Index) + int64(p.Of) - 1) / int64(p.Of) //nolint:gosec // few
}

// Outcome is the measured window: readings of [transport.Now].
type Outcome struct {
	// Start is the end of the warm-up, End the end of the window or of the last call in it, whichever is later.
	Start, End int64
	// Warmup counts the calls before Start, Arrivals the flows that were due in the window: of one step each, its
	// calls.
	Warmup, Arrivals int64
	// InFlight is the mean number of measured calls in flight between Start and End, looked at Looks
	// times, independently of any latency; Deviation is the standard deviation of those looks.
	InFlight, Deviation float64
	Looks               int
	// Noticed is how late a look woke that a descriptor should have woken, in nanoseconds: as late as an answer is
	// noticed. It is empty where the system has nothing to tell it by.
	Noticed *hdrhistogram.Histogram
	// LongestStall is the longest time between two looks, which are 10 ms apart where this process runs.
	LongestStall time.Duration
	// Addresses are what became of the calls by whom they went to, in the order of [Config].
	Addresses []Address
	// Lost are the calls that were never answered.
	Lost Lost
	// Slices are samples of consecutive calls, for judging arrivals and independence.
	Slices []Slice
}
