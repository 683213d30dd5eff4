package grpcconn_test

import (
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

// endless answers with what was asked, once, and never ends its stream.
func endless(_ any, s grpc.ServerStream) error {
	m, err := receive(s)
	if err != nil {
		return err
	}
	if err := answer(s, m); err != nil {
		return err
	}
	return stuck(nil, s)
}

// A stream that its server never ends is ended by the client, and its own cancel is a success.
func TestReceiveLimitsAStream(t *testing.T) {
	addr := serve(t, endless)
	call, l := one(t, addr, transport.Spec{Kind: transport.ServerStream, Send: 1, Receive: 1, Timeout: patience},
		source{}, grpcconn.Options{})
	if call.Code != codes.OK || call.MessagesReceived != 1 || len(l.messages[series.FirstMessage]) != 1 {
		t.Errorf("the call ended %v %q with %d answers, %d first", call.Code, call.Message, call.MessagesReceived,
			len(l.messages[series.FirstMessage]))
	}
	if took := time.Duration(call.End - call.Sent); took > patience/2 {
		t.Errorf("it took %v: it waited for the server's end", took)
	}
}

// Abandoned streams leave nothing behind that the worker's next calls could meet, not even a write to its memory.
func TestManyLimitedStreams(t *testing.T) {
	var open atomic.Int32
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		open.Add(1)
		defer open.Add(-1)
		return endless(nil, s)
	})
	const workers, each = 4, 200
	l := newLedger()
	conn := dial(t, addr, transport.Spec{Kind: transport.ServerStream, Send: 1, Receive: 1, Timeout: patience},
		source{}, grpcconn.Options{})
	l.next = func(c *transport.Call) {
		if c.Seq%each == each-1 {
			return
		}
		c.Reset()
		c.Seq++
		if err := conn.Start(c); err != nil {
			t.Errorf("Start: %v", err)
		}
	}
	for w := range workers {
		begin(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w * each), Owner: l})
	}
	l.wait(t, workers*each)
	for _, c := range l.ends() {
		if c.Code != codes.OK {
			t.Fatalf("call %d ended %v %q", c.Seq, c.Code, c.Message)
		}
	}
	for deadline := time.Now().Add(patience); open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams stay open at the server", open.Load())
		}
	}
}

func TestIntervalIsKept(t *testing.T) {
	const interval, messages = 25 * time.Millisecond, 5
	for _, tt := range []struct {
		kind    transport.Kind
		handler grpc.StreamHandler
		want    func(uint64, int, int) string
	}{
		{transport.Bidi, echo, nil},
		{transport.ClientStream, count, counted},
	} {
		var gaps []time.Duration
		addr := serve(t, func(_ any, s grpc.ServerStream) error {
			return tt.handler(nil, &timedStream{ServerStream: s, gaps: &gaps})
		})
		call, _ := one(t, addr, transport.Spec{Kind: tt.kind, Send: messages, Interval: interval, Timeout: patience},
			source{want: tt.want}, grpcconn.Options{})
		took := time.Duration(call.End - call.Sent)
		if call.Code != codes.OK || took < (messages-1)*interval || took > 2*messages*interval+5*time.Second {
			t.Errorf("%v: the call ended %v %q after %v, want %d intervals of %v", tt.kind, call.Code, call.Message,
				took, messages-1, interval)
		}
		bursts := 0
		for _, gap := range gaps {
			if gap < interval/2 {
				bursts++
			}
		}
		if len(gaps) != messages-1 || bursts > 1 { // one late message may have the next at its heels
			t.Errorf("%v: messages came %v apart, want %v", tt.kind, gaps, interval)
		}
	}
}

// timedStream notes the times between messages; the handler's end makes gaps readable to the client's side.
type timedStream struct {
	grpc.ServerStream
	last time.Time
	gaps *[]time.Duration
}

func (s *timedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if now := time.Now(); err == nil {
		if !s.last.IsZero() {
			*s.gaps = append(*s.gaps, now.Sub(s.last))
		}
		s.last = now
	}
	return err
}

