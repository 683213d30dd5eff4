// Package meter tells what a process used: CPU, memory, the garbage collector, context switches. Load generator and
// target tell it alike, so that the two can be compared.
package meter

import (
	"math"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// Usage is what one process used over a window, told alike by the load generator and by the target.
type Usage struct {
	// CPUSeconds is user and system time of the whole process, as the system counts it (see [Spent]).
	CPUSeconds float64 `json:"cpu_seconds"`
	// UserSeconds is the part of CPUSeconds spent outside the kernel.
	UserSeconds float64 `json:"user_seconds"`
	// MaxRSSBytes is the largest resident set since the process began, not since the window did.
	MaxRSSBytes int64 `json:"max_rss_bytes"`
	// AllocObjects and AllocBytes count heap allocations.
	AllocObjects uint64 `json:"alloc_objects"`
	AllocBytes   uint64 `json:"alloc_bytes"`
	// GCPausesNs sums the stop-the-world pauses of the garbage collector, GCPauseMaxNs is the upper
	// edge of the bucket of the longest.
	GCPausesNs   int64 `json:"gc_pauses_ns"`
	GCPauseMaxNs int64 `json:"gc_pause_max_ns"`
	// GCCPUSeconds estimates the collector's part of CPUSeconds.
	GCCPUSeconds float64 `json:"gc_cpu_seconds"`
	// SchedLatencyP99Ns is the time runnable goroutines waited for a thread, p99.
	SchedLatencyP99Ns int64 `json:"sched_latency_p99_ns"`
	// ContextSwitches counts how often a thread gave up its core or lost it, IOCalls the system calls that read or
	// write; 0 where the system does not tell.
	ContextSwitches int64 `json:"context_switches,omitempty"`
	IOCalls         int64 `json:"io_calls,omitempty"`
}

// Meter measures the calling process from the moment of [New].
type Meter struct{ base reading }

type reading struct {
	Spending
	ioCalls       int64
	objects       uint64
	bytes         uint64
	gc            float64 // CPU seconds
	pauses, sched *metrics.Float64Histogram
}

// New begins a window. The error is [Spent]'s.
func New() (*Meter, error) {
	r, err := read()
	if err != nil {
		return nil, err
	}
	return &Meter{base: r}, nil
}

// Usage tells what the process used since the window began; it may be called more than once.
func (m *Meter) Usage() (Usage, error) {
	now, err := read()
	if err != nil {
		return Usage{}, err
	}
	user := now.User - m.base.User
	pauses := since(now.pauses, m.base.pauses)
	sched := since(now.sched, m.base.sched)
	return Usage{
		CPUSeconds:        (user + now.System - m.base.System).Seconds(),
		UserSeconds:       user.Seconds(),
		MaxRSSBytes:       now.MaxRSS,
		AllocObjects:      now.objects - m.base.objects,
		AllocBytes:        now.bytes - m.base.bytes,
		GCCPUSeconds:      now.gc - m.base.gc,
		GCPausesNs:        seconds(pauses.sum()),
		GCPauseMaxNs:      seconds(pauses.quantile(1)),
		SchedLatencyP99Ns: seconds(sched.quantile(0.99)),
		ContextSwitches:   now.Switches - m.base.Switches,
		IOCalls:           now.ioCalls - m.base.ioCalls,
	}, nil
}

func read() (reading, error) {
	spent, err := Spent()
	if err != nil {
		return reading{}, err
	}
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/sched/latencies:seconds"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
	}
	metrics.Read(samples)
	return reading{
		Spending: spent,
		ioCalls:  ioCalls(),
		objects:  samples[0].Value.Uint64(),
		bytes:    samples[1].Value.Uint64(),
		pauses:   samples[2].Value.Float64Histogram(),
		sched:    samples[3].Value.Float64Histogram(),
		gc:       samples[4].Value.Float64(),
	}, nil
}

// Spending is what a process used since it began: CPU time outside the kernel and in it, its largest resident set in
// bytes, and how often its threads were switched.
type Spending struct {
	User, System     time.Duration
	MaxRSS, Switches int64
}

// ioCalls is Linux's count of this process's system calls that read or write.
func ioCalls() (sum int64) {
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name == "syscr" || name == "syscw" {
			n, _ := strconv.ParseInt(value, 10, 64)
			sum += n
		}
	}
	return sum
}

// window is the difference of two readings of one cumulative runtime histogram.
type window struct {
	edges  []float64 // len(counts)+1, as in metrics.Float64Histogram
	counts []uint64
	total  uint64
}

func since(now, base *metrics.Float64Histogram) window {
	w := window{edges: now.Buckets, counts: make([]uint64, len(now.Counts))}
	for i, n := range now.Counts {
		w.counts[i] = n - base.Counts[i]
		w.total += w.counts[i]
	}
	return w
}

// quantile returns the upper edge of the bucket that holds the q-th value, in seconds; 0 where there is none.
func (w window) quantile(q float64) float64 {
	if w.total == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(w.total))), 1)
	var seen uint64
	for i, n := range w.counts {
		seen += n
		if seen >= rank {
			return w.finite(i + 1)
		}
	}
	return 0
}

// sum estimates the sum of the values from the middles of their buckets, in seconds.
func (w window) sum() float64 {
	var s float64
	for i, n := range w.counts {
		if n > 0 {
			s += float64(n) * (w.finite(i) + w.finite(i+1)) / 2
		}
	}
	return s
}

// finite is the i-th edge, or its finite neighbour: the outermost edges are infinite.
func (w window) finite(i int) float64 {
	switch e := w.edges[i]; {
	case math.IsInf(e, 1):
		return w.edges[i-1]
	case math.IsInf(e, -1):
		return w.edges[i+1]
	default:
		return e
	}
}

func seconds(s float64) int64 { return int64(s * 1e9) }
