package host_test

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/server/contract"
	"grpcbench/server/host"
	_ "grpcbench/server/interceptor/ecosystem"
	"grpcbench/server/meter"
	"grpcbench/server/testkit"
)

func TestSupervisedReadyLine(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		chain  []string
	}{
		{"an embedded target writes no line per call", nil, []string{"recovery", "requestid", "metrics", "timeout"}},
		{
			"its flags come from stdin",
			[]string{"-interceptors=logging", "-allow-inject"},
			[]string{"logging", "inject"},
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			t.Setenv("LISTEN_ADDR", "127.0.0.2:1") // meant for a server that stands alone
			r := supervise(t, tt.args...)
			if !slices.Equal(r.ready.Interceptors, tt.chain) {
				t.Errorf("interceptors %q, want %q", r.ready.Interceptors, tt.chain)
			}
			if !strings.HasPrefix(r.ready.Addr, "127.0.0.1:") || !strings.HasPrefix(r.ready.HTTP, "127.0.0.1:") {
				t.Errorf("listens on %s and %s, want free ports of this machine alone", r.ready.Addr, r.ready.HTTP)
			}
			wantCall(t, r.ready.Addr)
		})
	}
}

// burn uses the processor for d, and returns a number so that it is not optimised away.
func burn(t *testing.T, d time.Duration) (x float64) {
	t.Helper()
	spent := func() time.Duration {
		all, err := meter.Spent()
		if err != nil {
			t.Fatal(err)
		}
		return all.User + all.System
	}
	for end := spent() + d; spent() < end; {
		for range 10_000 {
			x = math.Sqrt(x + 1)
		}
	}
	return x
}

// The target of this test is this process, so what the test burns is the target's.
func TestSupervisedMarks(t *testing.T) {
	const spent = 60 * time.Millisecond
	r := supervise(t)
	seq := 0
	mark := func(m string) meter.Usage {
		t.Helper()
		seq++
		r.writeLine(t, contract.Mark{Mark: m, Seq: seq})
		var a contract.Answer
		r.readLine(t, &a)
		if a.Seq != seq {
			t.Errorf("mark %d was answered as %d", seq, a.Seq)
		}
		return a.Usage
	}
	burn(t, spent)
	if u := mark(contract.MarkStart); u.CPUSeconds > spent.Seconds()/2 {
		t.Errorf("a start mark begins a window of %v s CPU, want next to none", u.CPUSeconds)
	}
	burn(t, spent)
	first := mark(contract.MarkStop)
	if first.CPUSeconds < spent.Seconds() || first.UserSeconds > first.CPUSeconds || first.MaxRSSBytes < 1<<20 {
		t.Errorf("%v burnt since the start mark, but the usage is %+v", spent, first)
	}
	if second := mark(contract.MarkStop); second.CPUSeconds < first.CPUSeconds {
		t.Errorf("a second stop mark tells of less: %+v after %+v", second, first)
	}
	if u := mark(contract.MarkStart); u.CPUSeconds > spent.Seconds()/2 {
		t.Errorf("a second start mark begins no new window: %v s CPU", u.CPUSeconds)
	}
	r.stdin.Close()
	r.wantEnd(t, 10*time.Second)
}

// When its parent is gone nobody is left to wait for, whatever -drain says.
func TestSupervisedEndsWithStdin(t *testing.T) {
	for _, tt := range []struct {
		reason string
		end    func(r *running)
	}{
		{"stdin ends", func(r *running) { r.stdin.Close() }},
		{"stdin breaks", func(r *running) { r.stdin.CloseWithError(errors.New("broken")) }},
		{"stdin makes no sense any more", func(r *running) { _, _ = io.WriteString(r.stdin, "what?\n") }},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			r := supervise(t, "-interceptors=none", "-drain=1h")
			openStream(testkit.Context(t), t, r.ready.Addr)
			tt.end(r)
			r.wantEnd(t, 5*time.Second)
		})
	}
}