// A stream of no fixed length goes on until Finish, half-closes, and takes its last answers.
func TestFinishEndsStreamsWithoutAnEnd(t *testing.T) {
	for _, tt := range []struct {
		reason   string
		kind     transport.Kind
		interval time.Duration
		handler  grpc.StreamHandler
		want     func(uint64, int, int) string
	}{
		{"in lockstep", transport.Bidi, 0, echo, nil},
		{"in lockstep, between two messages", transport.Bidi, time.Hour, echo, nil},
		{"a client's stream", transport.ClientStream, time.Millisecond, count, counted},
		{"a client's stream, between two messages", transport.ClientStream, time.Hour, count, counted},
	} {
		addr := serve(t, tt.handler)
		l := newLedger()
		conn := dial(t, addr, transport.Spec{Kind: tt.kind, Interval: tt.interval}, source{want: tt.want},
			grpcconn.Options{})
		begin(t, conn, &transport.Call{Seq: 7, Owner: l})
		time.Sleep(50 * time.Millisecond)
		if n := len(l.ends()); n != 0 {
			t.Errorf("%s: the stream ended before Finish: %v %q", tt.reason, l.ends()[0].Code, l.ends()[0].Message)
		}
		conn.Finish()
		l.wait(t, 1)
		call := l.ends()[0]
		if call.Code != codes.OK || call.MessagesSent == 0 || call.MessagesReceived == 0 {
			t.Errorf("%s: it ended %v %q with %d messages sent and %d received", tt.reason, call.Code, call.Message,
				call.MessagesSent, call.MessagesReceived)
		}
		if tt.interval == time.Hour && call.MessagesSent != 1 {
			t.Errorf("%s: %d messages sent, want 1", tt.reason, call.MessagesSent)
		}
		if tt.kind == transport.Bidi && call.MessagesReceived != call.MessagesSent {
			t.Errorf("%s: %d messages sent, %d received", tt.reason, call.MessagesSent, call.MessagesReceived)
		}
	}
}

// Finish is for streams without an end: those with one go on to it.
func TestFinishLeavesStreamsWithAnEndAlone(t *testing.T) {
	addr := serve(t, echo)
	l := newLedger()
	conn := dial(t, addr, transport.Spec{Kind: transport.Bidi, Send: 3, Interval: 30 * time.Millisecond}, source{},
		grpcconn.Options{})
	begin(t, conn, &transport.Call{Owner: l})
	conn.Finish()
	l.wait(t, 1)
	if call := l.ends()[0]; call.Code != codes.OK || call.MessagesSent != 3 {
		t.Errorf("it ended %v %q after %d of 3 messages", call.Code, call.Message, call.MessagesSent)
	}
}

func TestCloseCutsOff(t *testing.T) {
	const workers = 8
	addr := serve(t, stuck)
	for _, spec := range []transport.Spec{
		{Kind: transport.Unary, Send: 1},
		{Kind: transport.ClientStream, Interval: time.Millisecond},
		{Kind: transport.ClientStream, Interval: time.Hour},
		{Kind: transport.ServerStream, Send: 1},
		{Kind: transport.Bidi, Send: 5},
	} {
		l := newLedger()
		conn := dial(t, addr, spec, source{}, grpcconn.Options{})
		l.next = func(c *transport.Call) {
			c.Reset()
			if err := conn.Start(c); err == nil {
				t.Error("a call was started on a connection being closed")
			}
		}
		for w := range workers {
			begin(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w), Owner: l})
		}
		time.Sleep(20 * time.Millisecond)
		began := time.Now()
		if err := conn.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Close took %v", took)
		}
		seen := map[uint64]int{}
		for _, c := range l.ends() { // all are here: Close returns when nothing runs any more
			seen[c.Seq]++
			if c.Code != codes.Canceled {
				t.Errorf("%v: a call that was cut off ended %v %q", spec.Kind, c.Code, c.Message)
			}
		}
		for w := range workers {
			if n := seen[uint64(w)]; n != 1 {
				t.Errorf("%v: call %d came to Done %d times", spec.Kind, w, n)
			}
		}
	}
}
