package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
)

// What fits no window is cut to it, to the byte, and goes on as the server lets it.
func TestTinyWindows(t *testing.T) {
	for _, window := range []uint32{1, 7} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{}, setting(http2.SettingInitialWindowSize, window))
				r.src = source{size: 20}
				r.connect()
				p, c := r.peer(1), r.start()
				r.heard(p, "HEADERS 1", fmt.Sprintf("DATA 1: %d", window))
				for sent := window; sent < 25; sent += window {
					p.window(1, window)
					end := ""
					if sent+window >= 25 {
						end = " END"
					}
					r.heard(p, fmt.Sprintf("DATA 1: %d%s", min(window, 25-sent), end))
				}
				if got := p.messages(1); len(got) != 1 || got[0] != strings.Repeat("x", 20) {
					t.Errorf("the message came as %q", got)
				}
				p.answer(1, "yes")
				r.want(c, "OK")
			})
		})
	}
}

// A window of 0 lets the head go, and its end lets the message go whole.
func TestWindowOfZero(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingInitialWindowSize, 0)).connect()
		p := r.peer(1)
		r.start()
		r.heard(p, "HEADERS 1")
		p.window(1, 100)
		r.heard(p, "DATA 1: 8 END")
	})
}

// Frames are no longer than the server takes, and as long once it takes more.
func TestFrameSizes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingInitialWindowSize, 1<<20))
		r.src = source{size: 40_000 - messageHead}
		r.connect()
		p := r.peer(1)
		p.window(0, 1<<20)
		r.start()
		r.heard(p, "HEADERS 1", "DATA 1: 16384", "DATA 1: 16384", "DATA 1: 7232 END")
		p.settings(setting(http2.SettingMaxFrameSize, 20_000))
		r.heard(p, "SETTINGS ACK")
		r.start()
		r.heard(p, "HEADERS 3", "DATA 3: 20000", "DATA 3: 20000 END")
		p.settings(setting(http2.SettingMaxFrameSize, 1<<24-1))
		r.heard(p, "SETTINGS ACK")
		r.start()
		r.heard(p, "HEADERS 5", "DATA 5: 40000 END")
	})
}

// The connection's window is shared: once it is spent, streams that have one of their own wait for it.
func TestConnectionWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingInitialWindowSize, 1<<20),
			setting(http2.SettingMaxFrameSize, 1<<20))
		r.src = source{size: 40_000 - messageHead}
		r.connect()
		p := r.peer(1)
		a, b := r.start(), r.start()
		r.heard(p, "HEADERS 1", "DATA 1: 40000 END", "HEADERS 3", "DATA 3: 25535")
		c := r.start()
		r.heard(p, "HEADERS 5")
		p.window(3, 1000) // no help
		r.heard(p)
		p.window(0, 1)
		r.heard(p, "DATA 3: 1")
		p.window(0, 100_000)
		r.heard(p, "DATA 3: 14464 END", "DATA 5: 40000 END")
		for i, call := range []*transport.Call{a, b, c} {
			p.answer(uint32(2*i+1), "yes")
			r.want(call, "OK")
		}
	})
}

// The other way round: the connection has room, a stream has none, and others pass it.
func TestStreamWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingInitialWindowSize, 10))
		r.src = source{size: 15}
		r.connect()
		p := r.peer(1)
		r.start()
		r.heard(p, "HEADERS 1", "DATA 1: 10")
		p.window(0, 1000) // no help
		r.start()
		r.heard(p, "HEADERS 3", "DATA 3: 10")
		p.window(3, 10)
		r.heard(p, "DATA 3: 10 END")
		p.window(1, 3)
		r.heard(p, "DATA 1: 3")
		p.window(1, 7)
		r.heard(p, "DATA 1: 7 END")
	})
}

// INITIAL_WINDOW_SIZE changes the windows of open streams by its difference, below zero too (RFC 9113, section 6.9.2).
func TestInitialWindowChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingInitialWindowSize, 10))
		r.src = source{size: 45}
		r.connect()
		p := r.peer(1)
		r.start()
		r.heard(p, "HEADERS 1", "DATA 1: 10")
		p.settings(setting(http2.SettingInitialWindowSize, 4)) // -6
		r.heard(p, "SETTINGS ACK")
		p.window(1, 6) // 0
		r.heard(p)
		p.window(1, 5)
		r.heard(p, "DATA 1: 5")
		p.settings(setting(http2.SettingInitialWindowSize, 0)) // -4
		p.settings(setting(http2.SettingInitialWindowSize, 7)) // 3
		r.heard(p, "SETTINGS ACK", "SETTINGS ACK", "DATA 1: 3")
		r.start()
		r.heard(p, "HEADERS 3", "DATA 3: 7")
		p.settings(setting(http2.SettingInitialWindowSize, 1000))
		r.hears(p, "DATA 1: 32 END")
	})
}

// Our WINDOW_UPDATEs keep a long answer going: the server never sends past what we gave it, and never waits.
func TestLongServerStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.ServerStream}).connect()
		p, c := r.peer(1), r.start()
		p.begin(1)
		stream, conn := streamWindow, connWindow
		body := strings.Repeat("y", maxFrame-messageHead)
		const messages = 3000 // 48 MiB
		for i := range messages {
			stream -= maxFrame
			if stream < 0 {
				t.Fatalf("after %d messages the stream's window is spent", i)
			}
			conn -= maxFrame
			if conn < 0 {
				t.Fatalf("after %d messages the connection's window is spent", i)
			}
			p.message(1, body)
			if i%16 == 0 {
				synctest.Wait()
			}
			for _, line := range p.take() {
				var id, n int
				if _, err := fmt.Sscanf(line, "WINDOW_UPDATE %d: %d", &id, &n); err == nil && id == 0 {
					conn += n
				} else if err == nil {
					stream += n
				}
			}
			if stream > streamWindow || conn > connWindow {
				t.Fatalf("we gave the server %d and %d: more than we said we would", stream, conn)
			}
		}
		p.end(1)
		if r.want(c, "OK"); c.MessagesReceived != messages || c.BytesReceived != int64(messages*len(body)) {
			t.Errorf("%d messages of %d bytes came", c.MessagesReceived, c.BytesReceived)
		}
	})
}

