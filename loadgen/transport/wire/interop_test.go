package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // so that servers of these tests can compress
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// The interop tests hold wire against grpc-go's own server, in what is wire's own. The cases of
// grpc/grpc's doc/interop-test-descriptions.md are in package conformance, for every transport.

// interopPatience ends a test that is stuck.
const interopPatience = 20 * time.Second

// interopSource makes the messages of a case and judges its answers.
type interopSource struct {
	request func(i int) proto.Message
	// answer is what is expected; a nil function expects none.
	answer func(i int) proto.Message
	// seen, where set, hears of each answer that was as expected.
	seen func(i int)
}

func (s interopSource) Append(dst []byte, _ uint64, i int) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend(dst, s.request(i))
}

func (s interopSource) Check(_ uint64, i, _ int, body []byte) error {
	if s.answer == nil {
		return fmt.Errorf("an answer of %d bytes, and none is expected", len(body))
	}
	want := s.answer(i)
	got := want.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(body, got); err != nil {
		return err
	}
	if !proto.Equal(want, got) { // cmp.Diff takes seconds to compare large payloads
		return fmt.Errorf("an answer of %d bytes is not the one of %d that is expected", len(body), proto.Size(want))
	}
	if s.seen != nil {
		s.seen(i)
	}
	return nil
}

// always is a message that does not depend on its number.
func always(m proto.Message) func(int) proto.Message { return func(int) proto.Message { return m } }

// zeros is a payload as the cases have it.
func zeros(n int) *grpc_testing.Payload { return &grpc_testing.Payload{Body: make([]byte, n)} }

// interopOwner is the owner of calls: it keeps what became of each.
type interopOwner struct {
	mu       sync.Mutex
	done     []transport.Call
	messages map[series.Series][]int64
	arrived  chan struct{} // one for each done
	next     func(c *transport.Call)
}

func newInteropOwner() *interopOwner {
	return &interopOwner{messages: map[series.Series][]int64{}, arrived: make(chan struct{}, 1<<16)}
}

func (o *interopOwner) Done(c *transport.Call) {
	o.mu.Lock()
	o.done = append(o.done, *c)
	o.mu.Unlock()
	if o.next != nil {
		o.next(c)
	}
	o.arrived <- struct{}{}
}

func (o *interopOwner) Message(_ *transport.Call, s series.Series, ns int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages[s] = append(o.messages[s], ns)
}

func (o *interopOwner) wait(t *testing.T, n int) {
	t.Helper()
	late := time.NewTimer(interopPatience)
	defer late.Stop()
	for i := range n {
		select {
		case <-o.arrived:
		case <-late.C:
			t.Fatalf("%d calls were awaited, and %d end", n, i)
		}
	}
}

func (o *interopOwner) ends() []transport.Call {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.done)
}

// again has every worker make each calls, one after the other.
func (o *interopOwner) again(t *testing.T, conn transport.Conn, each uint64) {
	o.next = func(c *transport.Call) {
		if c.Seq%each == each-1 {
			return
		}
		c.Reset()
		c.Seq++
		if err := conn.Start(c); err != nil {
			t.Errorf("Start: %v", err)
		}
	}
}

// interopListen is grpc-go's interop server on lis.
func interopListen(t *testing.T, lis net.Listener, opts ...grpc.ServerOption) {
	t.Helper()
	s := grpc.NewServer(append([]grpc.ServerOption{grpc.WaitForHandlers(true)}, opts...)...)
	grpc_testing.RegisterTestServiceServer(s, interop.NewTestServer())
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
}

