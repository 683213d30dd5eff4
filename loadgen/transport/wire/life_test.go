package wire

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
)

// Close cuts off what runs and what waits; each comes to Done once, and may not start the next.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: time.Minute}, setting(http2.SettingMaxConcurrentStreams, 2)).connect()
		p, a, b, c := r.peer(1), r.start(), r.start(), r.start()
		p.answer(1, "yes")
		r.want(a, "OK")
		d := r.start()
		p.take()
		var refused int
		r.again = func(c *transport.Call) {
			if err := r.conn.Start(c); errors.Is(err, transport.ErrClosed) {
				refused++
			}
		}
		if err := r.conn.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		for _, call := range []*transport.Call{b, c, d} {
			r.want(call, "Canceled: cut off at the end of the run")
			if call.End < call.Sent || call.Sent == 0 {
				t.Errorf("call %d was sent at %d and ended at %d", call.Seq, call.Sent, call.End)
			}
		}
		if refused != 3 {
			t.Errorf("%d calls were refused from Done, want 3", refused)
		}
		heard := p.take()
		slice := heard[len(heard)-2:]
		if diff := cmp.Diff([]string{"GOAWAY 0: NO_ERROR", "EOF"}, slice); diff != "" {
			t.Errorf("the server read %q at the end", heard)
		}
		for _, line := range []string{"RST_STREAM 3: CANCEL", "RST_STREAM 5: CANCEL"} {
			if !strings.Contains(strings.Join(heard, "\n"), line) {
				t.Errorf("the server read %q: want %s among it", heard, line)
			}
		}
		if err := r.begin(r.call()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Start after Close: %v, want ErrClosed", err)
		}
		r.conn.Flush()
		r.conn.Finish()
		if err := r.conn.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
}

// Closing once more does no harm where messages are spaced either.
func TestCloseTwiceWithAnAlarm(t *testing.T) {
	r := newRig(t, transport.Spec{Kind: transport.ClientStream, Send: 2, Interval: time.Second})
	c, err := r.dialer.Dial(t.Context(), "server:1", transport.One(r.spec, r.src))
	if err != nil {
		t.Fatal(err)
	}
	r.conn = c
	r.close()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("the second Close panics: %v", p)
		}
	}()
	r.close()
}

// A server that does not read holds Close up for no longer than its farewell.
func TestCloseOfServerThatDoesNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{})
		r.tune = func(_ int, client *pipeEnd, _ *peer) { client.out.limit = 100 }
		r.connect()
		r.peer(1).nc.in.set(func(h *half) { h.held = true })
		c := r.start()
		from := time.Now()
		if err := r.conn.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(from); took > farewell {
			t.Errorf("Close took %v, want %v at most", took, farewell)
		}
		r.want(c, "Canceled")
	})
}

// Close returns when nothing of the connection runs any more: also no Done of a call whose deadline passed.
func TestCloseWaitsForDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: time.Second}).connect()
		within, leave := make(chan struct{}), make(chan struct{})
		r.again = func(*transport.Call) {
			close(within)
			<-leave
		}
		r.start()
		<-within // the deadline passed
		closed := make(chan struct{})
		go func() {
			_ = r.conn.Close()
			close(closed)
		}()
		time.Sleep(time.Second)
		select {
		case <-closed:
			t.Error("Close returned while Done was still being called")
		default:
		}
		close(leave)
		<-closed
	})
}

