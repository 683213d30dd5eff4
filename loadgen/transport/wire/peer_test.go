package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a server that does what a test tells it, frame by frame, and notes
// what it reads.
type peer struct {
	t   testing.TB
	nc  *pipeEnd
	fr  *http2.Framer
	enc *hpack.Encoder
	hdr bytes.Buffer

	mu   sync.Mutex
	log  []string                       // what was read since take
	body map[uint32][]byte              // of DATA frames, by stream
	head map[uint32][]hpack.HeaderField // of requests
	data int                            // bytes of DATA read
	gone bool                           // the client closed
}

func newPeer(t testing.TB, nc *pipeEnd) *peer {
	p := &peer{
		t: t, nc: nc, fr: http2.NewFramer(nc, nc), body: map[uint32][]byte{},
		head: map[uint32][]hpack.HeaderField{},
	}
	p.fr.AllowIllegalWrites = true
	p.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.enc = newEncoder(p)
	return p
}

// read notes all that comes until the connection's end.
func (p *peer) read() {
	hello := make([]byte, len(preface))
	if _, err := io.ReadFull(p.nc, hello); err != nil || string(hello) != preface {
		p.note(fmt.Sprintf("preface %q, %v", hello, err))
	}
	for {
		f, err := p.fr.ReadFrame()
		p.mu.Lock()
		if err != nil {
			p.log, p.gone = append(p.log, err.Error()), true
			p.mu.Unlock()
			return
		}
		p.log = append(p.log, p.describe(f))
		p.mu.Unlock()
	}
}

func (p *peer) note(what string) {
	p.mu.Lock()
	p.log = append(p.log, what)
	p.mu.Unlock()
}

// describe is a frame in words, for tests to compare.
func (p *peer) describe(f http2.Frame) string {
	id, end := f.Header().StreamID, ""
	switch f := f.(type) {
	case *http2.DataFrame:
		p.body[id] = append(p.body[id], f.Data()...)
		p.data += len(f.Data())
		if f.StreamEnded() {
			end = " END"
		}
		return fmt.Sprintf("DATA %d: %d%s", id, len(f.Data()), end)
	case *http2.MetaHeadersFrame:
		p.head[id] = slices.Clone(f.Fields)
		return fmt.Sprintf("HEADERS %d", id)
	case *http2.RSTStreamFrame:
		return fmt.Sprintf("RST_STREAM %d: %v", id, f.ErrCode)
	case *http2.SettingsFrame:
		if f.IsAck() {
			return "SETTINGS ACK"
		}
		var all []string
		_ = f.ForeachSetting(func(s http2.Setting) error { all = append(all, s.String()); return nil })
		return "SETTINGS " + strings.Join(all, " ")
	case *http2.PingFrame:
		if f.IsAck() {
			end = " ACK"
		}
		return fmt.Sprintf("PING%s %s", end, f.Data[:])
	case *http2.GoAwayFrame:
		return fmt.Sprintf("GOAWAY %d: %v", f.LastStreamID, f.ErrCode)
	case *http2.WindowUpdateFrame:
		return fmt.Sprintf("WINDOW_UPDATE %d: %d", id, f.Increment)
	}
	return fmt.Sprintf("%v", f)
}

// take returns what was read since the last take.
func (p *peer) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	log := p.log
	p.log = nil
	return log
}

// field is the value of a request's header.
func (p *peer) field(stream uint32, name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.head[stream] {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// messages are the bodies of the messages that a stream brought whole.
func (p *peer) messages(stream uint32) (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := p.body[stream]; len(b) >= messageHead; {
		n := messageHead + int(binary.BigEndian.Uint32(b[1:]))
		if len(b) < n {
			break
		}
		all, b = append(all, string(b[messageHead:n])), b[n:]
	}
	return all
}

// What the peer writes; the client may have gone, so errors say nothing.

func (p *peer) raw(kind http2.FrameType, flags http2.Flags, stream uint32, payload string) {
	_ = p.fr.WriteRawFrame(kind, flags, stream, []byte(payload))
}
func (p *peer) settings(all ...http2.Setting)          { _ = p.fr.WriteSettings(all...) }
func (p *peer) window(stream, n uint32)                { _ = p.fr.WriteWindowUpdate(stream, n) }
func (p *peer) rst(stream uint32, code http2.ErrCode)  { _ = p.fr.WriteRSTStream(stream, code) }
func (p *peer) goAway(last uint32, code http2.ErrCode) { _ = p.fr.WriteGoAway(last, code, nil) }
func (p *peer) ping(data string)                       { _ = p.fr.WritePing(false, [8]byte([]byte(data))) }

func (p *peer) dataFrame(stream uint32, end bool, b string) {
	_ = p.fr.WriteData(stream, end, []byte(b))
}

// block encodes fields, a name and its value by turns.
func (p *peer) block(fields ...string) string {
	p.hdr.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return p.hdr.String()
}

func (p *peer) headers(stream uint32, end bool, fields ...string) {
	_ = p.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: []byte(p.block(fields...)), EndStream: end, EndHeaders: true,
	})
}

// begun is what a good answer begins with.
var begun = []string{":status", "200", "content-type", "application/grpc"}

func (p *peer) begin(stream uint32) { p.headers(stream, false, begun...) }

// message is one in gRPC's framing.
func message(body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body)))) + body
}

func (p *peer) message(stream uint32, body string) { p.dataFrame(stream, false, message(body)) }

// end sends good trailers, with more fields.
func (p *peer) end(stream uint32, more ...string) {
	p.headers(stream, true, append([]string{"grpc-status", "0"}, more...)...)
}

// answer is a whole good answer.
func (p *peer) answer(stream uint32, bodies ...string) {
	p.begin(stream)
	for _, b := range bodies {
		p.message(stream, b)
	}
	p.end(stream)
}

// newEncoder makes blocks into p.hdr: our client lets a server have no dynamic table, and it says that it knows.
func newEncoder(p *peer) *hpack.Encoder {
	enc := hpack.NewEncoder(&p.hdr)
	enc.SetMaxDynamicTableSizeLimit(0)
	return enc
}
