package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

// script is what a server sends in a conversation.
func script(f func(p *peer)) []byte {
	var out bytes.Buffer
	p := &peer{fr: http2.NewFramer(&out, nil)}
	p.fr.AllowIllegalWrites = true
	p.enc = newEncoder(p)
	f(p)
	return out.Bytes()
}

// seeds are conversations of every sort, for mutation.
func seeds() [][]byte {
	return [][]byte{
		script(func(p *peer) { p.answer(1, "yes"); p.answer(3, "yes") }),
		script(func(p *peer) { p.settings(setting(http2.SettingMaxConcurrentStreams, 1)); p.answer(1, "a", "b") }),
		script(func(p *peer) { p.goAway(1, http2.ErrCodeNo); p.answer(1, "yes"); p.goAway(0, http2.ErrCodeInternal) }),
		script(func(p *peer) {
			p.rst(1, http2.ErrCodeRefusedStream)
			p.rst(5, http2.ErrCodeRefusedStream)
			p.rst(3, http2.ErrCodeCancel)
		}),
		script(func(p *peer) { p.ping("whatever"); p.window(0, 1<<20); p.window(1, 1<<20); p.window(3, 0) }),
		script(func(p *peer) {
			p.settings(setting(http2.SettingInitialWindowSize, 3), setting(http2.SettingMaxFrameSize, 1<<20))
			p.settings(setting(http2.SettingInitialWindowSize, 1<<20))
		}),
		script(func(p *peer) {
			p.headers(1, false, ":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip")
			p.dataFrame(1, false, zipped("yes"))
			p.end(1, "grpc-message", "a%20b", "endpoint-load-metrics-bin", "abcd", "grpc-status-details-bin", "CAU")
		}),
		script(func(p *peer) {
			head := p.block(begun...)
			p.raw(http2.FrameHeaders, 0, 1, head[:3])
			p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, head[3:])
			p.raw(http2.FrameData, http2.FlagDataPadded, 1, "\x02"+message("x")+"\x00\x00")
			p.raw(http2.FramePriority, 0, 1, "\x00\x00\x00\x00\x00")
			p.headers(1, true, ":status", "503")
		}),
		script(func(p *peer) { p.headers(1, true, ":status", "100"); p.raw(http2.FramePushPromise, 0, 1, "abcd") }),
		[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
	}
}

// Whatever a server sends after its SETTINGS, nothing panics or hangs, each call comes to Done once, and no
// more waits to be written than a bound.
func FuzzFrames(f *testing.F) {
	for i, b := range seeds() {
		f.Add(byte(i), b)
		f.Add(byte(i+4), b)
	}
	f.Fuzz(func(t *testing.T, mode byte, sent []byte) {
		bubble(t, func(t *testing.T) {
			spec := transport.Spec{
				Kind: transport.Kind(mode & 3), Send: int(mode >> 2 & 3),
				Receive: int(mode >> 4 & 3),
			}
			if mode&0x40 != 0 {
				spec.Timeout = time.Second
			}
			r := newRig(t, spec)
			if mode&0x80 != 0 {
				r.src = source{size: 70_000}
			}
			r.refuse = func(n int) error {
				if n > 3 {
					return errors.New("refused")
				}
				return nil
			}
			r.connect()
			ends := 0
			r.again = func(c *transport.Call) {
				ends++
				if ends < 20 {
					_ = r.begin(c)
				}
			}
			for range 3 {
				r.start()
			}
			if spec.Send == 0 { // else a window of gigabytes would be filled, and the peer keeps all that it hears
				r.conn.Finish()
			}
			cn, _ := r.conn.(*conn)
			for n := 1; n <= 2; n++ { // a second connection hears the same
				r.mu.Lock()
				some := len(r.peers) >= n
				r.mu.Unlock()
				if some {
					_, _ = r.peer(n).nc.Write(sent)
				}
				synctest.Wait()
			}
			time.Sleep(2500 * time.Millisecond) // past two deadlines, and not just at one
			cn.mu.Lock()
			for _, ss := range cn.sessions {
				if n := ss.outSize() + sizeOf(ss.pending) + len(ss.block); n > 8*outLimit {
					t.Errorf("%d bytes wait", n)
				}
			}
			cn.mu.Unlock()
		}) // whose end closes the conn, and counts calls
	})
}