// A connection is lost: its calls fail and are told why, the next wait for the new one.
func TestLoss(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason string
		lose   func(p *peer)
		want   string
	}{
		{"end", "the server hung up", func(p *peer) { _ = p.nc.Close() }, "Unavailable: the connection ended: EOF"},
		{
			"reset", "the cause is named", func(p *peer) { p.nc.out.end(syscall.ECONNRESET, nil) },
			"Unavailable: the connection ended: connection reset by peer",
		},
		{"within a frame", "what is not whole counts for nothing", func(p *peer) {
			_, _ = p.nc.Write([]byte("\x00\x00\x10\x00"))
			_ = p.nc.Close()
		}, "Unavailable: the connection ended: EOF"},
		{"after GOAWAY", "what the server said before stands in the message", func(p *peer) {
			_ = p.fr.WriteGoAway(99, http2.ErrCodeInternal, []byte("so sorry"))
			_ = p.nc.Close()
		}, `Unavailable: the connection ended: EOF, after GOAWAY INTERNAL_ERROR "so sorry"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{})
				arrive := make(chan struct{})
				r.refuse = func(n int) error {
					if n > 1 {
						<-arrive
					}
					return nil
				}
				r.connect()
				a, b := r.start(), r.start()
				tt.lose(r.peer(1))
				r.want(a, tt.want)
				r.want(b, tt.want)
				r.restart(a) // waits
				close(arrive)
				r.want(a, "running")
				r.peer(2).answer(1, "yes")
				if r.want(a, "OK"); t.Failed() {
					t.Log(tt.reason)
				}
			})
		})
	}
}

// A write that fails ends the connection; its calls fail.
func TestWriteFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		r.peer(1).nc.in.end(nil, syscall.EPIPE)
		c := r.start()
		r.want(c, "Unavailable: the connection ended")
		r.restart(c)
		r.peer(2).answer(1, "yes")
		r.want(c, "OK")
	})
}

// While there is no connection calls fail at once, and attempts to connect are ever further apart, up to a second.
func TestReconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{})
		var at []time.Time
		r.refuse = func(n int) error {
			at = append(at, time.Now())
			if n > 1 && n < 12 {
				return errors.New("refused")
			}
			return nil
		}
		r.connect()
		a := r.start()
		_ = r.peer(1).nc.Close()
		r.want(a, "Unavailable: the connection ended: EOF")
		r.restart(a)
		if r.want(a, "Unavailable: there is no connection: refused"); a.End != a.Sent {
			t.Error("the call took time")
		}
		time.Sleep(10 * time.Second)
		if synctest.Wait(); len(r.peers) != 2 {
			t.Fatalf("%d connections, want 2", len(r.peers))
		}
		var got []string
		for i := 2; i < len(at); i++ {
			got = append(got, at[i].Sub(at[i-1]).String())
		}
		want := []string{"50ms", "80ms", "128ms", "204.8ms", "327.68ms", "524.288ms", "838.8608ms", "1s", "1s", "1s"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("delays between attempts (-want +got):\n%s", diff)
		}
		synctest.Wait()
		r.restart(a)
		r.peer(2).answer(1, "yes")
		r.want(a, "OK")
		// The next loss begins with short delays again, and calls wait for the first attempt.
		_ = r.peer(2).nc.Close()
		synctest.Wait()
		r.restart(a)
		r.peer(3).answer(1, "yes")
		r.want(a, "OK")
	})
}

// Close ends an attempt to connect that hangs.
func TestCloseWhileConnecting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		r.mute = true // the next connection says nothing
		r.dialer.Timeout = time.Hour
		a := r.start()
		_ = r.peer(1).nc.Close()
		r.want(a, "Unavailable")
		r.restart(a)
		r.want(a, "running")
		from := time.Now()
		_ = r.conn.Close()
		if r.want(a, "Canceled"); time.Since(from) > farewell {
			t.Errorf("Close took %v", time.Since(from))
		}
	})
}

// The server goes as soon as it came, before the connection's goroutine took the lock again: a call that starts
// just then waits for the next connection. A mutex whose waiters wait for long serves them in their order.
func TestStartBetweenConnections(t *testing.T) {
	r := newRig(t, transport.Spec{})
	c, err := r.dialer.Dial(t.Context(), "server:1", transport.One(r.spec, r.src))
	if err != nil {
		t.Fatal(err)
	}
	r.conn = c
	defer r.close()
	cn, _ := c.(*conn)
	r.tune = func(n int, _ *pipeEnd, _ *peer) { r.mute = n == 2 }
	_ = r.peer(1).nc.Close()
	await := func(what func() bool) {
		for end := time.Now().Add(10 * time.Second); !what() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	await(func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.peers) == 2 })
	p := r.peer(2)
	await(func() bool { cn.mu.Lock(); defer cn.mu.Unlock(); return len(cn.sessions) == 1 })
	time.Sleep(20 * time.Millisecond)
	cn.mu.Lock()
	ss := cn.sessions[0]
	close(ss.begun) // as its settings would: connect goes on to adopt it, and waits for the lock
	ss.up = true
	time.Sleep(5 * time.Millisecond)
	p.goAway(0, http2.ErrCodeNo) // its reader waits for it next
	time.Sleep(5 * time.Millisecond)
	started := make(chan any)
	call := r.call()
	go func() {
		defer func() {
			what := recover()
			if what != nil {
				cn.mu.Unlock()
			}
			started <- what
		}()
		_ = r.begin(call)
	}()
	time.Sleep(5 * time.Millisecond)
	cn.mu.Unlock()
	cn.mu.Lock() // past the first in the queue, who sees that it starves: now they are served in order
	time.Sleep(5 * time.Millisecond)
	cn.mu.Unlock()
	if what := <-started; what != nil {
		t.Errorf("Start panics: %v", what)
		r.mu.Lock()
		r.starts[call]--
		r.mu.Unlock()
		return
	}
	await(func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.peers) == 3 })
	q := r.peer(3)
	r.conn.Flush()
	await(func() bool { return len(q.messages(1)) == 1 })
	q.answer(1, "yes")
	await(func() bool { return r.outcome(call) != "running" })
	if got := r.outcome(call); got != "OK" {
		t.Errorf("the call is %q, want OK", got)
	}
}

// A closed loop over a connection that is lost again and again: no call is lost, none ends twice.
func TestClosedLoopOverManyConnections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Timeout: 100 * time.Millisecond},
			setting(http2.SettingMaxConcurrentStreams, 3)).connect()
		var mu sync.Mutex // Done is called concurrently
		codes := map[string]int{}
		left := 400
		r.again = func(c *transport.Call) {
			mu.Lock()
			defer mu.Unlock()
			codes[c.Code.String()]++
			if left > 0 {
				left--
				if err := r.begin(c); err != nil {
					t.Error(err)
				}
			}
		}
		more := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return left > 0
		}
		for range 5 {
			r.start()
		}
		for round := 0; more(); round++ {
			synctest.Wait()
			p := r.peer(len(r.peers))
			for _, line := range p.take() {
				var id uint32
				if _, err := fmt.Sscanf(line, "HEADERS %d", &id); err != nil {
					continue
				}
				switch (int(id) + round) % 11 {
				case 0:
					p.rst(id, http2.ErrCodeRefusedStream)
				case 2:
					time.Sleep(100 * time.Millisecond)
				case 4:
					if round%3 == 0 {
						p.goAway(id, http2.ErrCodeNo)
					}
					p.answer(id, "yes")
				case 6:
					if round%5 == 0 {
						_ = p.nc.Close()
					}
				case 8:
					p.rst(id, http2.ErrCodeInternal)
				default:
					p.answer(id, "yes")
				}
			}
			time.Sleep(30 * time.Millisecond)
		}
		synctest.Wait()
		t.Logf("%v over %d connections", codes, len(r.peers))
		for _, code := range []string{"OK", "DeadlineExceeded", "Unavailable", "Internal"} {
			if codes[code] == 0 {
				t.Errorf("no call ended with %s", code)
			}
		}
	})
}

// A server that takes connections and hangs up each time is not called in a busy loop; the first loss is made good at
// once.
func TestServerThatHangsUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		for n := 1; ; n++ {
			_ = r.peer(n).nc.Close()
			synctest.Wait()
			if n == 1 && r.count() != 2 {
				t.Errorf("%d connections after the first loss, want another at once", r.count())
			}
			time.Sleep(firstDelay - 1)
			if synctest.Wait(); n > 1 && r.count() != n {
				t.Fatalf("%d connections after loss %d, want a pause before the next", r.count(), n)
			}
			time.Sleep(2 * time.Nanosecond)
			synctest.Wait()
			if n == 5 {
				break
			}
		}
		a := r.start()
		r.peer(r.count()).answer(1, "yes")
		r.want(a, "OK")
		if got, want := r.conn.(transport.Reconnecter).Reconnects(), int64(r.count()-1); got != want {
			t.Errorf("%d reconnects, want %d", got, want)
		}
	})
}