func interopTCP(t *testing.T) net.Listener {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

func interopServe(t *testing.T, opts ...grpc.ServerOption) (addr string) {
	t.Helper()
	lis := interopTCP(t)
	interopListen(t, lis, opts...)
	return lis.Addr().String()
}

// interopDial connects; the test's end closes what it did not.
func interopDial(t *testing.T, d *Dialer, addr string, spec transport.Spec, src transport.Source) transport.Conn {
	t.Helper()
	if d.Timeout == 0 {
		d.Timeout = interopPatience
	}
	conn, err := d.Dial(t.Context(), addr, transport.One(spec, src))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	once := interopConn{conn, sync.OnceValue(conn.Close)}
	t.Cleanup(func() { _ = once.Close() })
	return once
}

type interopConn struct {
	transport.Conn
	once func() error
}

func (c interopConn) Close() error { return c.once() }

// interopOne makes one call, and closes the connection.
func interopOne(t *testing.T, d *Dialer, addr string, spec transport.Spec, src transport.Source) (transport.Call,
	*interopOwner,
) {
	t.Helper()
	o := newInteropOwner()
	conn := interopDial(t, d, addr, spec, src)
	interopStart(t, conn, &transport.Call{Worker: 3, Seq: 7, Owner: o})
	o.wait(t, 1)
	if err := conn.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	ends := o.ends()
	if len(ends) != 1 {
		t.Fatalf("Done was called %d times for one call", len(ends))
	}
	if c := ends[0]; c.Sent == 0 || c.End < c.Sent {
		t.Errorf("the call was sent at %d and ended at %d", c.Sent, c.End)
	}
	return ends[0], o
}

func interopStart(t *testing.T, conn transport.Conn, calls ...*transport.Call) {
	t.Helper()
	for _, c := range calls {
		if err := conn.Start(c); err != nil {
			t.Fatalf("Start: %v", err)
		}
	}
	conn.Flush()
}

// interopBlocks are the header interopBlocks of responses, decoded.
type interopBlocks struct {
	mu  sync.Mutex
	all [][]hpack.HeaderField
	bad error
}

// seen is for [Dialer.seen]. A server may not use a dynamic table, so each block is decoded for itself.
func (b *interopBlocks) seen(block []byte) {
	fields, err := hpack.NewDecoder(0, nil).DecodeFull(block)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, fields)
	b.bad = errors.Join(b.bad, err)
}

// value is what the i-th block says by a name, "" where it says nothing, or several times.
func (b *interopBlocks) value(t *testing.T, i int, name string) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bad != nil {
		t.Errorf("a header block: %v", b.bad)
	}
	if i >= len(b.all) {
		t.Errorf("%d header blocks came, and number %d is asked for", len(b.all), i)
		return ""
	}
	var values []string
	for _, f := range b.all[i] {
		if f.Name == name {
			values = append(values, f.Value)
		}
	}
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

const (
	testService = "/grpc.testing.TestService/"
	unaryCall   = testService + "UnaryCall"
	inputCall   = testService + "StreamingInputCall"
	outputCall  = testService + "StreamingOutputCall"
	duplexCall  = testService + "FullDuplexCall"
)

// The sizes of the cases' payloads.
var (
	requestSizes = []int{27182, 8, 1828, 45904}
	answerSizes  = []int{31415, 9, 2653, 58979}
)

const (
	largeRequest = 271828
	largeAnswer  = 314159
)

func duplexRequest(payload int, answers ...int) *grpc_testing.StreamingOutputCallRequest {
	m := &grpc_testing.StreamingOutputCallRequest{}
	if payload > 0 {
		m.Payload = zeros(payload)
	}
	for _, n := range answers {
		m.ResponseParameters = append(m.ResponseParameters, &grpc_testing.ResponseParameters{Size: int32(n)})
	}
	return m
}

func sized(i int) proto.Message {
	return &grpc_testing.StreamingOutputCallResponse{Payload: zeros(answerSizes[i])}
}

var largeUnary = interopSource{
	request: always(&grpc_testing.SimpleRequest{ResponseSize: largeAnswer, Payload: zeros(largeRequest)}),
	answer:  always(&grpc_testing.SimpleResponse{Payload: zeros(largeAnswer)}),
}

// interopCertificate is one for 127.0.0.1 and example.com, and a pool that trusts it: httptest's own.
func interopCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

// interopEnded tells when the server's handlers of streams begin, and how they end.
func interopEnded(began chan<- struct{}, over chan<- codes.Code) grpc.ServerOption {
	return grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo,
		handler grpc.StreamHandler,
	) error {
		began <- struct{}{}
		err := handler(srv, s)
		over <- status.Code(err)
		return err
	})
}

func wantEnded(t *testing.T, server <-chan codes.Code, want codes.Code) {
	t.Helper()
	late := time.NewTimer(interopPatience)
	defer late.Stop()
	select {
	case got := <-server:
		if got != want {
			t.Errorf("the server sees the call end %v, want %v", got, want)
		}
	case <-late.C:
		t.Error("the server does not see the call end")
	}
}

