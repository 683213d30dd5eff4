package grpcconn_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// method is what every call names; serve answers any.
const method = "/test.Service/Method"

// patience ends a test that is stuck.
const patience = 20 * time.Second

// serve runs a server that gives every call to handler, and returns its address.
func serve(t *testing.T, handler grpc.StreamHandler, opts ...grpc.ServerOption) string {
	t.Helper()
	lis := listen(t, "127.0.0.1:0")
	serveOn(t, lis, handler, opts...)
	return lis.Addr().String()
}

func serveOn(t *testing.T, lis net.Listener, handler grpc.StreamHandler, opts ...grpc.ServerOption) {
	t.Helper()
	s := grpc.NewServer(append(opts, grpc.UnknownServiceHandler(handler), grpc.WaitForHandlers(true))...)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
}

// echo answers every message with itself until the client half-closes.
func echo(_ any, s grpc.ServerStream) error {
	for {
		m, err := receive(s)
		if err != nil {
			return ended(err)
		}
		if err := answer(s, m); err != nil {
			return err
		}
	}
}

func receive(s grpc.ServerStream) (string, error) {
	var m wrapperspb.StringValue
	err := s.RecvMsg(&m)
	return m.GetValue(), err
}

func answer(s grpc.ServerStream, text string) error { return s.SendMsg(wrapperspb.String(text)) }

// ended is what a handler returns when receive failed: the end of the client's half is a good one.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// source sends "<seq>/<i>" and expects, where want is nil, the same back.
type source struct {
	want func(seq uint64, i, n int) string
	// broken is the index of a message that cannot be made; 0 is none.
	broken int
}

func text(seq uint64, i int) string { return fmt.Sprintf("%d/%d", seq, i) }

func (s source) Append(dst []byte, seq uint64, i int) ([]byte, error) {
	seq &= 1<<48 - 1 // what a call is made from is more
	if s.broken > 0 && i == s.broken {
		return dst, fmt.Errorf("message %d is broken", i)
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, wrapperspb.String(text(seq, i)))
}

func (s source) Check(seq uint64, i, n int, body []byte) error {
	seq &= 1<<48 - 1 // what a call is made from is more
	var m wrapperspb.StringValue
	if err := proto.Unmarshal(body, &m); err != nil {
		return err
	}
	want := text(seq, i)
	if s.want != nil {
		want = s.want(seq, i, n)
	}
	if m.GetValue() != want {
		return fmt.Errorf("got %q, want %q", m.GetValue(), want)
	}
	return nil
}

// ledger is the owner of calls: it keeps what became of each.
type ledger struct {
	mu       sync.Mutex
	done     []transport.Call // in the order in which they ended
	messages map[series.Series][]int64
	arrived  chan struct{} // one for each done
	// next, where set, is called by Done, after it counted.
	next func(c *transport.Call)
}

func newLedger() *ledger {
	return &ledger{messages: map[series.Series][]int64{}, arrived: make(chan struct{}, 1<<16)}
}

func (l *ledger) Done(c *transport.Call) {
	l.mu.Lock()
	l.done = append(l.done, keep(c))
	l.mu.Unlock()
	if l.next != nil {
		l.next(c)
	}
	l.arrived <- struct{}{}
}

func (l *ledger) Message(_ *transport.Call, s series.Series, ns int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages[s] = append(l.messages[s], ns)
}

// wait waits for n more calls to end.
func (l *ledger) wait(t *testing.T, n int) {
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
}

// ends are the calls that are over.
func (l *ledger) ends() []transport.Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]transport.Call(nil), l.done...)
}

func dial(t *testing.T, addr string, spec transport.Spec, src transport.Source, o grpcconn.Options) transport.Conn {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = patience
	}
	spec.Method = method
	conn, err := grpcconn.Dialer{Options: o}.Dial(t.Context(), addr, transport.One(spec, src))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	once := &closedOnce{Conn: conn, once: sync.OnceValue(conn.Close)}
	t.Cleanup(func() { once.Close() })
	return once
}

// closedOnce is a connection that the test may have closed before its end does.
type closedOnce struct {
	transport.Conn
	once func() error
}

func (c *closedOnce) Close() error { return c.once() }

func (c *closedOnce) Reconnects() int64 {
	r, _ := c.Conn.(transport.Reconnecter) // as every connection of this package
	return r.Reconnects()
}

func begin(t *testing.T, conn transport.Conn, c *transport.Call) {
	t.Helper()
	if err := conn.Start(c); err != nil {
		t.Fatalf("Start: %v", err)
	}
}

// one makes one call, seq 7 of worker 3, and returns what became of it.
func one(t *testing.T, addr string, spec transport.Spec, src transport.Source, o grpcconn.Options) (transport.Call,
	*ledger,
) {
	t.Helper()
	l := newLedger()
	conn := dial(t, addr, spec, src, o)
	begin(t, conn, &transport.Call{Worker: 3, Seq: 7, Owner: l})
	l.wait(t, 1)
	if err := conn.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	calls := l.ends()
	if len(calls) != 1 {
		t.Fatalf("Done was called %d times for one call", len(calls))
	}
	return calls[0], l
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	lis, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

// count answers the end of the client's stream with the number of messages on it, which is what counted wants.
func count(_ any, s grpc.ServerStream) error {
	for n := 0; ; n++ {
		if _, err := receive(s); err != nil {
			if err := ended(err); err != nil {
				return err
			}
			return answer(s, fmt.Sprint(n))
		}
	}
}

func counted(_ uint64, _, n int) string { return fmt.Sprint(n) }

// stuck never answers.
func stuck(_ any, s grpc.ServerStream) error {
	<-s.Context().Done()
	return status.FromContextError(s.Context().Err()).Err()
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

// loadReport is a call's load report, or "".
func loadReport(c transport.Call) string {
	if c.LoadReport == nil {
		return ""
	}
	return c.LoadReport()
}