// Ctrl-C reaches parent and target together: then the target drains already when the parent goes.
func TestSupervisedEndsWithStdinWhileItDrains(t *testing.T) {
	r := supervise(t, "-interceptors=none", "-drain=1h")
	ctx, hangUp := context.WithCancel(testkit.Context(t))
	defer hangUp()
	openStream(ctx, t, r.ready.Addr)
	draining := watch(t, r.ready.Addr)
	r.terminate()
	draining()
	r.stdin.Close()
	r.wantEnd(t, 3*time.Second)
}

// With its parent alive, a supervised target drains like any other.
func TestSupervisedDrains(t *testing.T) {
	r := supervise(t, "-interceptors=none", "-drain=1h")
	s := openStream(testkit.Context(t), t, r.ready.Addr)
	draining := watch(t, r.ready.Addr)
	r.terminate()
	draining()
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v, want OK", err)
	}
	r.wantEnd(t, 10*time.Second)
}

func TestSupervisedRefuses(t *testing.T) {
	for _, tt := range []struct {
		reason, stdin string
		usage         bool
		says          string
	}{
		{"no configuration", "", false, "configuration"},
		{"no JSON", "-listen=:0\n", false, "configuration"},
		{"half a line", `{"args":[]`, false, "configuration"},
		{"flags that do not exist", `{"args":["-nosuch","-drain=soon"]}` + "\n", true, "-nosuch"},
		{"and flags that are wrong, all at once", `{"args":["-nosuch","-drain=soon"]}` + "\n", true, "soon"},
	} {
		err := host.Run(testkit.Context(t), []string{"-supervised"}, strings.NewReader(tt.stdin), io.Discard,
			t.Output())
		usage := (*host.UsageError)(nil)
		if err == nil || errors.As(err, &usage) != tt.usage || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: Run: %v, want an error that says %s, *UsageError: %t", tt.reason, err, tt.says, tt.usage)
		}
	}
}

// Several servers in one process differ by their flags alone, and are of one account.
func TestSeveralServers(t *testing.T) {
	r := launch(t, "-supervised")
	log := filepath.Join(t.TempDir(), "log")
	r.writeLine(t, contract.Config{
		Args: []string{"-interceptors=none", "-http="}, Log: log,
		More: [][]string{{"-interceptors=logging", "-http="}, {"-interceptors=otel", "-busy=1ms", "-http="}},
	})
	r.readLine(t, &r.ready)
	if len(r.ready.More) != 2 {
		t.Fatalf("two more servers were ordered, and these are ready: %+v", r.ready)
	}
	for i, want := range [][]string{{}, {"logging"}, {"otel"}} {
		ready := append([]contract.Ready{r.ready}, r.ready.More...)[i]
		if !slices.Equal(ready.Interceptors, want) {
			t.Errorf("server %d has the interceptors %q, want %q", i, ready.Interceptors, want)
		}
		wantCall(t, ready.Addr)
	}
	r.writeLine(t, contract.Mark{Mark: contract.MarkStart, Seq: 1, Collect: true})
	var a contract.Answer
	r.readLine(t, &a)
	written, err := os.ReadFile(log)
	if err != nil || strings.Count(string(written), "GetUser") != 1 {
		t.Errorf("the log holds %q, want the one call of the server that logs: %v", written, err)
	}
}

// One of several servers that cannot start takes none of them into service.
func TestSeveralServersOrNone(t *testing.T) {
	taken := start(t)
	for _, tt := range []struct {
		reason string
		more   []string
		says   string
	}{
		{"bad flags", []string{"-interceptors=nonsense"}, "nonsense"},
		{"an address in use", []string{"-listen=" + taken.ready.Addr}, "in use"},
	} {
		r := launch(t, "-supervised")
		r.writeLine(t, contract.Config{Args: []string{"-http="}, More: [][]string{tt.more}})
		select {
		case err := <-r.ended:
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: the target ended with %v, want words about %q", tt.reason, err, tt.says)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: the target is in service", tt.reason)
		}
	}
}
