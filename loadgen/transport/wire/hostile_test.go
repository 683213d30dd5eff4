package wire

import (
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
)

// Each breach of HTTP/2's rules ends the connection with the error that RFC 9113 names; its calls fail and
// are told why, and the next go over a new connection. Each is tried byte by byte too.
func TestBreaches(t *testing.T) {
	frame := func(kind http2.FrameType, flags http2.Flags, stream uint32, payload string) func(p *peer) {
		return func(p *peer) { p.raw(kind, flags, stream, payload) }
	}
	const protocol, size, flow, calm, compression = "PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "FLOW_CONTROL_ERROR",
		"ENHANCE_YOUR_CALM", "COMPRESSION_ERROR"
	endHeaders := http2.FlagHeadersEndHeaders
	for _, tt := range []struct {
		name   string
		reason string // what of RFC 9113 it breaks
		send   func(p *peer)
		want   string
	}{
		{
			"oversized frame", "4.2: larger than our SETTINGS_MAX_FRAME_SIZE",
			frame(http2.FrameData, 0, 1, strings.Repeat("a", maxFrame+1)), size,
		},
		{"oversized unknown frame", "4.2: of whatever kind", frame(0x99, 0, 1, strings.Repeat("a", maxFrame+1)), size},
		{"DATA on stream 0", "6.1", frame(http2.FrameData, 0, 0, "a"), protocol},
		{"DATA on an even stream", "5.1.1: we accept no pushes", frame(http2.FrameData, 0, 2, "a"), protocol},
		{"DATA on an idle stream", "5.1", frame(http2.FrameData, 0, 5, "a"), protocol},
		{
			"DATA with bad padding", "6.1: padding as long as the payload",
			frame(http2.FrameData, http2.FlagDataPadded, 1, "\x03ab"), protocol,
		},
		{"DATA without its padding's length", "6.1", frame(http2.FrameData, http2.FlagDataPadded, 1, ""), protocol},
		{"HEADERS on stream 0", "6.2", frame(http2.FrameHeaders, endHeaders, 0, "\x88"), protocol},
		{"HEADERS on an even stream", "5.1.1", frame(http2.FrameHeaders, endHeaders, 4, "\x88"), protocol},
		{"HEADERS on an idle stream", "5.1", frame(http2.FrameHeaders, endHeaders, 3, "\x88"), protocol},
		{
			"HEADERS with bad padding", "6.2",
			frame(http2.FrameHeaders, endHeaders|http2.FlagHeadersPadded, 1, "\x02\x88"), protocol,
		},
		{
			"HEADERS without its priority", "6.2",
			frame(http2.FrameHeaders, endHeaders|http2.FlagHeadersPriority, 1, "\x00\x00\x00\x00"), size,
		},
		{
			"CONTINUATION first", "6.10", frame(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, "\x88"),
			protocol,
		},
		{"CONTINUATION after the end", "6.10", func(p *peer) {
			p.begin(1)
			p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, "\x88")
		}, protocol},
		{"CONTINUATION of another stream", "6.10", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 3, "")
		}, protocol},
		{"PING within a block", "4.3: a block is contiguous", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			p.ping("whatever")
		}, protocol},
		{"unknown frame within a block", "4.3", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			p.raw(0x99, 0, 1, "")
		}, protocol},
		{"HEADERS within a block", "4.3", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			p.raw(http2.FrameHeaders, endHeaders, 1, "\x88")
		}, protocol},
		{"endless block of nothing", "10.5: empty CONTINUATIONs", func(p *peer) {
			p.raw(http2.FrameHeaders, 0, 1, "\x88")
			p.raw(http2.FrameContinuation, 0, 1, "")
		}, calm},
		{"PRIORITY on stream 0", "6.3", frame(http2.FramePriority, 0, 0, "\x00\x00\x00\x00\x00"), protocol},
		{
			"short PRIORITY", "6.3: here a connection error, where a stream's would do",
			frame(http2.FramePriority, 0, 1, "\x00"), size,
		},
		{"RST_STREAM on stream 0", "6.4", frame(http2.FrameRSTStream, 0, 0, "\x00\x00\x00\x00"), protocol},
		{"RST_STREAM on an idle stream", "6.4", frame(http2.FrameRSTStream, 0, 3, "\x00\x00\x00\x00"), protocol},
		{"short RST_STREAM", "6.4", frame(http2.FrameRSTStream, 0, 1, "\x00\x00\x00"), size},
		{"long RST_STREAM", "6.4", frame(http2.FrameRSTStream, 0, 1, "\x00\x00\x00\x00\x00"), size},
		{"SETTINGS on a stream", "6.5", frame(http2.FrameSettings, 0, 1, ""), protocol},
		{
			"SETTINGS ACK with a payload", "6.5",
			frame(http2.FrameSettings, http2.FlagSettingsAck, 0, "\x00\x00\x00\x00\x00\x00"), size,
		},
		{"cut SETTINGS", "6.5", frame(http2.FrameSettings, 0, 0, "\x00\x03\x00\x00\x00"), size},
		{"ENABLE_PUSH = 2", "6.5.2", func(p *peer) { p.settings(setting(http2.SettingEnablePush, 2)) }, protocol},
		{
			"ENABLE_PUSH = 1", "6.5.2: not from a server",
			func(p *peer) { p.settings(setting(http2.SettingEnablePush, 1)) }, protocol,
		},
		{
			"INITIAL_WINDOW_SIZE = 2^31", "6.5.2",
			func(p *peer) { p.settings(setting(http2.SettingInitialWindowSize, 1<<31)) }, flow,
		},
		{
			"MAX_FRAME_SIZE = 16383", "6.5.2", func(p *peer) { p.settings(setting(http2.SettingMaxFrameSize, 16383)) },
			protocol,
		},
		{
			"MAX_FRAME_SIZE = 2^24", "6.5.2", func(p *peer) { p.settings(setting(http2.SettingMaxFrameSize, 1<<24)) },
			protocol,
		},
		{
			"PUSH_PROMISE", "8.4: our settings forbid it",
			frame(http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, 1, "\x00\x00\x00\x02\x82"), protocol,
		},
		{"PING on a stream", "6.7", frame(http2.FramePing, 0, 1, "whatever"), protocol},
		{"short PING", "6.7", frame(http2.FramePing, 0, 0, "what"), size},
		{"long PING ACK", "6.7", frame(http2.FramePing, http2.FlagPingAck, 0, "whatever!"), size},
		{"GOAWAY on a stream", "6.8", frame(http2.FrameGoAway, 0, 1, "\x00\x00\x00\x00\x00\x00\x00\x00"), protocol},
		{"short GOAWAY", "6.8", frame(http2.FrameGoAway, 0, 0, "\x00\x00\x00\x00"), size},
		{"WINDOW_UPDATE of 0", "6.9", func(p *peer) { p.window(0, 0) }, protocol},
		{"WINDOW_UPDATE on an idle stream", "5.1", func(p *peer) { p.window(3, 1) }, protocol},
		{"short WINDOW_UPDATE", "6.9", frame(http2.FrameWindowUpdate, 0, 0, "\x01"), size},
		{"connection's window past its most", "6.9.1", func(p *peer) { p.window(0, 1<<31-1) }, flow},
		{"stream's window past its most by SETTINGS", "6.9.2", func(p *peer) {
			p.window(1, 1<<31-1-65535)
			p.settings(setting(http2.SettingInitialWindowSize, 1<<20))
		}, flow},
		{"indexed field 0", "RFC 7541, 6.1", frame(http2.FrameHeaders, endHeaders, 1, "\x80"), compression},
		{
			"dynamic table", "RFC 7541, 2.3.3: we allow none", frame(http2.FrameHeaders, endHeaders, 1, "\xbe"),
			compression,
		},
		{
			"dynamic table of 1 byte", "RFC 7541, 6.3: larger than we allow",
			frame(http2.FrameHeaders, endHeaders, 1, "\x21\x88"), compression,
		},
		{
			"table size behind a field", "RFC 7541, 4.2", frame(http2.FrameHeaders, endHeaders, 1, "\x88\x20"),
			compression,
		},
		{"cut field", "RFC 7541, 5.2", frame(http2.FrameHeaders, endHeaders, 1, "\x00\x05ab"), compression},
		{
			"endless integer", "RFC 7541, 5.1",
			frame(http2.FrameHeaders, endHeaders, 1, "\x7f\xff\xff\xff\xff\xff\xff\xff"), compression,
		},
		{
			"garbage", "neither frames nor HTTP/1",
			func(p *peer) { _, _ = p.nc.Write([]byte(strings.Repeat("garbage!", 4))) }, size,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, chunk := range []int{0, 1} {
				if chunk > 0 && strings.HasPrefix(tt.name, "endless") {
					continue // long
				}
				bubble(t, func(t *testing.T) {
					r := newRig(t, transport.Spec{})
					r.tune = func(_ int, client *pipeEnd, _ *peer) { client.in.chunk = chunk }
					r.connect()
					p, c := r.peer(1), r.start()
					tt.send(p)
					r.want(c, "Unavailable: the connection ended: HTTP/2 "+tt.want)
					heard := p.take()
					if n := len(heard); n < 2 || heard[n-1] != "EOF" || heard[n-2] != "GOAWAY 0: "+tt.want {
						t.Errorf("the server read %q: want GOAWAY %s at its end", heard, tt.want)
					}
					r.restart(c)
					r.peer(2).answer(1, "yes")
					if r.want(c, "OK"); t.Failed() {
						t.Logf("%d bytes a read; RFC 9113, %s", chunk, tt.reason)
					}
				})
			}
		})
	}
}

