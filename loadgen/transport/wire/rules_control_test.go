package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
)

func setting(id http2.SettingID, v uint32) http2.Setting { return http2.Setting{ID: id, Val: v} }

// What a connection begins with, to the letter.
func TestHandshake(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{})
		c, err := r.dialer.Dial(t.Context(), "server:1", transport.One(r.spec, r.src))
		if err != nil {
			t.Fatal(err)
		}
		r.conn = c
		r.heard(
			r.peer(1),
			"SETTINGS [HEADER_TABLE_SIZE = 0] [ENABLE_PUSH = 0] [INITIAL_WINDOW_SIZE = 4194304] "+
				"[MAX_HEADER_LIST_SIZE = 16777216]",
			"WINDOW_UPDATE 0: 16711681",
			"SETTINGS ACK",
		)
		// Every SETTINGS is acknowledged, an acknowledgement is not.
		r.peer(1).settings(setting(http2.SettingMaxConcurrentStreams, 7), setting(0x99, 1))
		r.heard(r.peer(1), "SETTINGS ACK")
		r.peer(1).raw(http2.FrameSettings, http2.FlagSettingsAck, 0, "")
		r.heard(r.peer(1))
		r.peer(1).ping("whatever")
		r.heard(r.peer(1), "PING ACK whatever")
		r.peer(1).raw(http2.FramePing, http2.FlagPingAck, 0, "whatever")
		r.heard(r.peer(1))
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		r.heard(r.peer(1), "GOAWAY 0: NO_ERROR", "EOF")
		r.close()
	})
}

// What keeps Dial from returning a connection.
func TestDialFails(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason string
		greet  func(p *peer)
		want   string
		heard  string
	}{
		{
			name: "PING first", reason: "the first frame is SETTINGS (RFC 9113, section 3.4)",
			greet: func(p *peer) { p.ping("whatever") },
			want:  "PROTOCOL_ERROR: the server's first frame is not SETTINGS", heard: "GOAWAY 0: PROTOCOL_ERROR",
		},
		{
			name: "HTTP/1.1", reason: "a proxy that answers in HTTP/1 is named",
			greet: func(p *peer) { _, _ = p.nc.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")) },
			want:  `it says "HTTP/1.1 400 Bad Request"`,
		},
		{
			name: "end", reason: "the server hung up", greet: func(p *peer) { _ = p.nc.Close() },
			want: "the connection ended before the server's SETTINGS: EOF",
		},
		{
			name: "silence", reason: "Dialer.Timeout bounds it", greet: func(*peer) {},
			want: "no HTTP/2 SETTINGS in time: context deadline exceeded",
		},
		{
			name: "GOAWAY at once", reason: "it takes no calls",
			greet: func(p *peer) { p.settings(); p.goAway(0, http2.ErrCodeEnhanceYourCalm) }, want: "ENHANCE_YOUR_CALM",
		},
		{
			name:   "GOAWAY at once, and no reading",
			reason: "nor where our farewell is not read, and the connection is still there",
			greet: func(p *peer) {
				p.nc.in.set(func(h *half) { h.held, h.limit = true, 1 })
				p.settings()
				p.goAway(0, http2.ErrCodeEnhanceYourCalm)
			}, want: "the server goes away: ENHANCE_YOUR_CALM",
		},
		{
			name: "bad settings", reason: "a setting out of its range",
			greet: func(p *peer) { p.settings(setting(http2.SettingMaxFrameSize, 1)) },
			want:  "HTTP/2 PROTOCOL_ERROR: setting MAX_FRAME_SIZE = 1", heard: "GOAWAY 0: PROTOCOL_ERROR",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{})
				r.mute = true
				r.tune = func(_ int, _ *pipeEnd, p *peer) {
					go func() {
						synctest.Wait() // until our client's hello is out
						tt.greet(p)
					}()
				}
				_, err := r.dialer.Dial(t.Context(), "server:1", transport.One(r.spec, r.src))
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "server:1") {
					t.Errorf("Dial: %v, want %q and the address: %s", err, tt.want, tt.reason)
				}
				if tt.heard != "" {
					r.hears(r.peer(1), tt.heard)
				}
				_ = r.peer(1).nc.Close()
			})
		})
	}
}

