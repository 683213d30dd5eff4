package conformance

import (
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/transport"
)

// handled tells when the server's handlers of streams begin, and how they end.
func handled(began chan<- struct{}, over chan<- codes.Code) grpc.ServerOption {
	return grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo,
		handler grpc.StreamHandler,
	) error {
		began <- struct{}{}
		err := handler(srv, s)
		over <- status.Code(err)
		return err
	})
}

// wantCut has the server see the call cut off, by its reset or by the end of the connection that follows.
func wantCut(t *testing.T, reason string, over <-chan codes.Code) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case got := <-over:
		if got != codes.Canceled && got != codes.Unavailable {
			t.Errorf("%s: the server sees the call end %v, want CANCELLED, or UNAVAILABLE with the connection", reason,
				got)
		}
	case <-late.C:
		t.Errorf("%s: the server does not see the call end", reason)
	}
}

// cancelAfterBegin has the metadata sent, and no payload: a pace keeps the first message back.
func cancelAfterBegin(t *testing.T, d transport.Dialer) {
	began, over := make(chan struct{}, 1), make(chan codes.Code, 1)
	lis := listen(t)
	serve(t, lis, handled(began, over))
	l := newLedger()
	spec := transport.Spec{Method: inputCall, Kind: transport.ClientStream, Send: 4, Pace: time.Hour}
	conn := dial(t, d, lis.Addr().String(), spec,
		source{request: always(&grpc_testing.StreamingInputCallRequest{Payload: zeros(8)})})
	start(t, conn, &transport.Call{Worker: 1, Owner: l})
	<-began
	if err := conn.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if c := l.wait(t, 1)[0]; c.Code != codes.Canceled || c.MessagesSent != 0 {
		t.Errorf("the call ended %v %q after %d messages, want CANCELLED after none", c.Code, c.Message, c.MessagesSent)
	}
	wantCut(t, "metadata alone", over)
}

// cancelAfterFirstResponse cancels by each of the two means that there are: Close, and Spec.Receive, whose cancel is
// the plan and so no failure. That is of a server's stream; grpcconn does not end a full-duplex one by it, and no
// scenario asks.
func cancelAfterFirstResponse(t *testing.T, d transport.Dialer) {
	over := make(chan codes.Code, 2)
	lis := listen(t)
	serve(t, lis, handled(make(chan struct{}, 2), over))
	slow := duplexRequest(27182, 31415, 31415)
	slow.ResponseParameters[1].IntervalUs = 1_000_000 // by then the client has cancelled
	for _, tt := range []struct {
		reason  string
		spec    transport.Spec
		request proto.Message
		close   bool
		code    codes.Code
	}{
		{
			"the connection is closed after the first answer",
			transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 2, Interval: time.Hour},
			duplexRequest(27182, 31415), true, codes.Canceled,
		},
		{
			"the stream ends itself after its first answer",
			transport.Spec{Method: outputCall, Kind: transport.ServerStream, Send: 1, Receive: 1},
			slow, false,
			codes.OK,
		},
	} {
		first := make(chan struct{}, 2)
		src := source{
			request: always(tt.request), answer: always(duplexAnswer(31415)),
			seen: func(int) { first <- struct{}{} },
		}
		l := newLedger()
		conn := dial(t, d, lis.Addr().String(), tt.spec, src)
		start(t, conn, &transport.Call{Owner: l})
		<-first
		if tt.close {
			_ = conn.Close()
		}
		if c := l.wait(t, 1)[0]; c.Code != tt.code || c.MessagesReceived != 1 || c.MessagesSent != 1 {
			t.Errorf("%s: the call ended %v %q with %d messages sent and %d received", tt.reason, c.Code, c.Message,
				c.MessagesSent, c.MessagesReceived)
		}
		wantCut(t, tt.reason, over)
		_ = conn.Close()
	}
}

// concurrentLargeUnary makes 32 calls at a time, of the 1000 that it should: a connection's windows are shared.
func concurrentLargeUnary(t *testing.T, d transport.Dialer) {
	const workers = 32
	lis := listen(t)
	serve(t, lis)
	l := newLedger()
	conn := dial(t, d, lis.Addr().String(),
		transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1, Timeout: patience}, large)
	for w := range workers {
		start(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w), Owner: l})
	}
	for _, c := range l.wait(t, workers) {
		if c.Code != codes.OK {
			t.Fatalf("call %d ended %v %q", c.Seq, c.Code, c.Message)
		}
	}
}

// soak is what a soak test allows an iteration, ten times grpc-go's: this machine may be busy.
const soak = 10 * time.Second

// rpcSoak makes one large call after the other on one channel, and channelSoak each on a channel of its own: ten as
// grpc-go's interop client does by default.
func rpcSoak(t *testing.T, d transport.Dialer)     { soakWith(t, d, false) }
func channelSoak(t *testing.T, d transport.Dialer) { soakWith(t, d, true) }

func soakWith(t *testing.T, d transport.Dialer, anew bool) {
	t.Helper()
	const iterations = 10
	lis := listen(t)
	serve(t, lis)
	spec := transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1, Timeout: soak}
	l := newLedger()
	conn := dial(t, d, lis.Addr().String(), spec, large)
	for i := range iterations {
		if anew && i > 0 {
			if err := conn.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			conn = dial(t, d, lis.Addr().String(), spec, large)
		}
		start(t, conn, &transport.Call{Seq: uint64(i), Owner: l})
		if ends := l.wait(t, 1); ends[i].Code != codes.OK {
			t.Fatalf("iteration %d ended %v %q", i, ends[i].Code, ends[i].Message)
		}
	}
}
