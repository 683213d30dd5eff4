package grpcconn_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

// A failing RPC is data: its code and its server's words, and no Go error.
func TestFailingCalls(t *testing.T) {
	says := func(code codes.Code, words string) grpc.StreamHandler {
		return func(any, grpc.ServerStream) error { return status.Error(code, words) }
	}
	afterTwo := func(end error) grpc.StreamHandler {
		return func(_ any, s grpc.ServerStream) error {
			for range 2 {
				m, err := receive(s)
				if err == nil {
					err = answer(s, m)
				}
				if err != nil {
					return err
				}
			}
			return end
		}
	}
	wrong := func(_ any, s grpc.ServerStream) error {
		if _, err := receive(s); err != nil {
			return err
		}
		return answer(s, "nonsense")
	}
	for _, tt := range []struct {
		reason  string
		kind    transport.Kind
		send    int
		handler grpc.StreamHandler
		broken  int // the message that cannot be made
		code    codes.Code
		message string // a part of it
		answers int
	}{
		{
			reason: "a status", kind: transport.Unary, send: 1, handler: says(codes.NotFound, "no such thing"),
			code: codes.NotFound, message: "no such thing",
		},
		{
			reason: "a status of a client stream", kind: transport.ClientStream, send: 9,
			handler: says(codes.ResourceExhausted, "too much"), code: codes.ResourceExhausted, message: "too much",
		},
		{
			reason: "a status of a server stream", kind: transport.ServerStream, send: 1,
			handler: says(codes.PermissionDenied, "not you"), code: codes.PermissionDenied, message: "not you",
		},
		{
			reason: "a status of a bidi stream", kind: transport.Bidi, send: 9,
			handler: says(codes.Unauthenticated, "who"), code: codes.Unauthenticated, message: "who",
		},
		{
			reason: "an error without a status", kind: transport.Unary, send: 1,
			handler: func(any, grpc.ServerStream) error { return errors.New("plain") }, code: codes.Unknown,
			message: "plain",
		},
		{
			reason: "an error in the middle of a stream", kind: transport.Bidi, send: 9,
			handler: afterTwo(status.Error(codes.Aborted, "enough")), code: codes.Aborted, message: "enough",
			answers: 2,
		},
		{
			reason: "an early end of a bidi stream is no success", kind: transport.Bidi, send: 9,
			handler: afterTwo(nil), code: codes.Internal, message: "ended the stream after 2", answers: 2,
		},
		{
			reason: "an early end without any answer", kind: transport.Bidi, send: 9, handler: says(codes.OK, ""),
			code: codes.Internal, message: "ended the stream after 0",
		},
		{
			reason: "no answer to a unary call", kind: transport.Unary, send: 1, handler: says(codes.OK, ""),
			code: codes.Internal,
		},
		{
			reason: "no answer to a client stream", kind: transport.ClientStream, send: 2,
			handler: says(codes.OK, ""), code: codes.Internal,
		},
		{
			reason: "a wrong answer", kind: transport.Unary, send: 1, handler: wrong, code: codes.DataLoss,
			message: `got "nonsense", want "7/0"`, answers: 1,
		},
		{
			reason: "a wrong answer to a client stream", kind: transport.ClientStream, send: 1, handler: wrong,
			code: codes.DataLoss, message: `answer 0: got "nonsense"`, answers: 1,
		},
		{
			reason: "a wrong answer of a server stream", kind: transport.ServerStream, send: 1, handler: wrong,
			code: codes.DataLoss, message: "answer 0", answers: 1,
		},
		{
			reason: "a wrong answer on a bidi stream", kind: transport.Bidi, send: 9, handler: wrong,
			code: codes.DataLoss, message: "answer 0", answers: 1,
		},
		{
			reason: "a message that cannot be made", kind: transport.Bidi, send: 9, handler: echo, broken: 3,
			code: codes.Internal, message: "message 3 is broken", answers: 3,
		},
	} {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			addr := serve(t, tt.handler)
			call, _ := one(t, addr, transport.Spec{Kind: tt.kind, Send: tt.send, Timeout: patience},
				source{broken: tt.broken}, grpcconn.Options{})
			if call.Code != tt.code || !strings.Contains(call.Message, tt.message) {
				t.Errorf("the call ended %v %q, want %v %q", call.Code, call.Message, tt.code, tt.message)
			}
			if call.MessagesReceived != tt.answers {
				t.Errorf("%d answers counted, want %d", call.MessagesReceived, tt.answers)
			}
			if call.Sent <= 0 || call.End < call.Sent {
				t.Errorf("a call from %d to %d", call.Sent, call.End)
			}
		})
	}
}

