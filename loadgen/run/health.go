package run

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"grpcbench/loadgen/verdict"
	"grpcbench/server/meter"
)

// health reads what the system says about this process and this machine, a
// window at a time. What a system does not tell stays unknown.
type health struct {
	last      gauge
	throttled int64 // at the start
	windows   []verdict.Window
}

// gauge is a reading of running totals.
type gauge struct {
	at          time.Time
	cpu         time.Duration // of this process
	runQueue    time.Duration // its threads' wait for a core
	total       float64       // machine ticks; 0 where unknown
	idle, steal float64
}

func newHealth() *health { return &health{last: readGauge(), throttled: throttled()} }

// window ends a window and begins the next. It returns the CPU time that this process used in it.
func (h *health) window() time.Duration {
	now := readGauge()
	wall := now.at.Sub(h.last.at).Seconds()
	if wall < 0.5 {
		return 0 // too short to say anything
	}
	w := verdict.Window{
		// GOMAXPROCS may be more than the cores: a test raises it, or the environment.
		CPU:  (now.cpu - h.last.cpu).Seconds() / wall / float64(min(runtime.NumCPU(), runtime.GOMAXPROCS(0))),
		Idle: -1, Steal: -1, RunQueue: -1,
	}
	if ticks := now.total - h.last.total; ticks > 0 {
		w.Idle, w.Steal = (now.idle-h.last.idle)/ticks, (now.steal-h.last.steal)/ticks
	}
	if now.runQueue > 0 {
		w.RunQueue = max(0, (now.runQueue-h.last.runQueue).Seconds()/wall)
	}
	h.windows = append(h.windows, w)
	used := now.cpu - h.last.cpu
	h.last = now
	return used
}

func readGauge() gauge {
	g := gauge{at: time.Now(), runQueue: runQueue()}
	if spent, err := meter.Spent(); err == nil {
		g.cpu = spent.User + spent.System
	}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return g
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line)
	// user nice system idle iowait irq softirq steal, then guests, counted in user
	for i, f := range fields[min(1, len(fields)):] {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil || i > 7 {
			break
		}
		g.total += n
		switch i {
		case 3, 4:
			g.idle += n
		case 7:
			g.steal = n
		}
	}
	return g
}

// runQueue is the second field of every thread's schedstat: nanoseconds spent waiting on a run queue.
func runQueue() (sum time.Duration) {
	files, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil {
		return 0
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue // the thread ended
		}
		if fields := strings.Fields(string(data)); len(fields) > 1 {
			ns, _ := strconv.ParseInt(fields[1], 10, 64)
			sum += time.Duration(ns)
		}
	}
	return sum
}

// throttled counts how often a CPU quota stopped this process's control group (cgroup v2).
func throttled() int64 {
	group, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	_, path, ok := strings.Cut(strings.TrimSpace(string(group)), "0::")
	if !ok {
		return 0
	}
	stat, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", path, "cpu.stat"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(stat)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "nr_throttled "); ok {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}

// clock returns the kernel's clock source and what reading the clock takes: the least of several tries,
// for each but the least was interrupted.
func clock() (source string, cost time.Duration) {
	data, _ := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	cost = time.Hour
	for range 10 {
		const reads = 200
		start := time.Now()
		for range reads {
			_ = time.Now()
		}
		cost = min(cost, time.Since(start)/reads)
	}
	return strings.TrimSpace(string(data)), cost
}