// MAX_CONCURRENT_STREAMS: calls wait in their order, and the wait is no lateness of the generator's.
func TestMaxConcurrentStreams(t *testing.T) {
	for _, openLoop := range []bool{false, true} {
		t.Run(fmt.Sprintf("open loop %v", openLoop), func(t *testing.T) {
			bubble(t, func(t *testing.T) { testMaxConcurrentStreams(t, openLoop) })
		})
	}
}

func testMaxConcurrentStreams(t *testing.T, openLoop bool) {
	r := newRig(t, transport.Spec{}, setting(http2.SettingMaxConcurrentStreams, 1)).connect()
	r.openLoop = openLoop
	p := r.peer(1)
	var calls []*transport.Call
	for range 4 {
		calls = append(calls, r.start())
	}
	r.heard(p, "HEADERS 1", "DATA 1: 8 END")
	time.Sleep(time.Second)
	p.answer(1, "yes")
	r.want(calls[0], "OK")
	r.heard(p, "HEADERS 3", "DATA 3: 8 END")
	if got := p.messages(3)[0]; got != "2/0" {
		t.Errorf("the second call to go is %s: want that which was second to start", got)
	}
	if generator := calls[1].Sent - calls[1].Free - calls[1].Held; generator != 0 {
		t.Errorf("%v of the call's wait are the generator's: want none", time.Duration(generator))
	}
	if held := time.Duration(calls[1].Held); openLoop != (held == time.Second) {
		t.Errorf("held for %v: want the second that it waited, in an open loop only", held)
	}
	p.settings(setting(http2.SettingMaxConcurrentStreams, 3))
	r.heard(p, "SETTINGS ACK", "HEADERS 5", "DATA 5: 8 END", "HEADERS 7", "DATA 7: 8 END")

	p.settings(setting(http2.SettingMaxConcurrentStreams, 0)) // those that run go on, no others come
	last := r.start()
	for i, id := range []uint32{7, 5, 3} {
		p.answer(id, "yes")
		r.want(calls[3-i], "OK")
	}
	r.heard(p, "SETTINGS ACK")
	r.want(last, "running")
	p.settings(setting(http2.SettingMaxConcurrentStreams, 1<<31))
	r.heard(p, "SETTINGS ACK", "HEADERS 9", "DATA 9: 8 END")
	p.answer(9, "yes")
	r.want(last, "OK")
}

// A call that starts when there is room again, and others wait for it still, does not overtake them.
func TestNobodyOvertakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingMaxConcurrentStreams, 0)).connect()
		r.start()
		cn, _ := r.conn.(*conn)
		cn.mu.Lock()
		cn.cur.maxStreams = 10 // as a SETTINGS frame does, before its reader has released who waits
		cn.mu.Unlock()
		r.start()
		for i, id := range []uint32{1, 3} {
			if got, want := r.peer(1).messages(id), fmt.Sprintf("%d/0", i+1); len(got) != 1 || got[0] != want {
				t.Errorf("stream %d carries %q, want %q", id, got, want)
			}
		}
	})
}

// A call that waited and never left was late by the server too, whatever ended it.
func TestHeldUntilItsEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(r *rig)
		want string
	}{
		{"deadline", func(*rig) { time.Sleep(2 * time.Second) }, "DeadlineExceeded"},
		{"cut off", func(r *rig) { time.Sleep(time.Second); _ = r.conn.Close() }, "Canceled"},
		{
			"no connection", func(r *rig) { time.Sleep(time.Second); _ = r.peer(1).nc.Close() },
			"Unavailable: there is no connection",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{Timeout: 2 * time.Second}, setting(http2.SettingMaxConcurrentStreams, 0))
				r.openLoop = true
				r.refuse = func(n int) error {
					if n > 1 {
						return errors.New("refused")
					}
					return nil
				}
				r.connect()
				c := r.start()
				tt.end(r)
				r.want(c, tt.want)
				if generator := c.Sent - c.Free - c.Held; generator != 0 {
					t.Errorf("%v of the call's wait are the generator's: want none", time.Duration(generator))
				}
			})
		})
	}
}

