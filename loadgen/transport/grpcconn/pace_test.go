package grpcconn_test

import (
	"cmp"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

const pace = 40 * time.Millisecond

// Messages at a pace have intended times: a late one does not move those after
// it, and what it waited counts.
func TestPace(t *testing.T) {
	const stall = 3*pace + pace/2
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		for i := 0; ; i++ {
			m, err := receive(s)
			if err != nil {
				return ended(err)
			}
			if i == 1 {
				time.Sleep(stall)
			}
			if err := answer(s, m); err != nil {
				return err
			}
		}
	})
	const messages = 9
	call, l := one(t, addr, transport.Spec{Kind: transport.Bidi, Send: messages, Pace: pace, Timeout: patience},
		source{}, grpcconn.Options{})
	responses, rounds := l.messages[series.MessageResponse], l.messages[series.MessageRTT]
	if call.Code != codes.OK || len(responses) != messages || len(rounds) != messages {
		t.Fatalf("the call ended %v %q with %d responses and %d round trips", call.Code, call.Message, len(responses),
			len(rounds))
	}
	// Message 1 is answered after the stall; 2, 3 and 4, which were due meanwhile, go out at once after it.
	for i, waits := range []time.Duration{0, stall, stall - pace, stall - 2*pace, stall - 3*pace, 0} {
		if got := time.Duration(responses[i]); got < waits || got < time.Duration(rounds[i]) {
			t.Errorf("the response of message %d is %v, of which its round trip is %v; it waited %v", i, got,
				time.Duration(rounds[i]), waits)
		}
	}
	if own := time.Duration(rounds[2]); own > stall/2 {
		t.Errorf("the round trip of message 2 is %v: it is from its own send", own)
	}
	// Re-based on the late one, the call would be a stall longer.
	if took := time.Duration(call.End - call.Sent); took < (messages-1)*pace || took >= (messages-1)*pace+stall-pace {
		t.Errorf("a call of %d messages %v apart took %v", messages, pace, took)
	}
}

// Workers that start together do not send together.
func TestPaceIsSpreadOverTheWorkers(t *testing.T) {
	const workers = 4
	var mu sync.Mutex
	first := map[string]time.Time{}
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		m, err := receive(s)
		mu.Lock()
		first[m] = time.Now()
		mu.Unlock()
		if err == nil {
			err = answer(s, m)
		}
		return err
	})
	l := newLedger()
	conn := dial(t, addr, transport.Spec{Kind: transport.Bidi, Send: 1, Pace: 10 * pace, Timeout: patience}, source{},
		grpcconn.Options{})
	for w := range workers {
		begin(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w), Owner: l})
	}
	l.wait(t, workers)
	for a, at := range first {
		for b, bt := range first {
			if a < b && at.Sub(bt).Abs() < pace/2 {
				t.Errorf("messages %s and %s of two workers came %v apart, at a pace of %v", a, b, at.Sub(bt), 10*pace)
			}
		}
	}
}

// Whoever waits for the next message's time still hears of the run's end; one
// that had not its first yet sends that, for a stream without any measures nothing.
func TestPaceEnds(t *testing.T) {
	for _, tt := range []struct {
		reason string
		worker uint16 // 0 has no shift: its first message goes at once
		end    func(transport.Conn)
		code   codes.Code
	}{
		{"Finish, between two messages", 0, transport.Conn.Finish, codes.OK},
		{"Finish, before the first message", 1, transport.Conn.Finish, codes.OK},
		{"Close", 0, func(c transport.Conn) { _ = c.Close() }, codes.Canceled},
	} {
		addr := serve(t, echo)
		l := newLedger()
		conn := dial(t, addr, transport.Spec{Kind: transport.Bidi, Pace: time.Hour}, source{}, grpcconn.Options{})
		begin(t, conn, &transport.Call{Worker: tt.worker, Owner: l})
		time.Sleep(30 * time.Millisecond)
		began := time.Now()
		tt.end(conn)
		l.wait(t, 1)
		if c := l.ends()[0]; c.Code != tt.code || c.MessagesReceived != 1 || time.Since(began) > 5*time.Second {
			t.Errorf("%s: the call ended %v %q with %d answers after %v", tt.reason, c.Code, c.Message,
				c.MessagesReceived, time.Since(began))
		}
	}
}

// A call whose deadline passes while it waits for its next message's time makes no other: neither is it counted, nor
// does the server see a stream that looks whole.
func TestNothingIsSentAfterTheEnd(t *testing.T) {
	for _, tt := range []struct {
		reason string
		spec   transport.Spec
	}{
		{"a message in lockstep", transport.Spec{Kind: transport.Bidi, Send: 2, Interval: time.Hour}},
		{"a message of a client's stream", transport.Spec{Kind: transport.ClientStream, Send: 2, Interval: time.Hour}},
	} {
		for range 20 {
			ends := make(chan error, 1)
			addr := serve(t, func(_ any, s grpc.ServerStream) error {
				for {
					m, err := receive(s)
					if err != nil {
						ends <- err
						return err
					}
					if tt.spec.Kind == transport.Bidi {
						_ = answer(s, m)
					}
				}
			})
			tt.spec.Timeout = 20 * time.Millisecond
			call, _ := one(t, addr, tt.spec, source{}, grpcconn.Options{})
			if call.Code != codes.DeadlineExceeded || call.MessagesSent != 1 {
				t.Errorf("%s: the call ended %v %q with %d messages sent, want DeadlineExceeded and 1", tt.reason,
					call.Code, call.Message, call.MessagesSent)
			}
			if err := <-ends; errors.Is(err, io.EOF) {
				t.Errorf("%s: the server saw a whole stream", tt.reason)
			}
		}
	}
}

// A message whose time comes after the server ended the stream was not sent, and is not counted.
func TestNothingIsCountedAfterTheServersEnd(t *testing.T) {
	for _, kind := range []transport.Kind{transport.ClientStream, transport.Bidi} {
		addr := serve(t, func(_ any, s grpc.ServerStream) error {
			m, err := receive(s)
			if err == nil && kind == transport.Bidi {
				err = answer(s, m)
			}
			return cmp.Or(err, status.Error(codes.FailedPrecondition, "enough"))
		})
		spec := transport.Spec{Kind: kind, Send: 3, Interval: 100 * time.Millisecond, Timeout: patience}
		call, _ := one(t, addr, spec, source{}, grpcconn.Options{})
		if call.Code != codes.FailedPrecondition || call.MessagesSent != 1 || call.BytesSent == 0 {
			t.Errorf("%v: the call ended %v %q with %d messages of %d bytes sent, want FailedPrecondition and 1", kind,
				call.Code, call.Message, call.MessagesSent, call.BytesSent)
		}
	}
}

// Servers may compress their answers; that this is understood must not hang on what else is linked.
func TestGzipIsRegistered(t *testing.T) {
	if encoding.GetCompressor("gzip") == nil {
		t.Error("no gzip")
	}
}
