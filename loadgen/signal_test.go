//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"grpcbench/loadgen/verdict"
)

// ^C, and what `docker stop` sends: the run drains, is written as far as it came, and is a success.
func TestInterruptedRun(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			p := loadgen(t, "-rpc=Search", "-c=4", "-conns=2", "-d=1m", "-warmup=0s", patient)
			p.runFor(t, 400*time.Millisecond)
			p.signal(t, s)
			p.wantExit(t, 0, 10*time.Second)
			p.wantNothingLeft(t)
			d := p.wantResult(t)
			if c := d.Counts; c.OK == 0 || c.Failed != 0 || c.Unfinished != 0 || c.NeverSent != 0 {
				t.Errorf("the calls of an interrupted run: %+v, %v", c, d.Codes)
			}
			if took := time.Duration(d.DurationNs); took < 100*time.Millisecond || took > 20*time.Second {
				t.Errorf("its window was %v long", took)
			}
			if d.Verdict.Status != verdict.Suspect ||
				!strings.Contains(strings.Join(d.Verdict.Reasons, "\n"), "interrupted") {
				t.Errorf("its verdict is %+v", d.Verdict)
			}
			if out := p.stdout.String(); !strings.Contains(out, "interrupted") || !strings.Contains(out, "calls ") {
				t.Errorf("it shows:\n%s", out)
			}
			if d.Server == nil || d.Server.CPUSeconds <= 0 || d.Client.CPUSeconds <= 0 {
				t.Errorf("its accounts: client %+v, server %+v", d.Client, d.Server)
			}
		})
	}
}

// Calls in flight that do not end within the drain are unfinished, not failed.
func TestInterruptCutsOffWhatDoesNotEnd(t *testing.T) {
	p := loadgen(t, "-rpc=Search", "-c=4", "-d=1m", "-warmup=0s", "-drain=100ms",
		"-target=-interceptors=none -inject=delay=1m")
	p.runFor(t, 300*time.Millisecond)
	p.signal(t, syscall.SIGINT)
	p.wantExit(t, 1, 10*time.Second) // no call was answered
	if c := p.wantResult(t).Counts; c.Due != 4 || c.Unfinished != 4 || c.Failed != 0 {
		t.Errorf("counts %+v, want 4 unfinished", c)
	}
}

// The second ^C does not wait for anything.
func TestSecondInterrupt(t *testing.T) {
	p := loadgen(t, "-rpc=Search", "-c=4", "-d=1m", "-warmup=0s", "-drain=1m",
		"-target=-interceptors=none -inject=delay=1m")
	p.runFor(t, 300*time.Millisecond)
	p.signal(t, syscall.SIGINT)
	time.Sleep(300 * time.Millisecond)
	select {
	case <-p.exited:
		t.Fatal("it did not wait for the calls in flight")
	default:
	}
	p.signal(t, syscall.SIGINT)
	p.wantExit(t, -1, 2*time.Second) // by the signal
	p.wantNothingLeft(t)
}

// What a script starts by & inherits that SIGINT is ignored; who sends it all the same means it, twice too.
func TestSecondInterruptInTheBackground(t *testing.T) {
	p := loadgenBy(t, []string{"sh", "-c", `trap "" INT; exec "$0" "$@"`}, "-rpc=Search", "-c=4", "-d=1m",
		"-warmup=0s", "-drain=1m", "-target=-interceptors=none -inject=delay=1m")
	p.runFor(t, 300*time.Millisecond)
	p.signal(t, syscall.SIGINT)
	time.Sleep(300 * time.Millisecond)
	select {
	case <-p.exited:
		t.Fatal("it did not wait for the calls in flight")
	default:
	}
	p.signal(t, syscall.SIGINT)
	p.wantExit(t, 130, 2*time.Second) // as shells count a SIGINT
	p.wantNothingLeft(t)
}

// Interrupted before anything was measured, the run says so.
func TestInterruptInTheWarmUp(t *testing.T) {
	p := loadgen(t, "-rpc=Search", "-c=4", "-d=1m", "-warmup=1m", patient)
	p.runFor(t, 200*time.Millisecond)
	p.signal(t, syscall.SIGINT)
	p.wantExit(t, 4, 10*time.Second)
	d := p.wantResult(t)
	if d.Counts.Due != 0 || d.WarmupCalls == 0 || !strings.Contains(p.stderr.String(), "no call was measured") {
		t.Errorf("%d calls, %d of warm-up, verdict %+v", d.Counts.Due, d.WarmupCalls, d.Verdict)
	}
}

// ^C in a terminal goes to the target too: it is loadgen that ends it, after the calls in flight.
func TestInterruptOfTheWholeGroup(t *testing.T) {
	p := loadgen(t, "-rpc=Search", "-c=4", "-d=1m", "-warmup=0s", patient)
	p.runFor(t, 200*time.Millisecond)
	p.signal(t, syscall.SIGINT)
	group, err := syscall.Getpgid(p.target(t))
	if err != nil || group == p.Process.Pid || group == syscall.Getpgrp() {
		t.Errorf("the target's process group is %d, %v", group, err)
	}
	p.wantExit(t, 0, 10*time.Second)
}