// A call that is cancelled at once: nothing of it may have left yet, or all of it.
func TestInteropCancelAtOnce(t *testing.T) {
	addr := interopServe(t)
	for range 50 {
		o := newInteropOwner()
		spec := transport.Spec{Method: inputCall, Kind: transport.ClientStream, Send: 0, Interval: time.Hour}
		conn := interopDial(t, &Dialer{}, addr, spec,
			interopSource{request: always(&grpc_testing.StreamingInputCallRequest{Payload: zeros(8)})})
		if err := conn.Start(&transport.Call{Owner: o}); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		o.wait(t, 1)
		if c := o.ends()[0]; c.Code != codes.Canceled {
			t.Errorf("the call ended %v %q, want CANCELLED", c.Code, c.Message)
		}
	}
}

// cancel_after_first_response, by each of the two means that there are: Spec.Receive, whose cancel is the
// plan and so no failure, and Close.
func TestInteropCancelAfterFirstResponse(t *testing.T) {
	server := make(chan codes.Code, 3)
	addr := interopServe(t, interopEnded(make(chan struct{}, 3), server))
	for _, tt := range []struct {
		reason string
		spec   transport.Spec
		close  bool
		code   codes.Code
	}{
		{"the stream ends itself after its first answer", transport.Spec{Receive: 1}, false, codes.OK},
		{"and where it has more to send too", transport.Spec{Send: 4, Receive: 1}, false, codes.OK},
		{"the connection is closed after the first answer", transport.Spec{Interval: time.Hour}, true, codes.Canceled},
	} {
		first := make(chan struct{}, 1)
		src := interopSource{
			request: always(duplexRequest(27182, 31415)),
			answer:  always(&grpc_testing.StreamingOutputCallResponse{Payload: zeros(31415)}),
			seen:    func(int) { first <- struct{}{} },
		}
		tt.spec.Method, tt.spec.Kind = duplexCall, transport.Bidi
		o := newInteropOwner()
		conn := interopDial(t, &Dialer{}, addr, tt.spec, src)
		interopStart(t, conn, &transport.Call{Owner: o})
		<-first
		if tt.close {
			_ = conn.Close()
		}
		o.wait(t, 1)
		if c := o.ends()[0]; c.Code != tt.code || c.MessagesReceived != 1 || c.MessagesSent != 1 {
			t.Errorf("%s: the call ended %v %q with %d messages sent and %d received", tt.reason, c.Code, c.Message,
				c.MessagesSent, c.MessagesReceived)
		}
		wantEnded(t, server, codes.Canceled)
		_ = conn.Close()
	}
}

// countedConn counts the bytes that are read. It has no file descriptor to show, so wire writes it another way.
type countedConn struct {
	net.Conn
	read *atomic.Int64
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

func counting(read *atomic.Int64) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return countedConn{nc, read}, err
	}
}

// compressing has every answer of a server compressed.
func compressing() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo,
			handler grpc.UnaryHandler,
		) (any, error) {
			if err := grpc.SetSendCompressor(ctx, "gzip"); err != nil {
				return nil, err
			}
			return handler(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo,
			handler grpc.StreamHandler,
		) error {
			if err := grpc.SetSendCompressor(s.Context(), "gzip"); err != nil {
				return err
			}
			return handler(srv, s)
		}),
	}
}

