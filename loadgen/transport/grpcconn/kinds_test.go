package grpcconn_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

// gather answers the end of the client's stream with all that was on it.
func gather(_ any, s grpc.ServerStream) error {
	var all []string
	for {
		m, err := receive(s)
		if err != nil {
			if err := ended(err); err != nil {
				return err
			}
			return answer(s, strings.Join(all, " "))
		}
		all = append(all, m)
	}
}

// thrice answers one message with three.
func thrice(_ any, s grpc.ServerStream) error {
	m, err := receive(s)
	for i := 0; i < 3 && err == nil; i++ {
		err = answer(s, fmt.Sprintf("%s.%d", m, i))
	}
	return err
}

func TestKinds(t *testing.T) {
	together := func(seq uint64, _, n int) string {
		var all []string
		for i := range n {
			all = append(all, text(seq, i))
		}
		return strings.Join(all, " ")
	}
	numbered := func(seq uint64, i, _ int) string { return fmt.Sprintf("%s.%d", text(seq, 0), i) }
	for _, tt := range []struct {
		kind     transport.Kind
		send     int
		handler  grpc.StreamHandler
		want     func(seq uint64, i, n int) string
		received int
		// told are how many latencies within the call there are, by series.
		told map[series.Series]int
	}{
		{transport.Unary, 1, echo, nil, 1, map[series.Series]int{}},
		{
			transport.ClientStream, 5, gather, together, 1,
			map[series.Series]int{series.FirstMessage: 1, series.SendBlocked: 5},
		},
		{
			transport.ServerStream, 1, thrice, numbered, 3,
			map[series.Series]int{series.FirstMessage: 1, series.MessageGap: 2},
		},
		{
			transport.Bidi, 5, echo, nil, 5,
			map[series.Series]int{series.FirstMessage: 1, series.MessageRTT: 5, series.SendBlocked: 5},
		},
	} {
		t.Run(tt.kind.String(), func(t *testing.T) {
			addr := serve(t, tt.handler)
			call, l := one(t, addr, transport.Spec{Kind: tt.kind, Send: tt.send, Timeout: patience},
				source{want: tt.want}, grpcconn.Options{})
			if call.Code != codes.OK || call.Message != "" {
				t.Errorf("the call ended %v %q", call.Code, call.Message)
			}
			if call.MessagesSent != tt.send || call.MessagesReceived != tt.received {
				t.Errorf("%d messages sent, %d received; want %d, %d", call.MessagesSent, call.MessagesReceived,
					tt.send, tt.received)
			}
			var sent, received int64
			for i := range tt.send {
				sent += size(text(7, i))
			}
			for i := range tt.received {
				answer := text(7, i)
				if tt.want != nil {
					answer = tt.want(7, i, tt.send)
				}
				received += size(answer)
			}
			if call.BytesSent != sent || call.BytesReceived != received {
				t.Errorf("%d bytes sent, %d received; want %d, %d", call.BytesSent, call.BytesReceived, sent, received)
			}
			told := map[series.Series]int{}
			for series, all := range l.messages {
				told[series] = len(all)
			}
			if diff := cmp.Diff(tt.told, told); diff != "" {
				t.Errorf("latencies within the call, by series (-want +got):\n%s", diff)
			}
			wantWithin(t, l, call)
		})
	}
}

// wantWithin holds the latencies within a call against the call's own.
func wantWithin(t *testing.T, l *ledger, call transport.Call) {
	t.Helper()
	for series, all := range l.messages {
		for _, ns := range all {
			if ns <= 0 || ns > call.End-call.Sent {
				t.Errorf("series %d: a latency of %v within a call of %v", series, time.Duration(ns),
					time.Duration(call.End-call.Sent))
			}
		}
	}
}

// turns answers each message twice, and ends as its client has.
func turns(_ any, s grpc.ServerStream) error {
	for {
		m, err := receive(s)
		if errors.Is(err, io.EOF) {
			return nil
		}
		for range 2 {
			if err == nil {
				err = answer(s, m)
			}
		}
		if err != nil {
			return err
		}
	}
}

