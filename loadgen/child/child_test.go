//go:build unix

package child_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"grpcbench/loadgen/child"
	"grpcbench/server/contract"
	"grpcbench/server/host"
	"grpcbench/server/meter"
	"grpcbench/server/testkit"
)

// TestMain lets this binary be the target too, as loadgen's is, and the parent that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "target":
			os.Exit(beTarget(os.Args[2:]))
		case "parent":
			os.Exit(beParent())
		}
	}
	// Else each of them, built with -race, would sleep for a second before it exits.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	goleak.VerifyTestMain(m)
}

func beTarget(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := host.Run(ctx, args, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "target:", err)
		return 2
	}
	return 0
}

func start(t *testing.T, args ...string) (*child.Target, *testkit.Log) {
	t.Helper()
	log := &testkit.Log{}
	c, err := child.Start(testkit.Context(t), contract.Config{Args: args}, log)
	if err != nil {
		t.Fatalf("Start(%q): %v", args, err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	return c, log
}

// state is that of a process as ps shows it, such as R or T; empty where it is gone, or the system does not tell.
func state(pid int) string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(stat), ") ")
	state, _, _ := strings.Cut(after, " ")
	return state
}

// alive says whether a process exists and runs: one that only waits to be waited for does not.
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil && state(pid) != "Z" }

// wantGone waits until the process is gone.
func wantGone(t *testing.T, pid int, within time.Duration) {
	t.Helper()
	for late := time.Now().Add(within); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Errorf("process %d is still there after %v", pid, within)
			_ = syscall.Kill(pid, syscall.SIGKILL)
			return
		}
	}
}

func TestTarget(t *testing.T) {
	c, _ := start(t, "-interceptors=recovery,metrics", "-drain=1s")
	ready := c.Ready
	if ready.PID == os.Getpid() || !alive(ready.PID) {
		t.Errorf("the target's process is %d, this one is %d", ready.PID, os.Getpid())
	}
	if diff := cmp.Diff([]string{"recovery", "metrics"}, ready.Interceptors); diff != "" {
		t.Errorf("interceptors (-want +got):\n%s", diff)
	}
	for _, addr := range []string{ready.Addr, ready.HTTP} {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			t.Errorf("it is ready, but: %v", err)
			continue
		}
		conn.Close()
	}
	select {
	case <-c.Exited():
		t.Error("it exited by itself")
	default:
	}
	began := time.Now()
	if err := c.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Stop took %v of an idle target", took)
	}
	<-c.Exited()
	if syscall.Kill(ready.PID, 0) == nil {
		t.Error("Stop returned, and the process is still there, or not waited for")
	}
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "exit status 0") {
		t.Errorf("Err: %v, want exit status 0", err)
	}
	if err := c.Stop(); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
}

// Stop is called from where the run ends and, maybe at once, from where the target's end is noticed.
func TestStopFromManySides(t *testing.T) {
	c, _ := start(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := c.Stop(); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if alive(c.Ready.PID) {
				t.Error("Stop returned, and the process is still there")
			}
		})
	}
	all.Wait()
}

// A mark begins a new account at the target; the next one reads it.
func TestMark(t *testing.T) {
	c, _ := start(t)
	var last meter.Usage
	for i, mark := range []string{contract.MarkStart, contract.MarkStop, contract.MarkStop, contract.MarkStart} {
		u, err := c.Mark(testkit.Context(t), mark)
		if err != nil {
			t.Fatalf("Mark(%s): %v", mark, err)
		}
		if u.MaxRSSBytes < 1<<20 || u.CPUSeconds < 0 || u.CPUSeconds > 60 {
			t.Errorf("mark %d, %s: %+v is no process's usage", i, mark, u)
		}
		if mark == contract.MarkStop && u.CPUSeconds < last.CPUSeconds || mark == contract.MarkStart &&
			u.CPUSeconds > 0.05 {
			t.Errorf("mark %d, %s: %v CPU seconds after %v", i, mark, u.CPUSeconds, last.CPUSeconds)
		}
		last = u
	}
	var all sync.WaitGroup
	for range 8 { // each gets an answer of its own
		all.Go(func() {
			if u, err := c.Mark(testkit.Context(t), contract.MarkStop); err != nil || u.MaxRSSBytes == 0 {
				t.Errorf("Mark: %+v, %v", u, err)
			}
		})
	}
	all.Wait()
}

// search makes one call, over REST.
func search(t *testing.T, c *child.Target) {
	t.Helper()
	conn, err := net.Dial("tcp", c.Ready.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /api/person?name=ann&age=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "我收到了ann的信息") {
		t.Errorf("the target answers %q, %v", answer, err)
	}
}

// What the target logs is passed on.
func TestLog(t *testing.T) {
	c, log := start(t, "-interceptors=logging")
	search(t, c)
	for late := time.Now().Add(5 * time.Second); !strings.Contains(log.String(),
		"/person.SearchService/Search"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("the log does not come: %q", log)
		}
	}
}

// A bad command line is told in the target's own words, all of them.
func TestBadFlags(t *testing.T) {
	log := &testkit.Log{}
	c, err := child.Start(testkit.Context(t),
		contract.Config{Args: []string{"-nosuch", "-interceptors=nonsense", "-drain=5"}}, log)
	if err == nil {
		_ = c.Stop()
		t.Fatal("a target with bad flags started")
	}
	for _, part := range []string{"exit status 2", "-nosuch", `"nonsense"`, "-drain", "want a duration with a unit"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: does not say %s", err, part)
		}
	}
}

func TestStartFailure(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	addr := lis.Addr().String()
	if c, err := child.Start(testkit.Context(t), contract.Config{Args: []string{"-listen=" + addr}},
		&testkit.Log{}); err == nil {
		_ = c.Stop()
		t.Fatal("two listen on one address")
	} else if !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("%v: does not say that %s is in use", err, addr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := child.Start(ctx, contract.Config{}, &testkit.Log{}); err == nil {
		_ = c.Stop()
		t.Fatal("started after the context's end")
	} else if !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v, want context.Canceled", err)
	}
}