// A server that takes less metadata than we have gets none: the call fails by itself.
func TestMaxHeaderListSize(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingMaxHeaderListSize, 100)).connect()
		r.want(r.start(), "Internal: the metadata take")
		r.heard(r.peer(1))
		r.peer(1).settings(setting(http2.SettingMaxHeaderListSize, 1000))
		r.heard(r.peer(1), "SETTINGS ACK")
		r.start()
		r.heard(r.peer(1), "HEADERS 1", "DATA 1: 8 END")
	})
}

// GOAWAY: what the server will not look at goes to a new connection, what it looks at ends on the old.
func TestGoAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		a, b, c := r.start(), r.start(), r.start()
		old := r.peer(1)
		old.take()
		old.goAway(3, http2.ErrCodeNo)
		synctest.Wait()
		fresh := r.peer(2)
		r.hears(fresh, "HEADERS 1")
		if got := fresh.messages(1); len(got) != 1 || got[0] != "3/0" {
			t.Errorf("the new connection carries %q: want the call 3, which the old one's server will not look at", got)
		}
		d := r.start()
		r.heard(fresh, "HEADERS 3", "DATA 3: 8 END")
		old.answer(1, "yes")
		r.want(a, "OK")
		r.want(b, "running")
		r.heard(old)
		old.goAway(1, http2.ErrCodeNo) // the second is lower: not this one either
		r.heard(fresh, "HEADERS 5", "DATA 5: 8 END")
		r.heard(old, "GOAWAY 0: NO_ERROR", "EOF")
		for _, id := range []uint32{1, 3, 5} {
			fresh.answer(id, "yes")
		}
		for _, call := range []*transport.Call{b, c, d} {
			r.want(call, "OK")
		}
		if r.dials != 2 {
			t.Errorf("%d connections were opened, want 2", r.dials)
		}
	})
}

// A call that was turned down twice is over, and one that was retried is not sent before it was free.
func TestRefused(t *testing.T) {
	refuse := map[string]func(p *peer, id uint32){
		"RST_STREAM": func(p *peer, id uint32) { p.rst(id, http2.ErrCodeRefusedStream) },
		"GOAWAY":     func(p *peer, id uint32) { p.goAway(id-1, http2.ErrCodeEnhanceYourCalm) },
	}
	for first, refuse1 := range refuse {
		for second, refuse2 := range refuse {
			t.Run(first+" and "+second, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					r := newRig(t, transport.Spec{}).connect()
					c := r.start()
					time.Sleep(time.Second)
					refuse1(r.peer(1), 1)
					r.want(c, "running")
					n, id := 1, uint32(3)
					if first == "GOAWAY" {
						n, id = 2, 1
					}
					if got := r.peer(n).messages(id); len(got) != 1 {
						t.Errorf("the call was sent again as %q", got)
					}
					if c.Free > c.Sent && c.Sent != 0 {
						t.Errorf("the retried call was free %v after it was sent: what the generator took is negative",
							time.Duration(c.Free-c.Sent))
					}
					refuse2(r.peer(n), id)
					r.want(c, "Unavailable: the server ")
					// The worker's next call has both of its chances again.
					r.restart(c)
					last := len(r.peers)
					id = 1
					for r.peer(last).field(id, ":path") != "" && len(r.peer(last).messages(id+2)) > 0 {
						id += 2
					}
					r.peer(last).rst(id, http2.ErrCodeRefusedStream)
					r.want(c, "running")
					r.peer(last).answer(id+2, "yes")
					if r.want(c, "OK"); c.MessagesSent != 1 || c.MessagesReceived != 1 || c.BytesReceived != 3 ||
						c.BytesSent != 3 {
						t.Errorf("%d messages of %d bytes sent, %d of %d received: want only the last attempt's",
							c.MessagesSent, c.BytesSent, c.MessagesReceived, c.BytesReceived)
					}
				})
			})
		}
	}
}