// server_compressed_unary and server_compressed_streaming: whether the messages were compressed is seen in
// grpc-encoding and in how little came.
func TestInteropServerCompressed(t *testing.T) {
	addr := interopServe(t, compressing()...)
	for _, tt := range []struct {
		reason string
		spec   transport.Spec
		src    interopSource
		sizes  []int
	}{
		{
			"one answer",
			transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
			largeUnary,
			[]int{largeAnswer},
		},
		{
			"a stream of answers",
			transport.Spec{Method: outputCall, Kind: transport.ServerStream, Send: 1},
			interopSource{request: always(duplexRequest(0, answerSizes...)), answer: sized},
			answerSizes,
		},
		{
			"answers in turn",
			transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 4},
			interopSource{
				request: func(i int) proto.Message { return duplexRequest(requestSizes[i], answerSizes[i]) },
				answer:  sized,
			},
			answerSizes,
		},
		{
			"an empty answer",
			transport.Spec{Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1},
			interopSource{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})},
			[]int{},
		},
	} {
		var read atomic.Int64
		var b interopBlocks
		call, _ := interopOne(t, &Dialer{seen: b.seen, dial: counting(&read)}, addr, tt.spec, tt.src)
		if call.Code != codes.OK {
			t.Errorf("%s: the call ended %v %q", tt.reason, call.Code, call.Message)
		}
		if got := b.value(t, 0, "grpc-encoding"); got != "gzip" {
			t.Errorf("%s: grpc-encoding is %q", tt.reason, got)
		}
		var want int64 // of messages, before compression
		for _, n := range tt.sizes {
			want += int64(proto.Size(&grpc_testing.SimpleResponse{Payload: zeros(n)}))
		}
		if call.BytesReceived != want || want > 0 && read.Load() > want/10 {
			t.Errorf("%s: %d bytes of messages in %d of the connection, want %d, compressed", tt.reason,
				call.BytesReceived, read.Load(), want)
		}
	}
}

// The streams of a connection share what inflates: compressed and plain answers come at the same time.
func TestInteropCompressedAmongPlain(t *testing.T) {
	var n atomic.Int64
	addr := interopServe(t, grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo,
		handler grpc.UnaryHandler,
	) (any, error) {
		if n.Add(1)%2 == 0 {
			if err := grpc.SetSendCompressor(ctx, "gzip"); err != nil {
				return nil, err
			}
		}
		return handler(ctx, req)
	}))
	const workers, each = 8, 10
	o := newInteropOwner()
	conn := interopDial(t, &Dialer{}, addr,
		transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1, Timeout: interopPatience}, largeUnary)
	o.again(t, conn, each)
	for w := range workers {
		interopStart(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w * each), Owner: o})
	}
	o.wait(t, workers*each)
	for _, c := range o.ends() {
		if c.Code != codes.OK {
			t.Fatalf("call %d ended %v %q", c.Seq, c.Code, c.Message)
		}
	}
}

// A name other than the address's is verified, and sent.
func TestInteropAuthority(t *testing.T) {
	pair, pool := interopCertificate(t)
	addr := interopServe(t, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})))
	src := interopSource{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})}
	spec := transport.Spec{Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1}
	d := &Dialer{TLS: &tls.Config{RootCAs: pool, ServerName: "example.com"}, Authority: "example.com"}
	if call, _ := interopOne(t, d, addr, spec, src); call.Code != codes.OK {
		t.Errorf("the call ended %v %q", call.Code, call.Message)
	}
	// The Dialer's own words: Authority is the name that is verified, over TLS.
	d = &Dialer{TLS: &tls.Config{RootCAs: pool}, Authority: "other.example.org", Timeout: interopPatience}
	if conn, err := d.Dial(t.Context(), addr, transport.One(spec, src)); err == nil {
		_ = conn.Close()
		t.Error("it connects to a server whose certificate is for another name than Authority")
	}
}