// What a failure left behind must not colour the worker's next call.
func TestNextCallAfterAFailureIsClean(t *testing.T) {
	for _, kind := range []transport.Kind{transport.Unary, transport.Bidi} {
		addr := serve(t, func(_ any, s grpc.ServerStream) error {
			m, err := receive(s)
			if err != nil {
				return err
			}
			if m == text(0, 0) {
				m = "nonsense"
			}
			return answer(s, m)
		})
		l := newLedger()
		conn := dial(t, addr, transport.Spec{Kind: kind, Send: 1, Timeout: patience}, source{}, grpcconn.Options{})
		l.next = func(c *transport.Call) {
			if c.Seq == 0 {
				c.Reset()
				c.Seq = 1
				if err := conn.Start(c); err != nil {
					t.Errorf("Start: %v", err)
				}
			}
		}
		begin(t, conn, &transport.Call{Owner: l})
		l.wait(t, 2)
		calls := l.ends()
		if calls[0].Code != codes.DataLoss || calls[1].Code != codes.OK || calls[1].Message != "" {
			t.Errorf("%v: the calls ended %v, then %v %q", kind, calls[0].Code, calls[1].Code, calls[1].Message)
		}
	}
}

func TestDeadline(t *testing.T) {
	const timeout = 60 * time.Millisecond
	addr := serve(t, stuck)
	for _, kind := range []transport.Kind{
		transport.Unary, transport.ClientStream, transport.ServerStream,
		transport.Bidi,
	} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			call, _ := one(t, addr, transport.Spec{Kind: kind, Send: 1, Timeout: timeout}, source{}, grpcconn.Options{})
			if call.Code != codes.DeadlineExceeded {
				t.Errorf("the call ended %v %q", call.Code, call.Message)
			}
			if took := time.Duration(call.End - call.Sent); took < timeout || took > timeout+5*time.Second {
				t.Errorf("a call with %v of time took %v", timeout, took)
			}
		})
	}
}

// The server must hear of the deadline, or it works on for nobody.
func TestDeadlineReachesTheServer(t *testing.T) {
	left := make(chan time.Duration, 1)
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		deadline, ok := s.Context().Deadline()
		if !ok {
			left <- 0
		} else {
			left <- time.Until(deadline)
		}
		return echo(nil, s)
	})
	for _, timeout := range []time.Duration{0, time.Hour} {
		one(t, addr, transport.Spec{Kind: transport.Unary, Send: 1, Timeout: timeout}, source{}, grpcconn.Options{})
		if got := <-left; got > timeout || got < timeout-time.Minute {
			t.Errorf("the server knows of %v, want just under %v", got, timeout)
		}
	}
}

// A connection that is lost fails its calls as UNAVAILABLE, and is made again when the server is back.
func TestLostConnection(t *testing.T) {
	lis := listen(t, "127.0.0.1:0")
	addr := lis.Addr().String()
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		s.SetTrailer(metadata.Pairs("endpoint-load-metrics-bin", "report"))
		m, err := receive(s)
		if err != nil || m != text(0, 0) {
			return stuck(nil, s)
		}
		return answer(s, m)
	}))
	served := make(chan error, 1)
	go func() { served <- s.Serve(lis) }()
	l := newLedger()
	conn := dial(t, addr, transport.Spec{Kind: transport.Unary, Send: 1, Timeout: patience}, source{},
		grpcconn.Options{})
	call := &transport.Call{Owner: l}
	begin(t, conn, call)
	l.wait(t, 1)
	if c := l.ends()[0]; c.Code != codes.OK || loadReport(c) != "report" {
		t.Fatalf("the first call ended %v %q with the report %q", c.Code, c.Message, loadReport(c))
	}
	if n := conn.(transport.Reconnecter).Reconnects(); n != 0 {
		t.Errorf("%d reconnects before anything was lost", n)
	}
	begin(t, conn, &transport.Call{Worker: 1, Seq: 1, Owner: l}) // in flight when the server dies
	time.Sleep(20 * time.Millisecond)
	s.Stop()
	<-served
	l.wait(t, 1)
	call.Reset() // without any connection
	begin(t, conn, call)
	l.wait(t, 1)
	for _, c := range l.ends()[1:] {
		if c.Code != codes.Unavailable || c.LoadReport != nil {
			t.Errorf("call %d ended %v %q with the report %q, want UNAVAILABLE and none", c.Seq, c.Code, c.Message,
				loadReport(c))
		}
	}
	serveOn(t, listen(t, addr), echo)
	back := time.Now()
	for last := codes.Unavailable; last != codes.OK; last = l.ends()[len(l.ends())-1].Code {
		if time.Since(back) > 5*time.Second {
			t.Fatalf("the server is back for %v, and calls still end %v", time.Since(back), last)
		}
		time.Sleep(5 * time.Millisecond)
		call.Reset()
		begin(t, conn, call)
		l.wait(t, 1)
	}
	if n := conn.(transport.Reconnecter).Reconnects(); n != 1 {
		t.Errorf("%d reconnects, want the one", n)
	}
}
