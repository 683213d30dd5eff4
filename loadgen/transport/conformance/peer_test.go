package conformance

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// script answers a call on stream id; attempt is 1, or more where the client tries it again.
type script func(p *peer, id uint32, attempt int)

// scripted is a server that answers calls by a script. The message of a call tells
// whether it is the odd one, which the script answers, or one that is answered well.
type scripted struct {
	addr     string
	bidi     bool // a call is answered at its first message, and not at its end
	script   atomic.Pointer[script]
	attempts atomic.Int64 // at the odd call
	accepted atomic.Int64 // connections
}

// The messages of calls.
const (
	oddCall  = "odd"
	goodCall = "good"
)

func newScripted(t *testing.T, bidi bool) *scripted {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{addr: lis.Addr().String(), bidi: bidi}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			nc, err := lis.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			group.Go(func() { newPeer(s, nc).serve() })
		}
	})
	t.Cleanup(func() { lis.Close(); group.Wait() })
	return s
}

// peer is the server's end of one connection.
type peer struct {
	server *scripted
	nc     net.Conn
	fr     *http2.Framer
	enc    *hpack.Encoder
	hdr    bytes.Buffer
	body   map[uint32][]byte // of calls that are not answered yet
}

func newPeer(s *scripted, nc net.Conn) *peer {
	p := &peer{server: s, nc: nc, fr: http2.NewFramer(nc, nc), body: map[uint32][]byte{}}
	p.fr.AllowIllegalWrites = true
	p.enc = hpack.NewEncoder(&p.hdr)
	p.enc.SetMaxDynamicTableSizeLimit(0) // what a client that wants no table is content with, too
	return p
}

// serve answers until the client closes. A script that hangs up closes one half, so
// that nothing which the client sent meanwhile has the kernel throw away what it did not read yet.
func (p *peer) serve() {
	defer p.nc.Close()
	if _, err := io.CopyN(io.Discard, p.nc, int64(len(http2.ClientPreface))); err != nil {
		return
	}
	_ = p.fr.WriteSettings()
	for {
		f, err := p.fr.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = p.fr.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = p.fr.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			p.body[f.StreamID] = nil
		case *http2.RSTStreamFrame:
			delete(p.body, f.StreamID)
		case *http2.DataFrame:
			p.data(f)
		}
	}
}

// data answers a call once all that it sends, or, on a bidi stream, its first message is in.
func (p *peer) data(f *http2.DataFrame) {
	body, open := p.body[f.StreamID]
	if !open {
		return
	}
	body = append(body, f.Data()...)
	p.body[f.StreamID] = body
	whole := len(body) >= messageHead && len(body) >= messageHead+int(binary.BigEndian.Uint32(body[1:]))
	if !whole || !p.server.bidi && !f.StreamEnded() {
		return
	}
	delete(p.body, f.StreamID)
	if string(body[messageHead:]) != oddCall {
		p.good(f.StreamID)
		return
	}
	(*p.server.script.Load())(p, f.StreamID, int(p.server.attempts.Add(1)))
}

// messageHead is the length of a message's head: a flag, and the message's length.
const messageHead = 5

// message is one in gRPC's framing.
func message(flag byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(body)))) + body
}

// What scripts write; the client may have gone, so errors say nothing.

func (p *peer) raw(kind http2.FrameType, flags http2.Flags, stream uint32, payload string) {
	_ = p.fr.WriteRawFrame(kind, flags, stream, []byte(payload))
}

func (p *peer) rst(stream uint32, code http2.ErrCode) { _ = p.fr.WriteRSTStream(stream, code) }

func (p *peer) goAway(last uint32, code http2.ErrCode) { _ = p.fr.WriteGoAway(last, code, nil) }

func (p *peer) payload(stream uint32, end bool, b string) { _ = p.fr.WriteData(stream, end, []byte(b)) }

// hangUp ends the server's half of the connection.
func (p *peer) hangUp() {
	if tcp, ok := p.nc.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// block encodes fields, a name and its value by turns.
func (p *peer) block(fields ...string) string {
	p.hdr.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return p.hdr.String()
}

// headers sends fields in HEADERS and as many CONTINUATIONs as they take.
func (p *peer) headers(stream uint32, end bool, fields ...string) {
	const most = 16 << 10
	block := p.block(fields...)
	kind, flags := http2.FrameHeaders, http2.Flags(0)
	if end {
		flags = http2.FlagHeadersEndStream
	}
	for len(block) > most {
		p.raw(kind, flags, stream, block[:most])
		kind, flags, block = http2.FrameContinuation, 0, block[most:]
	}
	p.raw(kind, flags|http2.FlagHeadersEndHeaders, stream, block)
}

// begin sends the head of a good answer, end good trailers, and good is a whole one.
func (p *peer) begin(stream uint32, more ...string) {
	p.headers(stream, false, append([]string{":status", "200", "content-type", "application/grpc"}, more...)...)
}

func (p *peer) end(stream uint32, more ...string) {
	p.headers(stream, true, append([]string{"grpc-status", "0"}, more...)...)
}

func (p *peer) good(stream uint32) {
	p.begin(stream)
	p.payload(stream, false, message(0, "yes"))
	p.end(stream)
}