// A connection that cannot be says why, with the address, and soon.
func TestInteropHandshakes(t *testing.T) {
	pair, pool := interopCertificate(t)
	tlsServer := func(c *tls.Config) string {
		c.Certificates = []tls.Certificate{pair}
		return interopServe(t, grpc.Creds(credentials.NewTLS(c)))
	}
	// without is a TLS server that knows these protocols, and h2 is none.
	without := func(protocols ...string) string {
		lis := interopTCP(t)
		var group sync.WaitGroup
		group.Go(func() {
			for {
				nc, err := lis.Accept()
				if err != nil {
					return
				}
				group.Go(func() {
					defer nc.Close()
					c := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: protocols})
					if c.Handshake() == nil {
						_, _ = io.Copy(io.Discard, c)
					}
				})
			}
		})
		t.Cleanup(func() { lis.Close(); group.Wait() })
		return lis.Addr().String()
	}
	trusting := func() *tls.Config { return &tls.Config{RootCAs: pool} }
	certified := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
	src := interopSource{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})}
	spec := transport.Spec{Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1}
	mutual12 := tlsServer(&tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12})
	mutual13 := tlsServer(&tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13})
	secure := tlsServer(&tls.Config{})
	for _, tt := range []struct {
		reason, addr string
		config       *tls.Config
		says         []string // nil where it connects
	}{
		{"mutual TLS 1.2", mutual12, certified, nil},
		{"mutual TLS 1.3", mutual13, certified, nil},
		{"no client certificate, over TLS 1.2", mutual12, trusting(), []string{"handshake"}},
		// the alert may be lost with the connection
		{
			"no client certificate, which TLS 1.3 tells after the handshake", mutual13, trusting(),
			[]string{"connection"},
		},
		{"a server that negotiates nothing", without(), trusting(), []string{"ALPN", "h2"}},
		{"a server of HTTP/1.1", without("http/1.1"), trusting(), []string{"protocol"}},
		{"an unknown authority", secure, &tls.Config{RootCAs: x509.NewCertPool()}, []string{"unknown authority"}},
		{
			"another name", secure, &tls.Config{RootCAs: pool, ServerName: "other.example.org"},
			[]string{"other.example.org"},
		},
		{"TLS to a plaintext server", interopServe(t), trusting(), []string{"handshake"}},
		{"plaintext to a TLS server", secure, nil, []string{"SETTINGS"}},
	} {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			if tt.says == nil {
				if call, _ := interopOne(t, &Dialer{TLS: tt.config}, tt.addr, spec, src); call.Code != codes.OK {
					t.Errorf("the call ended %v %q", call.Code, call.Message)
				}
				return
			}
			began := time.Now()
			conn, err := (&Dialer{TLS: tt.config, Timeout: interopPatience}).Dial(t.Context(), tt.addr,
				transport.One(spec, src))
			if err == nil {
				_ = conn.Close()
				t.Fatal("it connected")
			}
			for _, words := range append(tt.says, tt.addr) {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%v: does not say %q", err, words)
				}
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %v: %v", took, err)
			}
		})
	}
}

// interopLoad counts the calls that a server handles at the same time.
type interopLoad struct{ now, most atomic.Int64 }

func (a *interopLoad) enter() {
	n := a.now.Add(1)
	for most := a.most.Load(); n > most && !a.most.CompareAndSwap(most, n); most = a.most.Load() {
	}
}

// Where the server takes few streams at a time, the others wait, and none is refused.
func TestInteropMaxConcurrentStreams(t *testing.T) {
	ping := interopSource{
		request: always(duplexRequest(8, 9)),
		answer:  always(&grpc_testing.StreamingOutputCallResponse{Payload: zeros(9)}),
	}
	for _, tt := range []struct {
		reason string
		spec   transport.Spec
		src    interopSource
	}{
		{
			"unary calls",
			transport.Spec{Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1},
			interopSource{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})},
		},
		{"streams in turn", transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 3}, ping},
		{
			"streams that the client ends: the next follows at its reset's heels",
			transport.Spec{Method: duplexCall, Kind: transport.Bidi, Receive: 1},
			ping,
		},
	} {
		for _, limit := range []uint32{1, 3} {
			const workers, each = 16, 25
			var a interopLoad
			addr := interopServe(t, grpc.MaxConcurrentStreams(limit),
				grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo,
					handler grpc.UnaryHandler,
				) (any, error) {
					a.enter()
					defer a.now.Add(-1)
					return handler(ctx, req)
				}))
			o := newInteropOwner()
			tt.spec.Timeout = interopPatience
			conn := interopDial(t, &Dialer{}, addr, tt.spec, tt.src)
			o.again(t, conn, each)
			for w := range workers {
				interopStart(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w * each), Owner: o})
			}
			o.wait(t, workers*each)
			for _, c := range o.ends() {
				if c.Code != codes.OK {
					t.Fatalf("%s, %d at a time: call %d ended %v %q", tt.reason, limit, c.Seq, c.Code, c.Message)
				}
			}
			if n := a.most.Load(); n > int64(limit) {
				t.Errorf("%s: the server handled %d calls at a time, and allows %d", tt.reason, n, limit)
			}
		}
	}
}

