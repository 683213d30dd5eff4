package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

// row is one odd answer.
type row struct {
	name   string
	script script
	// says is a text that the call's message must have in it, or not, over both transports.
	says string
	// alone has no good call follow on the same connection: whether it would still be
	// written before the client hears that the connection goes is chance.
	alone bool
	// kinds are those of the calls that are answered so; nil is unary and server stream.
	kinds []transport.Kind
}

// outcome is what a transport makes of an odd answer, as far as transports must agree.
type outcome struct {
	code     codes.Code
	explains bool // there is a message
	says     bool // it has the row's text in it
	received int
	attempts int
	// next is how a good call right after it ends, and connections how many it took.
	next        codes.Code
	connections int
}

func (o outcome) String() string {
	return fmt.Sprintf("%v explained=%t said=%t received=%d attempts=%d next=%v connections=%d",
		o.code, o.explains, o.says, o.received, o.attempts, o.next, o.connections)
}

// oddSource sends what tells a scripted server which answer is asked for, by the call's seq.
type oddSource struct{}

func (oddSource) Append(dst []byte, seq uint64, _ int) ([]byte, error) {
	if seq&(1<<48-1) == 0 {
		return append(dst, oddCall...), nil
	}
	return append(dst, goodCall...), nil
}

func (oddSource) Check(uint64, int, int, []byte) error { return nil }

// subject is a transport's connection to a scripted server.
type subject struct {
	name   string
	server *scripted
	conn   transport.Conn
	ledger *ledger
}

func newSubject(t *testing.T, name string, d transport.Dialer, kind transport.Kind) *subject {
	t.Helper()
	s := &subject{name: name, server: newScripted(t, kind == transport.Bidi), ledger: newLedger()}
	spec := transport.Spec{Method: "/test.Service/Method", Kind: kind, Send: 1, Timeout: callPatience}
	s.conn = dial(t, d, s.server.addr, spec, oddSource{})
	return s
}

// callPatience ends a call that gets no answer: no row is meant to take it.
const callPatience = 5 * time.Second

// call makes one call, the odd one or a good one.
func (s *subject) call(t *testing.T, seq uint64) end {
	t.Helper()
	start(t, s.conn, &transport.Call{Worker: 1, Seq: seq, Owner: s.ledger})
	ends := s.ledger.wait(t, 1)
	return ends[len(ends)-1]
}

// try has the server give a row's answer, and returns what becomes of it, with its message.
func (s *subject) try(t *testing.T, r row) (o outcome, message string) {
	t.Helper()
	s.server.script.Store(&r.script)
	s.server.attempts.Store(0)
	before := s.server.accepted.Load()
	odd := s.call(t, 0)
	o = outcome{
		code: odd.Code, explains: odd.Message != "", says: r.says != "" && strings.Contains(odd.Message, r.says),
		received: odd.MessagesReceived, attempts: int(s.server.attempts.Load()),
	}
	if r.alone {
		return o, odd.Message
	}
	next := s.call(t, 1)
	o.next, o.connections = next.Code, int(s.server.accepted.Load()-before)
	if next.Code != codes.OK {
		odd.Message += "; then " + next.Message
	}
	return o, odd.Message
}

// TestSameAnswerSameOutcome has every transport make the same of the same odd answers as
// grpc-go does: what it is measured against is a client of gRPC, in its failures too.
func TestSameAnswerSameOutcome(t *testing.T) {
	used := map[string]bool{}
	groups := 0
	for _, group := range []struct {
		name   string
		rows   []row
		shared bool // one connection serves all rows: none of them may end it
	}{
		{"status", statusRows(), true},
		{"status spelling", spellingRows(), true},
		{"encoding", encodingRows(), true},
		{"header size", headerRows(), true},
		{"message framing", framingRows(), false},
		{"end of the stream", streamEndRows(), false},
		{"end of the connection", connectionEndRows(), false},
	} {
		t.Run(group.name, func(t *testing.T) {
			groups++
			began, n := time.Now(), 0
			for _, kind := range []transport.Kind{
				transport.Unary, transport.ServerStream, transport.ClientStream,
				transport.Bidi,
			} {
				n += differ(t, group.name, group.rows, kind, group.shared, used)
			}
			t.Logf("%d answers in %v", n, time.Since(began).Round(time.Millisecond))
		})
	}
	if groups < 7 || testing.Short() { // -run chose some, or the product is cut
		return
	}
	for _, d := range meant {
		if !used[d.name] {
			t.Errorf("no answer differs any more as %q says: take it out", d.name)
		}
	}
}

// differ tries rows with calls of a kind, and tells the differences that are not meant.
func differ(t *testing.T, group string, rows []row, kind transport.Kind, shared bool, used map[string]bool) (n int) {
	t.Helper()
	var pair [2]*subject
	renew := func(t *testing.T) {
		for i, tr := range transports {
			pair[i] = newSubject(t, tr.name, tr.dialer(nil), kind)
		}
	}
	for i, r := range rows {
		if !r.with(kind) || testing.Short() && !shared && !r.turn(i, kind) {
			continue
		}
		if shared && n == 0 {
			renew(t)
		}
		n++
		try := func(t *testing.T) {
			t.Helper()
			var got [2]outcome
			var said [2]string
			for i, s := range pair {
				got[i], said[i] = s.try(t, r)
			}
			if got[0].attempts == 0 || got[1].attempts == 0 {
				t.Errorf("%v %s: the server was not asked for it: %v, %v", kind, r.name, got[0], got[1])
			}
			if got[0].code == codes.DeadlineExceeded {
				t.Errorf("%v %s: grpc-go itself waits for the deadline: the row is none", kind, r.name)
			}
			if got[0] == got[1] {
				return
			}
			if d := differenceOf(group, r.name, kind, got); d != nil {
				used[d.name] = true
				return
			}
			t.Errorf("%v, %s:\n\tgrpcconn %v %q\n\twire     %v %q", kind, r.name, got[0], said[0], got[1], said[1])
		}
		if shared {
			try(t)
			continue
		}
		t.Run(fmt.Sprintf("%v/%s", kind, r.name), func(t *testing.T) {
			renew(t)
			try(t)
		})
	}
	return n
}

// turn says whether the i-th row is tried with this kind of calls where each is with one only.
func (r row) turn(i int, kind transport.Kind) bool {
	kinds := slices.DeleteFunc([]transport.Kind{
		transport.Unary, transport.ServerStream, transport.ClientStream,
		transport.Bidi,
	}, func(k transport.Kind) bool { return !r.with(k) })
	return kinds[i%len(kinds)] == kind
}

func (r row) with(kind transport.Kind) bool {
	if r.kinds == nil {
		return kind == transport.Unary || kind == transport.ServerStream
	}
	return slices.Contains(r.kinds, kind)
}