// Breaches on one stream end that stream: the others go on.
func TestStreamBreaches(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason string
		send   func(p *peer)
		want   string
	}{
		{"WINDOW_UPDATE of 0", "6.9", func(p *peer) { p.window(1, 0) }, "PROTOCOL_ERROR"},
		{"window past its most", "6.9.1", func(p *peer) { p.window(1, 1<<31-1) }, "FLOW_CONTROL_ERROR"},
		{"DATA first", "8.1", func(p *peer) { p.message(1, "yes") }, "PROTOCOL_ERROR"},
		{"two heads", "8.1", func(p *peer) { p.begin(1); p.begin(1) }, "PROTOCOL_ERROR"},
		{"no :status", "8.3.2", func(p *peer) { p.headers(1, true, "grpc-status", "0") }, "PROTOCOL_ERROR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{}).connect()
				p, a, b := r.peer(1), r.start(), r.start()
				p.take()
				tt.send(p)
				r.want(a, "Internal: HTTP/2 "+tt.want)
				r.heard(p, "RST_STREAM 1: "+tt.want)
				p.answer(3, "yes")
				if r.want(b, "OK"); t.Failed() {
					t.Logf("RFC 9113, %s", tt.reason)
				}
			})
		})
	}
}

// The header block of a stream that is over is read all the same: it may break the connection.
func TestBlockOfClosedStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		p, a, b := r.peer(1), r.start(), r.start()
		p.rst(1, http2.ErrCodeInternal)
		r.want(a, "Internal")
		p.begin(1)
		r.want(b, "running")
		p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, "\x80")
		r.want(b, "Unavailable: the connection ended: HTTP/2 COMPRESSION_ERROR")
	})
}