// With windows as small as grpc-go lets them be, messages of many windows go both ways, those of several
// calls at a time, and a server that is slow to read is waited for.
func TestInteropSmallWindows(t *testing.T) {
	const big = 1 << 20
	opts := []grpc.ServerOption{grpc.StaticStreamWindowSize(65535), grpc.StaticConnWindowSize(65535)}
	addr := interopServe(t, opts...)
	pair, pool := interopCertificate(t)
	secure := interopServe(t, append(opts,
		grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})))...)
	slow := interopServe(t, append(opts,
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo,
			handler grpc.StreamHandler,
		) error {
			time.Sleep(50 * time.Millisecond)
			return handler(srv, s)
		}))...)
	unary := interopSource{
		request: always(&grpc_testing.SimpleRequest{ResponseSize: big, Payload: zeros(big)}),
		answer:  always(&grpc_testing.SimpleResponse{Payload: zeros(big)}),
	}
	upload := interopSource{
		request: always(&grpc_testing.StreamingInputCallRequest{Payload: zeros(big)}),
		answer:  always(&grpc_testing.StreamingInputCallResponse{AggregatedPayloadSize: 4 * big}),
	}
	duplex := interopSource{
		request: always(duplexRequest(big, big)),
		answer:  always(&grpc_testing.StreamingOutputCallResponse{Payload: zeros(big)}),
	}
	input := transport.Spec{Method: inputCall, Kind: transport.ClientStream, Send: 4}
	for _, tt := range []struct {
		reason, addr string
		tls          *tls.Config
		spec         transport.Spec
		src          interopSource
		workers      int
		blocked      time.Duration // at least, of one message
	}{
		{
			reason: "unary", addr: addr, spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
			src: unary, workers: 4,
		},
		{reason: "an upload", addr: addr, spec: input, src: upload, workers: 4},
		{
			reason: "in turn", addr: addr, spec: transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 4},
			src: duplex, workers: 4,
		},
		{
			reason: "in turn, over TLS", addr: secure, tls: &tls.Config{RootCAs: pool},
			spec: transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 4}, src: duplex, workers: 4,
		},
		{
			reason: "an upload over TLS", addr: secure, tls: &tls.Config{RootCAs: pool}, spec: input, src: upload,
			workers: 4,
		},
		{
			reason: "an upload to a server that is slow to read", addr: slow, spec: input, src: upload, workers: 1,
			blocked: 40 * time.Millisecond,
		},
	} {
		o := newInteropOwner()
		tt.spec.Timeout = interopPatience
		conn := interopDial(t, &Dialer{TLS: tt.tls}, tt.addr, tt.spec, tt.src)
		o.again(t, conn, 2)
		for w := range tt.workers {
			interopStart(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w * 2), Owner: o})
		}
		o.wait(t, 2*tt.workers)
		for _, c := range o.ends() {
			if c.Code != codes.OK {
				t.Errorf("%s: call %d ended %v %q", tt.reason, c.Seq, c.Code, c.Message)
			}
		}
		_ = conn.Close()
		blocked := o.messages[series.SendBlocked]
		if want := 2 * tt.workers * tt.spec.Send; tt.spec.Kind&transport.ClientStream != 0 && len(blocked) != want {
			t.Errorf("%s: %d messages tell how long they were blocked, want %d", tt.reason, len(blocked), want)
		}
		if tt.blocked > 0 && time.Duration(slices.Max(blocked)) < tt.blocked {
			t.Errorf("%s: the longest wait for a window was %v, want at least %v", tt.reason,
				time.Duration(slices.Max(blocked)), tt.blocked)
		}
	}
}