// The ids of a connection are used up after two calls here: others follow on a new one, and none is lost.
func TestStreamIDsRunOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{})
		r.dialer.firstID, r.dialer.lastID = 1<<31-3, 1<<31-1
		r.connect()
		var calls []*transport.Call
		for range 5 {
			calls = append(calls, r.call())
			if err := r.begin(calls[len(calls)-1]); err != nil {
				t.Fatal(err)
			}
		}
		r.conn.Flush()
		synctest.Wait()
		for n, ids := range [][]uint32{{1<<31 - 3, 1<<31 - 1}, {1<<31 - 3, 1<<31 - 1}, {1<<31 - 3}} {
			p := r.peer(n + 1)
			for i, id := range ids {
				if got, want := p.messages(id), fmt.Sprintf("%d/0", 2*n+i+1); len(got) != 1 || got[0] != want {
					t.Errorf("stream %d of connection %d carries %q, want %q", id, n+1, got, want)
				}
				p.answer(id, "yes")
			}
			synctest.Wait()
		}
		for _, c := range calls {
			r.want(c, "OK")
		}
		for n, gone := range []bool{true, true, false} {
			if r.peer(n+1).gone != gone {
				t.Errorf("connection %d is closed: %v, want %v", n+1, !gone, gone)
			}
		}
	})
}

// A server that orders answers and reads none is not served for ever: the
// connection ends, and what waits for it is bounded.
func TestFloods(t *testing.T) {
	for name, frame := range map[string]func(p *peer){
		"PING":     func(p *peer) { p.ping("whatever") },
		"SETTINGS": func(p *peer) { p.settings() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{})
				r.tune = func(n int, client *pipeEnd, p *peer) {
					if n == 1 {
						client.out.limit, p.nc.in.held = 100, true
					}
				}
				r.connect()
				p, c := r.peer(1), r.start()
				for i := range 2_000_000 {
					frame(p)
					if i%100 == 0 {
						synctest.Wait()
						if r.outcome(c) != "running" {
							break
						}
					}
				}
				r.want(c, "Unavailable: the connection ended: HTTP/2 ENHANCE_YOUR_CALM")
				cn, _ := r.conn.(*conn)
				if len(cn.sessions) != 1 || cn.cur == nil {
					t.Errorf("%d sessions: want a new one in place of the flooded", len(cn.sessions))
				}
			})
		})
	}
}

// A PING amid a large request is no flood: what waits to be written is ours.
func TestPingWhileMuchIsToBeSent(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		size         int
		calls        int
		frame        uint32
	}{
		{
			"one large frame", "a server may allow frames of 16 MiB, and pings a client whose messages are large",
			3 << 20, 2, 1<<24 - 1,
		},
		{"many small calls", "calls that start together wait in memory together", 100, 8000, 16 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{}, setting(http2.SettingMaxFrameSize, tt.frame),
					setting(http2.SettingInitialWindowSize, 1<<30))
				r.src = source{size: tt.size}
				r.tune = func(_ int, client *pipeEnd, _ *peer) { client.out.limit = 1 << 10 }
				r.connect()
				p := r.peer(1)
				p.window(0, 1<<30)
				p.nc.in.set(func(h *half) { h.held = true })
				first := r.start()
				for range tt.calls {
					r.start()
				}
				p.ping("whatever")
				r.want(first, "running")
				p.nc.in.set(func(h *half) { h.held = false })
				r.hears(p, "PING ACK whatever")
				if len(r.peers) > 1 {
					t.Errorf("the connection was given up: %s", tt.reason)
				}
			})
		})
	}
}
