package wire

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
)

// mixed sends by turns a message of so many bytes that is always the same, and one that is not; an answer must be the
// message that it answers.
type mixed struct{ size int }

func (m mixed) Fixed(i int) []byte {
	if i%2 == 1 {
		return nil
	}
	b := make([]byte, m.size)
	for at := range b {
		b[at] = byte(at*7 + i + at>>8) // a piece that is lost, doubled or out of its place is seen
	}
	return b
}

func (m mixed) Append(dst []byte, call uint64, i int) ([]byte, error) {
	if b := m.Fixed(i); b != nil {
		return append(dst, b...), nil
	}
	return fmt.Appendf(dst, "%d/%d", call, i), nil
}

func (m mixed) Check(call uint64, i, _ int, body []byte) error {
	if want, _ := m.Append(nil, call, i); !bytes.Equal(body, want) {
		return fmt.Errorf("%d bytes %.20q: want %d bytes %.20q", len(body), body, len(want), want)
	}
	return nil
}

// A message that is not copied is cut by windows and frames as any other, also within its head.
func TestFixedMessageIsCut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}, setting(http2.SettingInitialWindowSize, 3))
		src := mixed{40_000}
		r.src = src
		r.connect()
		p, c := r.peer(1), r.start()
		r.heard(p, "HEADERS 1", "DATA 1: 3")
		for _, n := range []uint32{1, 1, 1, 4094} { // to the head's end, a byte of the message, and more
			p.window(1, n)
			r.heard(p, fmt.Sprintf("DATA 1: %d", n))
		}
		p.window(1, 1<<20)
		r.heard(p, "DATA 1: 16384", "DATA 1: 16384", "DATA 1: 3137 END")
		if got := p.messages(1); len(got) != 1 || got[0] != string(src.Fixed(0)) {
			t.Errorf("%d messages came, of other bytes than were to be sent", len(got))
		}
		p.answer(1, "no") // of which the source says what is wrong
		r.want(c, `DataLoss: answer 0: 2 bytes "no": want 40000 bytes "\x00\a\x0e\x15\x1c#*18?FMT[bipw~\x85"`)
	})
}

// Messages that are not copied arrive whole and in their places between others, over a socket that takes little at a
// time as over one that takes much.
func TestFixedMessagesArriveWhole(t *testing.T) {
	for _, tt := range []struct {
		name         string
		size, buffer int // bytes; a buffer of 0 is the system's
	}{
		{"in one frame", 5000, 0},
		{"in several", 300_000, 0},
		{"the socket takes little", 300_000, 64 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lis := listen(t, "tcp", "127.0.0.1:0")
			serveGRPC(t, lis, transport.Bidi)
			d := &Dialer{Timeout: 10 * time.Second}
			d.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				if tcp, ok := nc.(*net.TCPConn); ok && tt.buffer > 0 {
					err = tcp.SetWriteBuffer(tt.buffer)
				}
				return nc, err
			}
			spec := transport.Spec{Method: "/test.Service/Method", Kind: transport.Bidi, Send: 6}
			c, err := d.Dial(t.Context(), lis.Addr().String(), transport.One(spec, mixed{tt.size}))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r := &runner{conn: c}
			if ends := r.run(t, 2, 4, 40); ends["OK"] != 48 || len(ends) != 1 {
				t.Errorf("%v: want 48 of OK", ends)
			}
		})
	}
}

// What is left of pieces after a write of any length is what was not written.
func TestSkip(t *testing.T) {
	whole := "abcdefghij"
	for n := range len(whole) + 1 {
		pieces := [][]byte{[]byte("abc"), []byte("d"), []byte("efghij")}
		if got := string(bytes.Join(skip(pieces, n), nil)); got != whole[n:] {
			t.Errorf("after %d bytes %q is left, want %q", n, got, whole[n:])
		}
	}
}