// A server that breaks a rule and does not read cannot be told: the connection ends all the same, at once.
func TestBreachOfServerThatDoesNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{})
		r.tune = func(n int, client *pipeEnd, _ *peer) {
			if n == 1 {
				client.out.limit = 100
			}
		}
		r.connect()
		p := r.peer(1)
		p.nc.in.set(func(h *half) { h.held = true })
		c := r.start()
		p.window(0, 0)
		r.want(c, "Unavailable: the connection ended: HTTP/2 PROTOCOL_ERROR")
		r.restart(c)
		r.peer(2).answer(1, "yes")
		r.want(c, "OK")
	})
}

// A header block may be as long as grpc-go takes it. What is longer fails its own stream, and only one without an end
// the connection: servers that do not know our limit are common.
func TestLongHeaderBlocks(t *testing.T) {
	// send writes a block of about so many bytes, of fields that each are a frame long.
	send := func(p *peer, size int, end bool) {
		head := p.block(":status", "200", "content-type", "application/grpc")
		field := p.block("x", strings.Repeat("a", maxFrame-100))
		p.raw(http2.FrameHeaders, 0, 1, head)
		for n := len(head); n < size; n += len(field) {
			p.raw(http2.FrameContinuation, 0, 1, field)
		}
		if end {
			p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, "")
		}
	}
	for _, tt := range []struct {
		reason string
		size   int
		want   string
	}{
		{"200 KiB", 200 << 10, "OK"},
		{"1 MiB", 1 << 20, "OK"},
		{
			"more than the limit", maxHeaderList + maxFrame,
			"Internal: the server's header block is longer than 16777216 bytes",
		},
	} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, transport.Spec{}).connect()
			c := r.start()
			send(r.peer(1), tt.size, true)
			if tt.want == "OK" {
				r.peer(1).message(1, "yes")
				r.peer(1).end(1)
			}
			r.want(c, tt.want)
			next := r.start()
			r.peer(1).answer(3, "yes")
			if r.want(next, "OK"); t.Failed() || len(r.peers) != 1 {
				t.Errorf("%s, over %d connections", tt.reason, len(r.peers))
			}
		})
	}
}
