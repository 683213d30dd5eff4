package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// load is what every generator is asked to make.
type load struct {
	addr           string
	calls, workers int
	tmp            string
}

// arm is one generator: a command line, and what its runs cost.
type arm struct {
	name     string
	argv     []string
	measured []measurement
}

// measurement is one run of a generator, start and end of the process included.
type measurement struct {
	cpu  float64 // microseconds a call, user and system
	rate float64 // calls a second
	rss  float64 // bytes
}

// findArms lists the generators of this machine: a bare grpc-go loop, which the others are compared to, and loadgen.
func findArms(ctx context.Context, l load) ([]*arm, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	loadgen := filepath.Join(l.tmp, "loadgen")
	build := exec.CommandContext(ctx, "go", "build", "-o", loadgen, "grpcbench/loadgen")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build loadgen: %w\n%s", err, out)
	}
	n, c := strconv.Itoa(l.calls), strconv.Itoa(l.workers)
	return []*arm{
		{name: "bare grpc-go", argv: []string{self, "bare", "-addr", l.addr, "-n", n, "-c", c}},
		{name: "loadgen grpc", argv: []string{
			loadgen, "-addr", l.addr, "-rpc", "Search", "-n", n, "-c", c, "-warmup", "0s", "-q", "-o", filepath.Join(l.tmp, "run"),
		}},
	}, nil
}

// run makes the arm's load once.
func (a *arm) run(ctx context.Context, calls int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.argv[0], a.argv[1:]...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w\n%s", a.name, err, out)
	}
	took := time.Since(start)
	m := measurement{
		cpu:  float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Nanoseconds()) / 1e3 / float64(calls),
		rate: float64(calls) / took.Seconds(),
	}
	if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.rss = float64(ru.Maxrss) * 1024
	}
	a.measured = append(a.measured, m)
	return nil
}

func (a *arm) column(of func(measurement) float64) []float64 {
	v := make([]float64, len(a.measured))
	for i, m := range a.measured {
		v[i] = of(m)
	}
	return v
}
