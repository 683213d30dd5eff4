package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// loop is a closed loop of calls over a real socket whose server is silent: its answers are handed to the session's
// code by the test. So the whole of a call is run but the system call that reads.
type loop struct {
	conn   *conn
	ss     *session
	answer []byte
	heads  []int // offsets of stream ids in answer
	calls  []*transport.Call
	t      testing.TB
}

// quiet neither makes nor judges anything: what allocates is the transport.
type quiet struct{ body []byte }

func (q quiet) Append(dst []byte, _ uint64, _ int) ([]byte, error) {
	return append(dst, q.body...), nil
}
func (quiet) Check(uint64, int, int, []byte) error { return nil }

// quietFixed is quiet, and says that its messages are always the same.
type quietFixed struct{ quiet }

func (q quietFixed) Fixed(int) []byte { return q.body }

// short is what a loop sends where it says nothing else.
var short = quiet{make([]byte, 100)}

// Done starts the next call.
func (l *loop) Done(c *transport.Call) {
	c.Reset()
	c.Seq++
	if err := l.conn.Start(c); err != nil && !errors.Is(err, transport.ErrClosed) {
		l.t.Error(err)
	}
}

func (*loop) Message(*transport.Call, series.Series, int64) {}

func newLoop(t testing.TB, spec transport.Spec, src transport.Source, workers int) *loop {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		nc, err := lis.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		fr := http2.NewFramer(nc, nc)
		_ = fr.WriteSettings(setting(http2.SettingInitialWindowSize, 1<<30))
		_ = fr.WriteWindowUpdate(0, 1<<30)
		_, _ = io.Copy(io.Discard, nc)
	})
	spec.Method = "/test.Service/Method"
	l := &loop{t: t}
	c, err := (&Dialer{Timeout: 10 * time.Second}).Dial(t.Context(), lis.Addr().String(), transport.One(spec, src))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		_ = lis.Close()
		serving.Wait()
	})
	l.conn, _ = c.(*conn)
	for ready := false; !ready; time.Sleep(time.Millisecond) {
		l.conn.mu.Lock()
		l.ss = l.conn.cur
		ready = l.ss.window > 1<<29
		l.conn.mu.Unlock()
	}
	l.answer = script(func(p *peer) { p.answer(1, "yes") })
	for at := 0; at < len(l.answer); at += frameHead + parseFrame(l.answer[at:]).length {
		l.heads = append(l.heads, at+5)
	}
	for i := range workers {
		call := &transport.Call{Worker: uint16(i), Owner: l}
		l.calls = append(l.calls, call)
		if err := c.Start(call); err != nil {
			t.Fatal(err)
		}
	}
	c.Flush()
	return l
}

// turn answers each call once, as one read would bring it; each worker starts its next.
func (l *loop) turn(scratch []*stream) []*stream {
	l.conn.mu.Lock()
	now := transport.Now()
	for _, c := range l.calls {
		s, _ := c.Bound.(*stream)
		for _, at := range l.heads {
			binary.BigEndian.PutUint32(l.answer[at:], s.id)
		}
		if _, err := l.ss.frames(l.answer, now); err != nil {
			l.t.Error(err)
		}
	}
	l.ss.window = 1 << 30 // the server's WINDOW_UPDATE
	l.conn.mu.Unlock()
	return l.conn.deliver(scratch)
}

var loops = map[string]transport.Spec{
	"unary":           {},
	"unary, deadline": {Timeout: time.Minute},
	"server stream":   {Kind: transport.ServerStream},
	"client stream":   {Kind: transport.ClientStream, Send: 3},
	"metadata":        {Metadata: []string{"a", "b", "c-bin", "d"}},
}

// A call costs no allocation, from its answer's frames over Done to the next one's on the socket.
func TestCallAllocatesNothing(t *testing.T) {
	for name, spec := range loops {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, spec, short, 8)
			var scratch []*stream
			for range 100 { // buffers grow to their size
				scratch = l.turn(scratch)
			}
			if got := testing.AllocsPerRun(500, func() { scratch = l.turn(scratch) }); got != 0 {
				t.Errorf("%v allocations for 8 calls, want 0", got)
			}
			if l.calls[0].Seq < 600 || len(l.conn.sessions) != 1 {
				t.Errorf("only %d calls of a worker were made", l.calls[0].Seq)
			}
		})
	}
}

// Encoding a request and its message costs none either.
func TestOpenAllocatesNothing(t *testing.T) {
	for name, src := range map[string]transport.Source{
		"copied": short, "not copied": quietFixed{quiet{make([]byte, 40_000)}},
	} {
		l := newLoop(t, transport.Spec{Timeout: time.Minute}, src, 1)
		open := l.opener()
		for range 100 {
			open()
		}
		if got := testing.AllocsPerRun(500, open); got != 0 {
			t.Errorf("%s: %v allocations to open a stream, want 0", name, got)
		}
	}
}

// opener opens a stream and forgets it, without writing.
func (l *loop) opener() func() {
	s, _ := l.calls[0].Bound.(*stream)
	return func() {
		l.conn.mu.Lock()
		l.ss.streams.remove(s.id)
		s.begin()
		s.call.Reset()
		l.ss.open(s)
		l.ss.takeOut()
		l.ss.stamps = l.ss.stamps[:0]
		l.ss.window = 1 << 30
		l.conn.mu.Unlock()
	}
}

func BenchmarkOpen(b *testing.B) {
	l := newLoop(b, transport.Spec{}, short, 1)
	open := l.opener()
	b.ReportAllocs()
	for b.Loop() {
		open()
	}
}

// An operation is a call of each of 32 workers.
func BenchmarkCalls(b *testing.B) {
	for name, spec := range loops {
		b.Run(name, func(b *testing.B) {
			l := newLoop(b, spec, short, 32)
			var scratch []*stream
			b.ReportAllocs()
			for b.Loop() {
				scratch = l.turn(scratch)
			}
		})
	}
}

func BenchmarkFields(b *testing.B) {
	var p peer
	p.enc = newEncoder(&p)
	block := []byte(p.block("grpc-status", "0", "endpoint-load-metrics-bin", "abcdefghijkl"))
	var f fields
	var known knownNames
	b.ReportAllocs()
	for b.Loop() {
		if err := f.parse(block, &known); err != nil {
			b.Fatal(err)
		}
	}
}
