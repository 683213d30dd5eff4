//go:build unix

package child_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"grpcbench/loadgen/child"
	"grpcbench/server/contract"
	"grpcbench/server/testkit"
)

// A target that dies is noticed, and how it died is told.
func TestKilledTarget(t *testing.T) {
	for signal, words := range map[syscall.Signal]string{
		syscall.SIGKILL: "killed",
		syscall.SIGQUIT: "quit", // with a stack dump, as a Go program does
		syscall.SIGTERM: "exit status 0",
	} {
		t.Run(signal.String(), func(t *testing.T) {
			c, _ := start(t)
			if err := syscall.Kill(c.Ready.PID, signal); err != nil {
				t.Fatal(err)
			}
			select {
			case <-c.Exited():
			case <-time.After(10 * time.Second):
				t.Fatal("its end is not noticed")
			}
			if err := c.Err(); err == nil || signal != syscall.SIGQUIT && !strings.Contains(err.Error(), words) {
				t.Errorf("Err: %v, want %s", err, words)
			}
			if _, err := c.Mark(testkit.Context(t), contract.MarkStop); err == nil ||
				!strings.Contains(err.Error(), "exited") {
				t.Errorf("Mark of a dead target: %v, want its end", err)
			}
			if err := c.Stop(); err != nil {
				t.Errorf("Stop of a dead target: %v", err)
			}
		})
	}
}

// A mark does not wait for ever for a target that hangs; what it answers later is not the next mark's.
func TestMarkOfAHangingTarget(t *testing.T) {
	c, _ := start(t)
	hang(t, c.Ready.PID)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Mark(ctx, contract.MarkStart); err == nil {
		t.Error("a stopped process answered")
	}
	kill(t, c.Ready.PID, syscall.SIGCONT)
	for range 50 {
		search(t, c)
	}
	u, err := c.Mark(testkit.Context(t), contract.MarkStop)
	if err == nil && u.AllocObjects < 50*20 { // an error would be an answer too
		t.Errorf("after 50 calls the target allocated %d objects: that is what it said before them", u.AllocObjects)
	}
}

// Stop ends a target that does not end by itself.
func TestStopKills(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes the 5s that a target has to stop")
	}
	t.Parallel()
	c, _ := start(t)
	hang(t, c.Ready.PID)
	began := time.Now()
	err := c.Stop()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Stop: %v, want that it was killed", err)
	}
	if took := time.Since(began); took < time.Second || took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if alive(c.Ready.PID) {
		t.Error("Stop returned, and the process is still there")
	}
}

func kill(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// hang stops a process as ^Z does, and returns once it stands still.
func hang(t *testing.T, pid int) {
	t.Helper()
	kill(t, pid, syscall.SIGSTOP)
	for late := time.Now().Add(2 * time.Second); state(pid) != "T" && time.Now().Before(late); {
		time.Sleep(time.Millisecond)
	}
}

// beParent starts a target, says which, and waits until it is killed.
func beParent() int {
	c, err := child.Start(context.Background(), contract.Config{}, io.Discard)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(c.Ready.PID)
	select {}
}

// No target outlives its parent, however that ends.
func TestOrphan(t *testing.T) {
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT} {
		t.Run(end.String(), func(t *testing.T) {
			parent := exec.CommandContext(testkit.Context(t), os.Args[0], "parent")
			parent.Stderr = t.Output()
			stdout, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			var pid int
			if _, err := fmt.Fscan(bufio.NewReader(stdout), &pid); err != nil {
				t.Fatalf("the parent does not start a target: %v", err)
			}
			if !alive(pid) {
				t.Errorf("there is no target %d", pid)
			}
			kill(t, parent.Process.Pid, end)
			_ = parent.Wait() // it was killed
			wantGone(t, pid, 2*time.Second)
		})
	}
}

// A terminal's ^C goes to the whole process group; the target is not in it, so that calls in flight can end.
func TestTargetHasItsOwnGroup(t *testing.T) {
	c, _ := start(t)
	group, err := syscall.Getpgid(c.Ready.PID)
	if err != nil || group == syscall.Getpgrp() {
		t.Errorf("the target's process group is %d, %v; this one's is %d", group, err, syscall.Getpgrp())
	}
}