// FuzzFields holds our reader of header blocks against x/net's.
func FuzzFields(f *testing.F) {
	var p peer
	p.enc = newEncoder(&p)
	f.Add([]byte(p.block(begun...)))
	f.Add([]byte(p.block("grpc-status", "0", "grpc-message", "a%20b", "endpoint-load-metrics-bin", "abcd")))
	f.Add([]byte(p.block(":status", "404", "content-type", "text/html", "grpc-encoding", "gzip",
		"grpc-status-details-bin", "CAU")))
	f.Add([]byte("\x00" + huffman("grpc-status") + huffman("14")))
	f.Add([]byte("\x40\x0bgrpc-status\x010\x10\x0cgrpc-message\x02ok"))
	f.Add([]byte("\x0f\x10\x01a\x9f")) // a content-type, and after it the static table's, which is empty
	f.Add([]byte("\x3f\x80\x80\x80\x80\x00\x88"))
	f.Fuzz(func(t *testing.T, block []byte) { compare(t, block) })
}

// answers notes the messages that it is asked to check.
type answers struct {
	source
	got []string
}

func (a *answers) Check(_ uint64, i, _ int, body []byte) error {
	a.got = append(a.got, fmt.Sprintf("%d: %x", i, body))
	return nil
}

// unwired is a stream that needs no connection, for feed.
func unwired(spec transport.Spec, src transport.Source) *stream {
	c := &conn{dialer: &Dialer{}, methods: []method{{Method: &transport.Method{Spec: spec, Source: src}}}}
	s := newStream(c, &transport.Call{Owner: &ledger{}})
	s.begin()
	s.on, s.encoding = &session{conn: c}, "gzip"
	return s
}

// However a stream of messages is cut into DATA frames, the answers are the same, and so is the end.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(message("a")+message("")+message("long enough")+zipped("zipped")), []byte{1, 2, 3})
	f.Add([]byte(message("")+message("")+message("")), []byte{0, 5, 1})
	f.Add([]byte(message("cut")[:6]), []byte{4})
	f.Add([]byte("\x02\x00\x00\x00\x00"), []byte{1, 1})
	f.Add([]byte("\x00\xff\xff\xff\xff"), []byte{5})
	f.Add([]byte("\x01\x00\x00\x00\x03abc"), []byte{7})
	f.Fuzz(func(t *testing.T, all, cuts []byte) {
		type end struct {
			got     []string
			code    codes.Code
			message string
			partial int
		}
		feed := func(cut func() int) (e end) {
			src := &answers{}
			s := unwired(transport.Spec{Kind: transport.ServerStream}, src)
			for rest := all; len(rest) > 0; {
				n := min(cut(), len(rest))
				if !s.feed(bytes.Clone(rest[:n]), 1) { // a copy: what feed keeps of a frame must not be the frame
					return end{src.got, s.call.Code, s.call.Message, 0}
				}
				rest = rest[n:]
			}
			return end{src.got, s.call.Code, s.call.Message, len(s.partial)}
		}
		want := feed(func() int { return len(all) })
		i := -1
		inPlaces := feed(func() int {
			i++
			if len(cuts) == 0 {
				return 1
			}
			return int(cuts[i%len(cuts)])%32 + 1
		})
		single := feed(func() int { return 1 })
		for how, got := range map[string]end{"in places": inPlaces, "byte by byte": single} {
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(end{})); diff != "" {
				t.Errorf("%q cut %s (-whole +cut):\n%s", all, how, diff)
			}
		}
	})
}

// The same at every byte of one stream, by way of frames on a connection; and what a frame's memory is used for next
// must not show up in a message.
func TestMessagesCutAnywhere(t *testing.T) {
	all := message("first") + message("") + zipped("third, zipped") + zipped("shorter") +
		message(strings.Repeat("long", 10))
	whole := &answers{}
	unwired(transport.Spec{Kind: transport.ServerStream}, whole).feed([]byte(all), 1)
	var want []string
	for i, body := range []string{"first", "", "third, zipped", "shorter", strings.Repeat("long", 10)} {
		want = append(want, fmt.Sprintf("%d: %x", i, body))
	}
	if diff := cmp.Diff(want, whole.got); diff != "" {
		t.Fatalf("answers (-want +got):\n%s", diff)
	}
	for cut := range len(all) + 1 {
		for second := cut; second <= len(all); second++ {
			src := &answers{}
			s := unwired(transport.Spec{Kind: transport.ServerStream}, src)
			frame := make([]byte, len(all))
			for _, part := range []string{all[:cut], all[cut:second], all[second:]} {
				if !s.feed(frame[:copy(frame, part)], 1) {
					t.Fatalf("cut at %d and %d: %s", cut, second, s.call.Message)
				}
			}
			if diff := cmp.Diff(whole.got, src.got); diff != "" {
				t.Fatalf("cut at %d and %d (-whole +cut):\n%s", cut, second, diff)
			}
		}
	}
}