// Answers that nobody waits for any more are given back to the connection's window all the same, and padding counts.
func TestLateDataCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		p, c := r.peer(1), r.start()
		p.rst(1, http2.ErrCodeInternal)
		r.want(c, "Internal")
		p.take()
		padded := "\xff" + strings.Repeat("\x00", maxFrame-1)
		for range connWindow/2/maxFrame + 1 {
			p.raw(http2.FrameData, http2.FlagDataPadded, 1, padded)
		}
		r.heard(p, fmt.Sprintf("WINDOW_UPDATE 0: %d", connWindow/2+maxFrame))
	})
}

// A server that sends past a stream's window breaks a rule: that stream ends, the others go on. The window is
// given back as messages are taken, so only a message that is longer than it, and in no hurry, can break it.
func TestServerExceedsStreamWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.ServerStream})
		r.connect()
		p, c := r.peer(1), r.start()
		cn, _ := r.conn.(*conn)
		p.begin(1)
		synctest.Wait()
		cn.mu.Lock()
		cn.sessions[0].streams.get(1).credit = 10 // as if we had not given back
		cn.mu.Unlock()
		p.take()
		// 11 bytes: padding counts
		p.raw(http2.FrameData, http2.FlagDataPadded, 1, "\x05"+message("")+"\x00\x00\x00\x00\x00")
		r.want(c, "Internal: HTTP/2 FLOW_CONTROL_ERROR: DATA past the stream's window")
		r.heard(p, "RST_STREAM 1: FLOW_CONTROL_ERROR")
	})
}

// While much waits to be written, streams make no more messages: memory is bounded by us, not by the server's windows.
func TestOutIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.ClientStream}, setting(http2.SettingInitialWindowSize, 1<<30))
		r.src = source{size: 10_000}
		r.tune = func(_ int, client *pipeEnd, _ *peer) { client.out.limit = 1000 }
		r.connect()
		p := r.peer(1)
		p.window(0, 1<<30)
		synctest.Wait()
		p.nc.in.set(func(h *half) { h.held = true })
		c := r.start()
		cn, _ := r.conn.(*conn)
		for range 10 {
			p.window(1, 1)
			synctest.Wait()
			cn.mu.Lock()
			if n := cn.cur.outSize() + sizeOf(cn.cur.pending); n > 2*(outLimit+20_000) {
				t.Errorf("%d bytes wait to be written", n)
			}
			cn.mu.Unlock()
		}
		if c.MessagesSent > 100 {
			t.Errorf("%d messages were made for a server that reads none", c.MessagesSent)
		}
	})
}

// A message that cannot be made ends its call, also where the writer is who asks for it.
func TestBrokenSourceBehindTheWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.ClientStream, Send: 10},
			setting(http2.SettingInitialWindowSize, 1<<30), setting(http2.SettingMaxConcurrentStreams, 1))
		r.src = source{size: 100_000, broken: 4}
		r.tune = func(_ int, client *pipeEnd, _ *peer) { client.out.limit = 1000 }
		r.connect()
		p := r.peer(1)
		p.window(0, 1<<30)
		p.nc.in.set(func(h *half) { h.held = true })
		c, waiting := r.start(), r.start()
		r.want(c, "running")
		p.nc.in.set(func(h *half) { h.held = false })
		r.want(c, "Internal: make message 4: out of words")
		r.hears(p, "RST_STREAM 1: CANCEL")
		if p.field(3, ":path") == "" {
			t.Error("the call that waited for its stream still does")
		}
		r.want(waiting, "Internal: make message 4: out of words")
	})
}

// A stream that waited for a window when its connection was lost waits for the next one's like any other.
func TestWaitForWindowOutlivesConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingInitialWindowSize, 1<<20))
		r.src = source{size: 70_000} // more than the connection's window
		r.connect()
		c := r.start()
		_ = r.peer(1).nc.Close()
		r.want(c, "Unavailable")
		r.restart(c)
		p := r.peer(2)
		p.window(0, 1<<20)
		p.window(1, 1<<20)
		if synctest.Wait(); len(p.messages(1)) != 1 {
			t.Errorf("the server read %q: the message is not sent, though all windows are open", p.take())
		}
		p.answer(1, "yes")
		r.want(c, "OK")
	})
}

// Calls that fail as they are made do not keep a connection from writing, nor pile up what it has to write.
func TestFailuresInARowAreWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{})
		r.src = source{broken: -1}
		r.connect()
		const rounds = 20_000
		n, most := 0, 0
		cn, _ := r.conn.(*conn)
		r.again = func(c *transport.Call) {
			cn.mu.Lock()
			most = max(most, len(cn.sessions[0].out))
			cn.mu.Unlock()
			n++
			if n < rounds {
				if err := r.begin(c); err != nil && !errors.Is(err, transport.ErrClosed) {
					t.Error(err)
				}
			}
		}
		c := r.start()
		if r.want(c, "Internal: make message 0"); n != rounds {
			t.Errorf("%d calls ended, want %d", n, rounds)
		}
		if most > 2*outLimit {
			t.Errorf("%d bytes waited to be written, and nobody wrote them", most)
		}
	})
}
