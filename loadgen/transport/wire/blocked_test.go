package wire

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
)

// Behind a socket that takes nothing each call's deadline runs from when it was to go out, whether its bytes are with
// the socket, in our memory or not yet made; and in an open loop the wait is not the generator's.
func TestDeadlineBehindBlockedSocket(t *testing.T) {
	for _, openLoop := range []bool{false, true} {
		t.Run(fmt.Sprintf("open loop %v", openLoop), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{Timeout: time.Second})
				r.openLoop = openLoop
				r.src = source{size: 1000}
				r.tune = func(_ int, client *pipeEnd, _ *peer) { client.out.limit = 200 }
				r.connect()
				r.peer(1).nc.in.set(func(h *half) { h.held = true })
				r.start()                                 // fills the socket
				buffered := r.start()                     // into our memory
				time.Sleep(time.Duration(stuck) + 10_000) // now it is known to take nothing
				waiting := r.start()
				cn, _ := r.conn.(*conn)
				if cn.mu.Lock(); cn.waiting.first == nil || cn.waiting.first.call != waiting {
					t.Error("a call was begun behind a socket that takes nothing")
				}
				cn.mu.Unlock()
				time.Sleep(2 * time.Second)
				for _, c := range []*transport.Call{buffered, waiting} {
					r.want(c, "DeadlineExceeded")
					if took := time.Duration(c.End - c.Free); took != time.Second {
						t.Errorf("call %d ended after %v, want 1s", c.Seq, took)
					}
					if late := c.Sent - c.Free - c.Held; late != 0 {
						t.Errorf("%v of the wait of call %d are the generator's: want none", time.Duration(late), c.Seq)
					}
				}
				r.peer(1).nc.in.set(func(h *half) { h.held = false })
				r.want(waiting, "DeadlineExceeded")
				last := r.start()
				r.peer(1).answer(5, "yes")
				r.want(last, "OK")
			})
		})
	}
}

// The same of a real socket, whose short write says so at once; and over TLS, where Close must not wait to say goodbye.
func TestBlockedSocket(t *testing.T) {
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS()
	certs := https.TLS.Certificates
	https.Close()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			lis := listen(t, "tcp", "127.0.0.1:0")
			defer lis.Close()
			over := make(chan struct{})
			defer close(over)
			go func() {
				nc, err := lis.Accept()
				if err != nil {
					return
				}
				defer nc.Close()
				if secure {
					nc = tls.Server(nc, &tls.Config{Certificates: certs, NextProtos: []string{"h2"}})
				}
				_, _ = io.ReadFull(nc, make([]byte, len(preface)))
				fr := http2.NewFramer(nc, nc)
				_ = fr.WriteSettings(setting(http2.SettingInitialWindowSize, 1<<30))
				_ = fr.WriteWindowUpdate(0, 1<<30)
				<-over // and never reads again
			}()
			d := &Dialer{Timeout: 10 * time.Second}
			if secure {
				d.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // of a test
			}
			conn, err := d.Dial(t.Context(), lis.Addr().String(),
				transport.One(transport.Spec{Method: "/a/b", Timeout: 300 * time.Millisecond}, source{size: 8 << 20}))
			if err != nil {
				t.Fatal(err)
			}
			r := &runner{conn: conn, ends: map[string]int{}}
			const calls = 20
			r.all.Add(calls)
			for i := range calls {
				now := transport.Now()
				if err := conn.Start(&transport.Call{
					Worker: uint16(i), Owner: r, Intended: now,
					Free: now - 1,
				}); err != nil {
					t.Fatal(err)
				}
				conn.Flush()
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(500 * time.Millisecond)
			from := time.Now()
			_ = conn.Close()
			if took := time.Since(from); took > 2*farewell+100*time.Millisecond {
				t.Errorf("Close took %v", took)
			}
			if r.all.Wait(); r.ends["DeadlineExceeded: the deadline passed after 300ms"] != calls {
				t.Errorf("%v, want %d calls past their deadline", r.ends, calls)
			}
		})
	}
}

// Calls that find no connection for want of this machine's descriptors failed locally; those that a server turned away
// did not.
func TestLocalFailures(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}, true},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, false},
	} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, transport.Spec{})
			r.refuse = func(n int) error {
				if n > 1 {
					return tt.err
				}
				return nil
			}
			r.connect()
			running := r.start()
			_ = r.peer(1).nc.Close()
			if r.want(running, "Unavailable"); running.Local {
				t.Error("a connection that the server ended is called a local failure")
			}
			next := r.start()
			if r.want(next, "Unavailable: there is no connection"); next.Local != tt.want {
				t.Errorf("%v: local is %v", tt.err, next.Local)
			}
		})
	}
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{})
		r.src = source{broken: -1}
		if c := r.connect().start(); !c.Local {
			t.Errorf("a message that cannot be made is no local failure: %v %s", c.Code, c.Message)
		}
	})
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingMaxHeaderListSize, 100)).connect()
		if c := r.start(); !c.Local {
			t.Errorf("metadata that cannot be sent are no local failure: %v %s", c.Code, c.Message)
		}
	})
}
