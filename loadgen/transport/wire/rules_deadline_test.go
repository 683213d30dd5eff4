package wire

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
)

// told is the timeout that a request carries; its units are microseconds in these tests.
func (r *rig) told(p *peer, stream uint32) time.Duration {
	r.t.Helper()
	v := p.field(stream, "grpc-timeout")
	if v == "" || v[len(v)-1] != 'u' || len(v) > 9 {
		r.t.Fatalf("grpc-timeout %q: want at most 8 digits and u", v)
	}
	n, err := strconv.Atoi(v[:len(v)-1])
	if err != nil {
		r.t.Fatal(err)
	}
	return time.Duration(n) * time.Microsecond
}

// A deadline passes when it is due, to the nanosecond of fake time; the server is told that its answer is not wanted.
func TestDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: time.Second}).connect()
		p, a := r.peer(1), r.start()
		time.Sleep(300 * time.Millisecond)
		b := r.start()
		if got := r.told(p, 3); got != time.Second {
			t.Errorf("a call that leaves at once has a timeout of %v, want 1s", got)
		}
		p.take()
		time.Sleep(700*time.Millisecond - 1)
		r.want(a, "running")
		time.Sleep(time.Nanosecond)
		r.want(a, "DeadlineExceeded: the deadline passed after 1s")
		r.want(b, "running")
		r.heard(p, "RST_STREAM 1: CANCEL")
		if took := time.Duration(a.End - a.Sent); took != time.Second {
			t.Errorf("the call took %v, want 1s", took)
		}
		p.answer(1, "late")
		p.answer(3, "yes")
		r.want(b, "OK")
		// A worker's next call has a deadline of its own.
		time.Sleep(100 * time.Millisecond)
		r.restart(b)
		time.Sleep(time.Second - 1)
		r.want(b, "running")
		time.Sleep(time.Nanosecond)
		r.want(b, "DeadlineExceeded")
	})
}

// Many calls, of which some end before their time: each of the others ends at its own.
func TestDeadlinesOfMany(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: time.Second}).connect()
		p := r.peer(1)
		var calls []*transport.Call
		for range 50 {
			calls = append(calls, r.start())
			time.Sleep(7 * time.Millisecond)
		}
		for i := range calls {
			if i%3 == 0 {
				p.answer(uint32(2*i+1), "yes")
			}
		}
		time.Sleep(2 * time.Second)
		for i, c := range calls {
			if i%3 == 0 {
				r.want(c, "OK")
			} else if r.want(c, "DeadlineExceeded"); c.End-c.Sent != int64(time.Second) {
				t.Errorf("call %d ended after %v", i, time.Duration(c.End-c.Sent))
			}
		}
	})
}

// What a call waits for a stream is a part of its timeout: it tells the server what is left, and one whose
// time is over is never sent.
func TestDeadlineOfWaitingCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: time.Second}, setting(http2.SettingMaxConcurrentStreams, 1)).connect()
		p, a, b, c := r.peer(1), r.start(), r.start(), r.start()
		time.Sleep(400 * time.Millisecond)
		p.answer(1, "yes")
		r.want(a, "OK")
		if got := r.told(p, 3); got != 600*time.Millisecond {
			t.Errorf("a call that waited for 400ms of its second has a timeout of %v", got)
		}
		p.take()
		time.Sleep(600 * time.Millisecond)
		r.want(b, "DeadlineExceeded")
		r.want(c, "DeadlineExceeded")
		r.heard(p, "RST_STREAM 3: CANCEL") // and nothing of c
		r.start()
		r.heard(p, "HEADERS 5", "DATA 5: 8 END")
		if got := r.told(p, 5); got != time.Second {
			t.Errorf("the next has a timeout of %v, want 1s", got)
		}
	})
}

// Also where its place comes free just as its time is over.
func TestDeadlineAsItIsReleased(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: time.Second}, setting(http2.SettingMaxConcurrentStreams, 1)).connect()
		p, a, b := r.peer(1), r.start(), r.start()
		cn, _ := r.conn.(*conn)
		cn.mu.Lock()
		s, _ := b.Bound.(*stream)
		s.deadline = transport.Now() // the timer has not rung yet
		cn.mu.Unlock()
		p.take()
		p.answer(1, "yes")
		r.want(a, "OK")
		r.want(b, "DeadlineExceeded")
		r.heard(p)
	})
}

