//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"grpcbench/loadgen/result"
	"grpcbench/server/testkit"
)

// process is a loadgen of a test, with the processes that come from it.
type process struct {
	*exec.Cmd
	out            string // -o
	mark           string // in the environment of all of its processes
	stdout, stderr testkit.Log
	exited         chan struct{}
}

// loadgen starts the real binary with these arguments and a folder of its own.
// At the test's end nothing of it may be left.
func loadgen(t *testing.T, args ...string) *process {
	t.Helper()
	return loadgenBy(t, nil, args...)
}

// loadgenBy has another command start it.
func loadgenBy(t *testing.T, by []string, args ...string) *process {
	t.Helper()
	p := &process{
		out:  filepath.Join(t.TempDir(), "run"),
		mark: fmt.Sprintf("LOADGEN_TEST=%d-%s", os.Getpid(), t.Name()), exited: make(chan struct{}),
	}
	line := slices.Concat(by, []string{"loadgen"}, args, []string{"-o=" + p.out})
	p.Cmd = exec.Command(line[0], line[1:]...)
	p.Env = append(os.Environ(), p.mark)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait() // the tests look at its ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.exited
		p.wantNothingLeft(t)
		if t.Failed() {
			t.Logf("loadgen %s\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), &p.stdout, &p.stderr)
		}
	})
	return p
}

// wantExit waits for the end of loadgen, which must come in time and with this code.
func (p *process) wantExit(t *testing.T, code int, within time.Duration) {
	t.Helper()
	select {
	case <-p.exited:
		if got := p.ProcessState.ExitCode(); got != code {
			t.Errorf("loadgen exits with %d, want %d", got, code)
		}
	case <-time.After(within):
		t.Fatalf("loadgen does not end within %v", within)
	}
}

// signal sends a signal to loadgen.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// runFor waits until the run has begun, and then for d: about as long it then measures.
func (p *process) runFor(t *testing.T, d time.Duration) {
	t.Helper()
	p.until(t, "the run does not begin", func() bool {
		_, err := os.Stat(filepath.Join(p.out, "result.json"))
		return err == nil
	})
	time.Sleep(d)
}

func (p *process) until(t *testing.T, otherwise string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(15 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal(otherwise)
		}
	}
}

// target is the process id of the embedded target.
func (p *process) target(t *testing.T) int {
	t.Helper()
	for pid, args := range marked(t, p.mark) {
		if strings.Contains(args, " target ") {
			return pid
		}
	}
	t.Fatalf("there is no target: %v", marked(t, p.mark))
	return 0
}

// wantGone waits until the process is gone, or only waits to be waited for.
func wantGone(t *testing.T, pid int, within time.Duration) {
	t.Helper()
	for late := time.Now().Add(within); syscall.Kill(pid, 0) == nil; time.Sleep(5 * time.Millisecond) {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if _, state, ok := strings.Cut(string(stat), ") "); ok && strings.HasPrefix(state, "Z") {
			return
		}
		if time.Now().After(late) {
			t.Errorf("process %d is still there after %v", pid, within)
			return
		}
	}
}

// wantNothingLeft says which processes are left, and ends them.
func (p *process) wantNothingLeft(t *testing.T) {
	t.Helper()
	for late := time.Now().Add(2 * time.Second); len(marked(t, p.mark)) > 0 && time.Now().Before(late); {
		time.Sleep(5 * time.Millisecond)
	}
	for pid, args := range marked(t, p.mark) {
		t.Errorf("process %d is left behind: %s", pid, args)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// marked are the command lines of the processes with mark in their environment, whoever their parent is by now.
func marked(t *testing.T, mark string) map[int]string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("it looks for processes in /proc")
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, dir := range dirs {
		environ, err := os.ReadFile(filepath.Join(dir, "environ")) // empty for one that is not waited for yet
		if err != nil || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+mark+"\x00")) {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		pid, _ := strconv.Atoi(filepath.Base(dir))
		found[pid] = strings.ReplaceAll(string(args), "\x00", " ")
	}
	return found
}

// wantResult reads result.json and holds it to what is true of every run that ended.
func (p *process) wantResult(t *testing.T) *result.Document {
	t.Helper()
	d, err := result.Read(p.out)
	if err != nil {
		t.Fatalf("no result: %v", err)
	}
	for _, problem := range soundness(d) {
		t.Errorf("%s: %+v", problem, d.Counts)
	}
	return d
}
