package conformance

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// scripted is the server's side of one connection, which answers each request by a script.
type scripted struct {
	nc     net.Conn
	fr     *http2.Framer
	enc    *hpack.Encoder
	buf    bytes.Buffer
	stream uint32
}

// serve accepts connections until the test ends and answers every request by the script once it has ended.
func serve(t *testing.T, script func(*scripted)) (addr string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			nc, err := lis.Accept()
			if err != nil {
				return
			}
			go answer(nc, script)
		}
	}()
	t.Cleanup(func() {
		_ = lis.Close()
		<-over
	})
	return lis.Addr().String()
}

func answer(nc net.Conn, script func(*scripted)) {
	defer nc.Close()
	if _, err := io.ReadFull(nc, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	s := &scripted{nc: nc, fr: http2.NewFramer(nc, nc)}
	s.enc = hpack.NewEncoder(&s.buf)
	s.enc.SetMaxDynamicTableSize(0) // which wire announces, and grpc-go takes
	if s.fr.WriteSettings() != nil {
		return
	}
	for {
		f, err := s.fr.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = s.fr.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = s.fr.WritePing(true, f.Data)
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				s.stream = f.StreamID
				script(s)
			}
		}
	}
}

// headers sends a block of fields, name and value by turns, in as many frames as it takes.
func (s *scripted) headers(end bool, fields ...string) {
	s.buf.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		_ = s.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	const most = 16 << 10
	block := s.buf.Bytes()
	first := block[:min(len(block), most)]
	block = block[len(first):]
	_ = s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: s.stream, BlockFragment: first, EndStream: end, EndHeaders: len(block) == 0})
	for len(block) > 0 {
		next := block[:min(len(block), most)]
		block = block[len(next):]
		_ = s.fr.WriteContinuation(s.stream, len(block) == 0, next)
	}
}

// begin sends a good response's head, with more fields.
func (s *scripted) begin(more ...string) {
	s.headers(false, append([]string{":status", "200", "content-type", "application/grpc"}, more...)...)
}

func (s *scripted) data(end bool, b string) {
	for len(b) > 16<<10 {
		_ = s.fr.WriteData(s.stream, false, []byte(b[:16<<10]))
		b = b[16<<10:]
	}
	_ = s.fr.WriteData(s.stream, end, []byte(b))
}

func (s *scripted) trailers(fields ...string) { s.headers(true, fields...) }

// message frames a body as gRPC does.
func message(flag byte, body string) string {
	var head [5]byte
	head[0] = flag
	binary.BigEndian.PutUint32(head[1:], uint32(len(body)))
	return string(head[:]) + body
}

// long is a header's value of about so many bytes, which Huffman coding does not shorten.
func long(n int) string { return strings.Repeat("~", n) }
