package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/rest"
	"grpcbench/server/contract"
	"grpcbench/server/host"
	"grpcbench/server/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience ends a test that is stuck.
const patience = 20 * time.Second

// gateway runs a target in this process and returns its REST address and its log.
func gateway(t *testing.T, args ...string) (addr string, log *testkit.Log) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, out := io.Pipe()
	log = &testkit.Log{}
	var running sync.WaitGroup
	running.Go(func() {
		err := host.Run(ctx, append([]string{"-listen=127.0.0.1:0", "-http=127.0.0.1:0", "-drain=1s"}, args...),
			strings.NewReader(""), out, log)
		if err != nil {
			t.Errorf("the target: %v", err)
		}
		out.CloseWithError(errors.Join(err, io.EOF))
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the target does not start: %v", err)
	}
	var ready contract.Ready
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatalf("the target's first line %q: %v", line, err)
	}
	return ready.HTTP, log
}

// plain runs a server that is no gateway, and returns its address.
func plain(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// get and post are the routes of Search.
var (
	get  = transport.Spec{HTTPMethod: http.MethodGet, Path: "/api/person", Send: 1, Timeout: patience}
	post = transport.Spec{HTTPMethod: http.MethodPost, Path: "/api/person", Send: 1, Timeout: patience}
)

// source asks Search for a person named by the call, in the form that its method takes.
type source struct {
	method string
	broken error // of Append
}

func (s source) Append(dst []byte, seq uint64, _ int) ([]byte, error) {
	seq &= 1<<48 - 1 // what a call is made from is more
	if s.method == http.MethodGet {
		return fmt.Appendf(dst, "/api/person?name=n%d&age=36&body.name=hi", seq), s.broken
	}
	return fmt.Appendf(dst, `{"name":"n%d","age":36,"body":{"name":"hi"}}`, seq), s.broken
}

func (s source) Check(seq uint64, i, n int, body []byte) error {
	seq &= 1<<48 - 1 // what a call is made from is more
	var got struct {
		Name string
		Age  int
		Body struct{ Name string }
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	want := got
	want.Name, want.Age, want.Body.Name = fmt.Sprintf("我收到了n%d的信息", seq), 36, "hi"
	if got != want || i != 0 || n != 1 {
		return fmt.Errorf("answer %d of %d: got %v, want %v", i, n, got, want)
	}
	return nil
}

// ledger is the owner of calls: it keeps what became of each.
type ledger struct {
	mu      sync.Mutex
	done    []transport.Call
	arrived chan struct{}
	next    func(c *transport.Call)
}

func newLedger() *ledger { return &ledger{arrived: make(chan struct{}, 1<<12)} }

func (l *ledger) Done(c *transport.Call) {
	l.mu.Lock()
	l.done = append(l.done, keep(c))
	l.mu.Unlock()
	if l.next != nil {
		l.next(c)
	}
	l.arrived <- struct{}{}
}

func (*ledger) Message(*transport.Call, series.Series, int64) {}

func (l *ledger) wait(t *testing.T, n int) []transport.Call {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for range n {
		select {
		case <-l.arrived:
		case <-late.C:
			t.Fatalf("%d calls were awaited, and do not end", n)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]transport.Call(nil), l.done...)
}

// dialer is the transport of the run 0badcafe.
var dialer = rest.Dialer{Run: 0x0badcafe, Timeout: patience}

func dial(t *testing.T, d rest.Dialer, addr string, spec transport.Spec, src transport.Source) transport.Conn {
	t.Helper()
	conn, err := d.Dial(t.Context(), addr, transport.One(spec, src))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func begin(t *testing.T, conn transport.Conn, c *transport.Call) {
	t.Helper()
	if err := conn.Start(c); err != nil {
		t.Errorf("Start: %v", err)
	}
}

// one makes one call, seq 7 of worker 3.
func one(t *testing.T, d rest.Dialer, addr string, spec transport.Spec, src transport.Source) transport.Call {
	t.Helper()
	l := newLedger()
	conn := dial(t, d, addr, spec, src)
	begin(t, conn, &transport.Call{Worker: 3, Seq: 7, Owner: l})
	calls := l.wait(t, 1)
	if err := conn.Close(); err != nil || len(calls) != 1 {
		t.Errorf("Close: %v; Done was called %d times for one call", err, len(calls))
	}
	return calls[0]
}

// keep copies a call with the report that it has now.
func keep(c *transport.Call) transport.Call {
	kept := *c
	if c.LoadReport != nil {
		report := c.LoadReport()
		kept.LoadReport = func() string { return report }
	}
	return kept
}

// report is a call's load report, or "".
func report(c transport.Call) string {
	if c.LoadReport == nil {
		return ""
	}
	return c.LoadReport()
}