// Streams that are not in lockstep, and how this side ends them.
func TestTurns(t *testing.T) {
	for _, tt := range []struct {
		reason   string
		spec     transport.Spec
		sent     int
		received int
		gaps     int
		code     codes.Code
	}{
		{"free", transport.Spec{Send: 3, Turns: transport.Free}, 3, 6, 5, codes.OK},
		{
			"free, at an interval",
			transport.Spec{Send: 3, Turns: transport.Free, Interval: 3 * time.Millisecond},
			3, 6,
			5, codes.OK,
		},
		{
			"free, at a pace",
			transport.Spec{Send: 3, Turns: transport.Free, Pace: 3 * time.Millisecond},
			3, 6, 5,
			codes.OK,
		},
		{"half", transport.Spec{Send: 3, Turns: transport.Half}, 3, 6, 5, codes.OK},
		{"ended after some answers", transport.Spec{Send: 1, Receive: 2, Turns: transport.Free}, 1, 2, 1, codes.OK},
		{
			"ended while it sends",
			transport.Spec{Send: 1000, Receive: 2, Turns: transport.Free, Interval: time.Hour},
			1,
			2, 1, codes.OK,
		},
		{
			"ended after some time",
			transport.Spec{Send: 2, ReceiveFor: 100 * time.Millisecond, Turns: transport.Free},
			2, 4, 3, codes.OK,
		},
		{"a deadline that is sooner", transport.Spec{
			Send: 1, ReceiveFor: time.Hour, Timeout: 100 * time.Millisecond,
			Turns: transport.Free,
		}, 1, 2, 1, codes.DeadlineExceeded},
		{"lockstep, ended after some answers", transport.Spec{Send: 5, Receive: 2}, 2, 2, 0, codes.OK},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			handler := grpc.StreamHandler(turns)
			if tt.spec.Turns == transport.Lockstep {
				handler = echo
			}
			tt.spec.Kind = transport.Bidi
			call, l := one(t, serve(t, handler), tt.spec, source{want: func(seq uint64, i, _ int) string {
				if tt.spec.Turns != transport.Lockstep {
					i /= 2
				}
				return text(seq, i)
			}}, grpcconn.Options{})
			if call.Code != tt.code || call.MessagesSent != tt.sent || call.MessagesReceived != tt.received {
				t.Errorf("%v %q: %d sent, %d received, want %v, %d, %d", call.Code, call.Message, call.MessagesSent,
					call.MessagesReceived, tt.code, tt.sent, tt.received)
			}
			if got := len(l.messages[series.MessageGap]); got != tt.gaps {
				t.Errorf("%d gaps between answers, want %d", got, tt.gaps)
			}
			if took := time.Duration(call.End - call.Sent); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A server may have more to say than it was asked, after the client's half is closed.
func TestAnswersAfterTheLastMessage(t *testing.T) {
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		err := echo(nil, s)
		for i := 2; i < 5 && err == nil; i++ {
			err = answer(s, text(7, i))
		}
		return err
	})
	call, l := one(t, addr, transport.Spec{Kind: transport.Bidi, Send: 2, Timeout: patience}, source{},
		grpcconn.Options{})
	if call.MessagesSent != 2 || call.MessagesReceived != 5 {
		t.Errorf("the call ended %v %q with %d messages sent and %d received, want 2 and 5", call.Code, call.Message,
			call.MessagesSent, call.MessagesReceived)
	}
	if n := len(l.messages[series.MessageGap]); n != 0 {
		t.Errorf("%d gaps were told of a kind of call that has no such series", n)
	}
	wantWithin(t, l, call)
}

func size(text string) int64 { return int64(proto.Size(wrapperspb.String(text))) }

// A call's times enclose what the server does, and nothing of the wait before it.
func TestTimes(t *testing.T) {
	const takes = 30 * time.Millisecond
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		time.Sleep(takes)
		return echo(nil, s)
	})
	for _, kind := range []transport.Kind{transport.Unary, transport.Bidi} {
		l := newLedger()
		conn := dial(t, addr, transport.Spec{Kind: kind, Send: 1}, source{}, grpcconn.Options{})
		before := transport.Now()
		begin(t, conn, &transport.Call{Owner: l})
		l.wait(t, 1)
		after := transport.Now()
		call := l.ends()[0]
		if took := time.Duration(call.End - call.Sent); took < takes || call.Sent < before || call.End > after {
			t.Errorf("%v: sent at %v and ended at %v, between 0 and %v; want %v between", kind,
				time.Duration(call.Sent-before), time.Duration(call.End-before), time.Duration(after-before), takes)
		}
	}
}

// In lockstep, a message's round trip begins with its own send, not with the call.
func TestRoundTripIsTheMessagesOwn(t *testing.T) {
	const takes = 20 * time.Millisecond
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		for {
			m, err := receive(s)
			if err != nil {
				return ended(err)
			}
			time.Sleep(takes)
			if err := answer(s, m); err != nil {
				return err
			}
		}
	})
	call, l := one(t, addr, transport.Spec{Kind: transport.Bidi, Send: 4, Interval: 3 * takes}, source{},
		grpcconn.Options{})
	var sum time.Duration
	for i, ns := range l.messages[series.MessageRTT] {
		sum += time.Duration(ns)
		if time.Duration(ns) < takes {
			t.Errorf("round trip %d took %v, the server alone %v", i, time.Duration(ns), takes)
		}
	}
	if took := time.Duration(call.End - call.Sent); sum > took { // they follow one another
		t.Errorf("the round trips of a call of %v took %v", took, sum)
	}
}

// A worker makes one call after another on one goroutine: each must stand alone.
func TestManyCallsOfManyWorkers(t *testing.T) {
	const workers, each = 16, 50
	addr := serve(t, echo)
	for _, kind := range []transport.Kind{transport.Unary, transport.Bidi} {
		l := newLedger()
		conn := dial(t, addr, transport.Spec{Kind: kind, Send: 1 + int(kind), Timeout: patience}, source{},
			grpcconn.Options{})
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
		seen := map[uint64]bool{}
		for _, c := range l.ends() {
			if c.Code != codes.OK || c.MessagesSent != 1+int(kind) || int(c.Worker) != int(c.Seq)/each || seen[c.Seq] {
				t.Errorf("%v: call %d of worker %d: %v %s, %d messages", kind, c.Seq, c.Worker, c.Code, c.Message,
					c.MessagesSent)
			}
			seen[c.Seq] = true
		}
		if len(seen) != workers*each {
			t.Errorf("%v: %d calls ended, want %d", kind, len(seen), workers*each)
		}
	}
}
