package conformance

import (
	"crypto/tls"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/loadgen/transport/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience ends a test that is stuck.
const patience = 20 * time.Second

// transports are those that speak gRPC; rest speaks HTTP and JSON, and has nothing to conform to here.
var transports = []struct {
	name   string
	dialer func(config *tls.Config) transport.Dialer
}{
	{"grpcconn", func(config *tls.Config) transport.Dialer {
		return grpcconn.Dialer{Options: grpcconn.Options{TLS: config, Timeout: patience}}
	}},
	{"wire", func(config *tls.Config) transport.Dialer { return &wire.Dialer{TLS: config, Timeout: patience} }},
}

// ledger is the owner of calls: it keeps what became of each.
type ledger struct {
	mu      sync.Mutex
	done    []end
	arrived chan struct{} // one for each done
	// next, where set, is called by Done, after it counted.
	next func(c *transport.Call)
}

// end is a call that is over, with the load report that it had then.
type end struct {
	transport.Call
	report string
}

func newLedger() *ledger { return &ledger{arrived: make(chan struct{}, 1<<16)} }

func (l *ledger) Done(c *transport.Call) {
	e := end{Call: *c}
	if c.LoadReport != nil {
		e.report = c.LoadReport()
	}
	l.mu.Lock()
	l.done = append(l.done, e)
	l.mu.Unlock()
	if l.next != nil {
		l.next(c)
	}
	l.arrived <- struct{}{}
}

func (l *ledger) Message(*transport.Call, series.Series, int64) {}

// wait waits for n more calls to end, and returns all that did.
func (l *ledger) wait(t *testing.T, n int) []end {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for i := range n {
		select {
		case <-l.arrived:
		case <-late.C:
			t.Fatalf("%d calls were awaited, and %d end", n, i)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.done)
}

// withGzip is d, which compresses what it sends.
func withGzip(t *testing.T, d transport.Dialer) transport.Dialer {
	t.Helper()
	switch d := d.(type) {
	case grpcconn.Dialer:
		d.Options.Gzip = true
		return d
	case *wire.Dialer:
		with := *d
		with.Gzip = true
		return &with
	default:
		t.Fatalf("a %T does not compress", d)
		return nil
	}
}

// dial connects; the test's end closes what it did not.
func dial(t *testing.T, d transport.Dialer, addr string, spec transport.Spec, src transport.Source) transport.Conn {
	t.Helper()
	conn, err := d.Dial(t.Context(), addr, transport.One(spec, src))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	once := closedOnce{conn, sync.OnceValue(conn.Close)}
	t.Cleanup(func() { _ = once.Close() })
	return once
}

// closedOnce is a connection that the test may have closed before its end does.
type closedOnce struct {
	transport.Conn
	once func() error
}

func (c closedOnce) Close() error { return c.once() }

func start(t *testing.T, conn transport.Conn, calls ...*transport.Call) {
	t.Helper()
	for _, c := range calls {
		if err := conn.Start(c); err != nil {
			t.Fatalf("Start: %v", err)
		}
	}
	conn.Flush()
}

// one makes one call, and closes the connection.
func one(t *testing.T, d transport.Dialer, addr string, spec transport.Spec, src transport.Source) end {
	t.Helper()
	l := newLedger()
	conn := dial(t, d, addr, spec, src)
	start(t, conn, &transport.Call{Worker: 3, Seq: 7, Owner: l})
	l.wait(t, 1)
	if err := conn.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	ends := l.wait(t, 0)
	if len(ends) != 1 {
		t.Fatalf("Done was called %d times for one call", len(ends))
	}
	if c := ends[0]; c.Sent == 0 || c.End < c.Sent {
		t.Errorf("the call was sent at %d and ended at %d", c.Sent, c.End)
	}
	return ends[0]
}