// A call that was refused keeps its deadline.
func TestDeadlineOfRetriedCall(t *testing.T) {
	for _, how := range []string{"RST_STREAM", "GOAWAY"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{Timeout: time.Second}).connect()
				p, c := r.peer(1), r.start()
				other := r.call()
				time.Sleep(250 * time.Millisecond)
				if err := r.begin(other); err != nil {
					t.Fatal(err)
				}
				r.conn.Flush()
				id := uint32(5)
				if how == "GOAWAY" {
					p.goAway(0, http2.ErrCodeNo)
					r.want(c, "running")
					p, id = r.peer(2), 1
				} else {
					p.rst(1, http2.ErrCodeRefusedStream)
					r.want(c, "running")
				}
				if got := r.told(p, id); got != 750*time.Millisecond {
					t.Errorf("it was sent again with a timeout of %v, want the 750ms that are left", got)
				}
				time.Sleep(750*time.Millisecond - 1)
				r.want(c, "running")
				time.Sleep(time.Nanosecond)
				r.want(c, "DeadlineExceeded")
				r.want(other, "running")
				time.Sleep(250 * time.Millisecond)
				r.want(other, "DeadlineExceeded")
			})
		})
	}
}

// While a connection is awaited, deadlines pass too.
func TestDeadlineWithoutConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: 100 * time.Millisecond})
		r.refuse = func(n int) error {
			if n > 1 {
				time.Sleep(time.Second)
				return errors.New("refused")
			}
			return nil
		}
		r.connect()
		_ = r.peer(1).nc.Close()
		c := r.call()
		time.Sleep(time.Millisecond)
		if err := r.begin(c); err != nil {
			t.Fatal(err)
		}
		r.conn.Flush()
		time.Sleep(100*time.Millisecond - 1)
		r.want(c, "running")
		time.Sleep(time.Nanosecond)
		r.want(c, "DeadlineExceeded: the deadline passed after 100ms")
		time.Sleep(2 * time.Second)
	})
}

// A stream that its deadline ended leaves its place to who waits.
func TestDeadlineFreesStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: time.Second}, setting(http2.SettingMaxConcurrentStreams, 1)).connect()
		p, a := r.peer(1), r.start()
		time.Sleep(500 * time.Millisecond)
		b := r.start()
		time.Sleep(500 * time.Millisecond)
		r.want(a, "DeadlineExceeded")
		r.heard(p, "HEADERS 1", "DATA 1: 8 END", "RST_STREAM 1: CANCEL", "HEADERS 3", "DATA 3: 8 END")
		if got := fmt.Sprint(r.told(p, 3)); got != "500ms" {
			t.Errorf("timeout %s, want 500ms", got)
		}
		p.answer(3, "yes")
		r.want(b, "OK")
	})
}

// A call that is to last so long ends then, as a success, whatever its server still has to say; a sooner deadline is
// one.
func TestReceiveFor(t *testing.T) {
	for _, tt := range []struct {
		reason  string
		timeout time.Duration
		want    string
		took    time.Duration
	}{
		{"without a deadline", 0, "OK", time.Second},
		{"with one that is later", time.Minute, "OK", time.Second},
		{"with one that is sooner", 300 * time.Millisecond, "DeadlineExceeded", 300 * time.Millisecond},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{
					Kind: transport.ServerStream, ReceiveFor: time.Second,
					Timeout: tt.timeout,
				}).connect()
				p, c := r.peer(1), r.start()
				if tt.timeout > 0 && r.told(p, 1) != tt.timeout {
					t.Errorf("the server is told of another timeout than %v", tt.timeout)
				}
				p.begin(1)
				for range 2 {
					p.message(1, "a")
				}
				time.Sleep(1500 * time.Millisecond)
				r.want(c, tt.want)
				if took := time.Duration(c.End - c.Sent); took != tt.took || c.MessagesReceived != 2 {
					t.Errorf("it took %v, with %d answers, want %v and 2", took, c.MessagesReceived, tt.took)
				}
			})
		})
	}
}