// A server that grows old says GOAWAY time and again, to connections that are full of calls: none fails,
// and every one is handled once.
func TestInteropConnectionsGrowOld(t *testing.T) {
	var handled, accepted atomic.Int64
	lis := interopTCP(t)
	interopListen(t, countingListener{lis, &accepted}, grpc.MaxConcurrentStreams(8),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge:      30 * time.Millisecond,
			MaxConnectionAgeGrace: interopPatience,
		}),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo,
			handler grpc.UnaryHandler,
		) (any, error) {
			handled.Add(1)
			time.Sleep(time.Millisecond)
			return handler(ctx, req)
		}))
	const workers, each = 16, 150
	o := newInteropOwner()
	src := interopSource{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})}
	conn := interopDial(t, &Dialer{}, lis.Addr().String(),
		transport.Spec{Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1, Timeout: interopPatience},
		src)
	o.again(t, conn, each)
	for w := range workers {
		interopStart(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w * each), Owner: o})
	}
	o.wait(t, workers*each)
	for _, c := range o.ends() {
		if c.Code != codes.OK {
			t.Fatalf("call %d ended %v %q", c.Seq, c.Code, c.Message)
		}
	}
	if n := handled.Load(); n != workers*each {
		t.Errorf("the server handled %d calls, want %d", n, workers*each)
	}
	if n := accepted.Load(); n < 3 {
		t.Errorf("the server accepted %d connections: this tests nothing", n)
	}
}

type countingListener struct {
	net.Listener
	n *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

// What is sent is what a client of gRPC sends: the server sees it in its own terms.
func TestInteropWhatTheServerSees(t *testing.T) {
	seen := make(chan metadata.MD, 1)
	lasts := make(chan time.Duration, 1)
	addr := interopServe(t, grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo,
		handler grpc.UnaryHandler,
	) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		deadline, _ := ctx.Deadline()
		seen <- md
		lasts <- time.Until(deadline)
		return handler(ctx, req)
	}))
	spec := transport.Spec{
		Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1, Timeout: time.Hour,
		Metadata: []string{
			"X-Mixed-Case", "Value", "x-twice", "1", "x-twice", "2", "x-bytes-bin", "\x00\xff,",
			"x-empty", "",
		},
	}
	src := interopSource{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})}
	call, _ := interopOne(t, &Dialer{Run: 0x1234abcd, Authority: "service.example.com"}, addr, spec, src)
	if call.Code != codes.OK {
		t.Fatalf("the call ended %v %q", call.Code, call.Message)
	}
	got := <-seen
	for name, want := range map[string][]string{
		":authority": {"service.example.com"}, "content-type": {"application/grpc"}, "x-mixed-case": {"Value"},
		"x-twice": {"1", "2"}, "x-bytes-bin": {"\x00\xff,"}, "x-empty": {""},
		contract.RequestIDKey: {requestid.ID{Run: 0x1234abcd, Worker: 3, Seq: 7}.String()},
	} {
		if diff := cmp.Diff(want, got.Get(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if left := <-lasts; left > time.Hour || left < time.Hour-interopPatience {
		t.Errorf("the server has %v left of an hour", left)
	}
}

// hang is how long a call may take that a bug may have hang.
const hang = 3 * time.Second

// A stream that waited for its connection's window when the connection was lost waits for the next one's too.
func TestInteropBlockedWorkerIsPumpedAgain(t *testing.T) {
	// The first server grants a stream more than its connection, answers nothing and goes; the second is as others.
	lis := interopTCP(t)
	full := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		nc, err := lis.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = nc.Write(appendSettings(nil, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
		_, _ = io.CopyN(io.Discard, nc, 65535)
		<-full
	})
	t.Cleanup(func() { lis.Close(); group.Wait() })
	second := interopServe(t)
	var dials atomic.Int64
	d := &Dialer{dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) > 1 {
			addr = second
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	o := newInteropOwner()
	spec := transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1, Timeout: hang}
	conn := interopDial(t, d, lis.Addr().String(), spec, largeUnary)
	o.again(t, conn, 2)
	interopStart(t, conn, &transport.Call{Owner: o})
	close(full)
	o.wait(t, 2)
	if c := o.ends()[0]; c.Code != codes.Unavailable {
		t.Errorf("the call on the lost connection ended %v %q", c.Code, c.Message)
	}
	if c := o.ends()[1]; c.Code != codes.OK {
		t.Errorf("the worker's next call, on the next connection, ended %v %q", c.Code, c.Message)
	}
}

// brokenSource cannot make its message number broken.
type brokenSource struct {
	interopSource
	broken int
}

func (s brokenSource) Append(dst []byte, seq uint64, i int) ([]byte, error) {
	if i == s.broken {
		return dst, errors.New("it is broken")
	}
	return s.interopSource.Append(dst, seq, i)
}

// A message that cannot be made ends its call, whoever's turn it was to make it: over TLS the writer makes those
// that did not fit into what was written first.
func TestInteropBrokenMessages(t *testing.T) {
	pair, pool := interopCertificate(t)
	// no WINDOW_UPDATE comes to the rescue
	wide := []grpc.ServerOption{grpc.StaticStreamWindowSize(1 << 30), grpc.StaticConnWindowSize(1 << 30)}
	src := brokenSource{interopSource{request: always(
		&grpc_testing.StreamingInputCallRequest{Payload: zeros(64 << 10)})}, 10}
	for _, via := range []struct {
		name string
		tls  *tls.Config
		opts []grpc.ServerOption
	}{
		{"tcp", nil, nil},
		{
			"tls", &tls.Config{RootCAs: pool},
			[]grpc.ServerOption{grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}}))},
		},
	} {
		t.Run(via.name, func(t *testing.T) {
			o := newInteropOwner()
			conn := interopDial(t, &Dialer{TLS: via.tls}, interopServe(t, append(wide, via.opts...)...),
				transport.Spec{Method: inputCall, Kind: transport.ClientStream, Send: 20}, src)
			interopStart(t, conn, &transport.Call{Owner: o})
			late := time.NewTimer(hang)
			defer late.Stop()
			select {
			case <-o.arrived:
			case <-late.C:
				_ = conn.Close()
				t.Fatalf("the call does not end; Close has it end %v", o.ends()[0].Code)
			}
			if c := o.ends()[0]; c.Code != codes.Internal || !strings.Contains(c.Message, "it is broken") {
				t.Errorf("the call ended %v %q", c.Code, c.Message)
			}
		})
	}
}

