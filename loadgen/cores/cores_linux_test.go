package cores_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"grpcbench/loadgen/cores"
)

// TestMain is the process that keeps the cores awake, where it is asked to be.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "keep-awake" {
		if err := cores.StayAwake(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sleeper is another process, of one thread.
func sleeper(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// on says which cores a process may run on.
func on(t *testing.T, pid int) (all []int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &set); err != nil {
		t.Fatal(err)
	}
	for core := range runtime.NumCPU() {
		if set.IsSet(core) {
			all = append(all, core)
		}
	}
	return all
}

func TestPin(t *testing.T) {
	pid := sleeper(t)
	if err := cores.Pin(pid, 0); err != nil {
		t.Skipf("skipped: this process may not pin others: %v", err)
	}
	if got := on(t, pid); len(got) != 1 || got[0] != 0 {
		t.Errorf("the process that was pinned to core 0 may run on %v", got)
	}
	if err := cores.Pin(1<<22+1, 0); err == nil { // above the greatest pid
		t.Error("a process that is not there was pinned")
	}
}

// Target and load generator get a core each, and the load generator all of them again; the process that keeps the cores
// awake ends with that.
func TestSeparate(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("skipped: there is one core")
	}
	pid, before := sleeper(t), on(t, 0)
	undo, err := cores.Separate(pid)
	if err != nil {
		t.Skipf("skipped: this process may not pin others: %v", err)
	}
	target := on(t, pid)
	runtime.LockOSThread()
	own := on(t, 0)
	runtime.UnlockOSThread()
	ended := make(chan struct{})
	go func() {
		undo() // waits for the process that keeps the cores awake
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the process that keeps the cores awake does not end")
	}
	if len(target) != 1 || len(own) != 1 || target[0] == own[0] {
		t.Errorf("the target may run on %v, the load generator on %v: want a core each", target, own)
	}
	if after := on(t, 0); len(after) != len(before) {
		t.Errorf("the load generator may run on %v afterwards, and could on %v", after, before)
	}
}
