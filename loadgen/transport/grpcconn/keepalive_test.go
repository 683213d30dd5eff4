package grpcconn_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

// muted is a listener whose connections' ends here say no more once it is dead, as behind a cut link.
type muted struct {
	net.Listener
	dead *atomic.Bool
}

func (m muted) Accept() (net.Conn, error) {
	conn, err := m.Listener.Accept()
	return mutedConn{conn, m.dead}, err
}

type mutedConn struct {
	net.Conn
	dead *atomic.Bool
}

func (c mutedConn) Write(b []byte) (int, error) {
	if c.dead.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// A server that is gone without a word is given up, and its calls fail, though they have no deadline.
func TestKeepalive(t *testing.T) {
	if testing.Short() {
		t.Skip("grpc-go asks after 10 s at the soonest")
	}
	const every = 10 * time.Second
	var dead atomic.Bool
	lis := listen(t, "127.0.0.1:0")
	serveOn(t, muted{lis, &dead}, stuck)
	l := newLedger()
	conn := dial(t, lis.Addr().String(), transport.Spec{Kind: transport.Unary, Send: 1}, source{},
		grpcconn.Options{Keepalive: every})
	dead.Store(true)
	began := time.Now()
	begin(t, conn, &transport.Call{Owner: l})
	select {
	case <-l.arrived:
	case <-time.After(2*every + patience):
		t.Fatal("the call does not end")
	}
	c := l.ends()[0]
	if took := time.Since(began); c.Code != codes.Unavailable || !strings.Contains(c.Message, "keepalive") ||
		took < every {
		t.Errorf("the call ended %v %q after %v, want UNAVAILABLE for want of an answer to a PING", c.Code, c.Message,
			took)
	}
}