// A server that comes up and goes at once, time and again, may fail calls; it may not stop the generator.
func TestInteropServerThatGoesAtOnce(t *testing.T) {
	lis := interopTCP(t)
	var group sync.WaitGroup
	var accepted atomic.Int64
	stay := make(chan struct{}, 1)
	group.Go(func() {
		for first := true; ; first = false {
			nc, err := lis.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			hello := appendSettings(nil)
			if first { // Dial gets a connection that is ready
				_, _ = nc.Write(hello)
				<-stay
				nc.Close()
				continue
			}
			_, _ = nc.Write(appendGoAway(hello, 0))
			nc.Close()
		}
	})
	t.Cleanup(func() { lis.Close(); group.Wait() })
	o := newInteropOwner()
	o.arrived = make(chan struct{}, 1<<22)
	src := interopSource{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})}
	conn := interopDial(t, &Dialer{}, lis.Addr().String(),
		transport.Spec{Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1}, src)
	stay <- struct{}{}
	started, call := 0, &transport.Call{Owner: o}
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); started++ {
		call.Reset()
		interopStart(t, conn, call)
		o.wait(t, 1)
	}
	if n := accepted.Load(); n < 2 || started == 0 {
		t.Errorf("%d connections for %d calls: this tests nothing", n, started)
	}
}

// A connection may be lost while replace, which has just made it, does not hold the lock yet to say that it
// is done: calls that start right then wait for the next one, as they do whenever somebody connects.
func TestInteropLostAsItIsAdopted(t *testing.T) {
	o := newInteropOwner()
	src := interopSource{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})}
	d := &Dialer{Timeout: interopPatience}
	dialed, err := d.Dial(t.Context(), interopServe(t),
		transport.One(transport.Spec{
			Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1,
			Timeout: interopPatience,
		}, src))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := dialed.(*conn)
	defer c.Close()
	c.mu.Lock()
	c.replacing = true // what replace's goroutine leaves between adopt and its own lock
	c.retire(c.cur)    // what the reader does then, where the server says GOAWAY
	c.mu.Unlock()
	func() {
		defer func() {
			if what := recover(); what != nil {
				t.Errorf("Start panics: %v", what)
				c.mu.Unlock() // which Start left locked
			}
		}()
		interopStart(t, c, &transport.Call{Owner: o})
	}()
	c.mu.Lock()
	c.replacing = false // what it does when it has the lock
	c.replace()
	c.mu.Unlock()
	if t.Failed() {
		return
	}
	o.wait(t, 1)
	if end := o.ends()[0]; end.Code != codes.OK {
		t.Errorf("the call ended %v %q", end.Code, end.Message)
	}
}
