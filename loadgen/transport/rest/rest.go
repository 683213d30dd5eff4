// Package rest carries unary calls over net/http through a grpc-gateway, each
// worker a goroutine with an HTTP connection of its own (HTTP/1.1 carries one
// call at a time; over TLS a gateway may agree on HTTP/2 and share one).
package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// Dialer opens HTTP connections.
type Dialer struct {
	// Run is the run's part of every request id.
	Run uint32
	// Trace chooses the calls that are traced, and makes each carry a traceparent; nil makes none.
	Trace *requestid.Sampler
	// TLS is nil for plaintext.
	TLS *tls.Config
	// Authority overrides the Host header.
	Authority string
	// Timeout bounds the wait for the first connection.
	Timeout time.Duration
	// MaxMessage is the largest answer that is taken, in bytes; 0 is none.
	MaxMessage int
}

var _ transport.Dialer = Dialer{}

// Dial implements [transport.Dialer]: addr is host:port or unix:path.
func (d Dialer) Dial(ctx context.Context, addr string, methods []*transport.Method) (transport.Conn, error) {
	a, err := transport.ParseAddress(addr)
	if err == nil && a.Scheme != "" {
		err = fmt.Errorf("rest does not resolve %s:// addresses", a.Scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	host := a.Authority
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var nd net.Dialer
		return nd.DialContext(ctx, a.Network, a.Dial)
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	probe, err := dial(ctx, "", "") // an address that does not answer is told before load starts
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	if d.TLS != nil {
		err = handshake(ctx, probe, d.TLS, a)
	}
	probe.Close()
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, transport.Explain(err, d.TLS != nil))
	}
	scheme := "http://"
	if d.TLS != nil {
		scheme = "https://"
	}
	var sockets sockets
	t := &http.Transport{
		DialContext: sockets.counted(dial), TLSClientConfig: d.TLS.Clone(), ForceAttemptHTTP2: d.TLS != nil,
		MaxIdleConnsPerHost: requestid.MaxWorkers, DisableCompression: true,
	}
	if d.Authority != "" {
		host = d.Authority
	}
	c := &conn{
		base: scheme + host, secure: d.TLS != nil, sockets: &sockets, methods: methods, run: d.Run,
		trace: d.Trace, most: d.MaxMessage, client: &http.Client{
			Transport:     t,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.NewWorker = c.newWorker
	c.CloseConn = func() error { t.CloseIdleConnections(); return nil }
	c.Init()
	return c, nil
}

type conn struct {
	transport.Pool
	client *http.Client
	base   string
	most   int // bytes of an answer; 0 is no limit
	secure bool
	*sockets
	methods []*transport.Method
	run     uint32
	trace   *requestid.Sampler
}

type worker struct {
	*conn
	call *transport.Call
	ctx  context.Context //nolint:containedctx // the parent of each call's context
	// spec and src are the call's method's; headers are each method's.
	spec    *transport.Spec
	src     transport.Source
	headers []http.Header
	hint    int // bytes of the last request
	answer  bytes.Buffer
}

func (c *conn) newWorker(ctx context.Context, call *transport.Call) func() {
	w := &worker{conn: c, call: call, ctx: ctx}
	for _, m := range c.methods {
		w.headers = append(w.headers, headerOf(&m.Spec))
	}
	return w.do
}

// headerOf is what goes with each request of a method.
func headerOf(spec *transport.Spec) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(spec.Metadata); i += 2 {
		h.Add(spec.Metadata[i], headerValue(spec.Metadata[i], spec.Metadata[i+1]))
	}
	if spec.HTTPMethod != http.MethodGet && spec.HTTPMethod != http.MethodDelete {
		h.Set("Content-Type", "application/json")
	}
	if spec.Timeout > 0 {
		text, _ := transport.EncodeTimeout(spec.Timeout)
		h.Set("Grpc-Timeout", text)
	}
	return h
}

// headerValue is a value as a header has it: bytes in base64, which a gateway takes as gRPC does.
func headerValue(key, value string) string {
	if strings.HasSuffix(key, "-bin") {
		return base64.StdEncoding.EncodeToString([]byte(value))
	}
	return value
}

// do makes one call.
func (w *worker) do() {
	c := w.call
	w.spec, w.src = &w.methods[c.Method].Spec, w.methods[c.Method].Source
	c.Sent = transport.Now()
	ctx, cancel := w.ctx, context.CancelFunc(func() {})
	if w.spec.Timeout > 0 {
		ctx, cancel = context.WithTimeout(w.ctx, w.spec.Timeout)
	}
	err := w.roundTrip(ctx)
	c.End = transport.Now()
	if err != nil {
		c.Code, c.Message = failure(err)
		c.Local = transport.IsLocal(err) || errors.As(err, new(*requestError))
	}
	cancel()
}

func (w *worker) roundTrip(ctx context.Context) error {
	c := w.call
	// Memory of its own: net/http may still read the body of a call that timed out.
	body, err := w.src.Append(make([]byte, 0, w.hint+transport.Slack), c.Key(), 0)
	if err != nil {
		return &requestError{err}
	}
	w.hint = len(body)
	target, content := w.base+w.spec.Path, io.Reader(bytes.NewReader(body))
	if w.spec.Path == "" || w.spec.HTTPMethod == http.MethodGet {
		first, rest, some := bytes.Cut(body, []byte{'\n'})
		target, content = w.base+string(first), nil
		if some {
			content = bytes.NewReader(rest)
		}
	}
	req, err := http.NewRequestWithContext(ctx, w.spec.HTTPMethod, target, content)
	if err != nil {
		return &requestError{err}
	}
	maps.Copy(req.Header, w.headers[c.Method])
	for _, v := range w.spec.Varying {
		value, err := v.Value.Append(nil, c.Key())
		if err != nil {
			return &requestError{fmt.Errorf("the metadata %s: %w", v.Key, err)}
		}
		req.Header.Add(v.Key, headerValue(v.Key, string(value)))
	}
	id := requestid.ID{Run: w.run, Worker: c.Worker, Seq: c.Seq}
	req.Header[idHeader] = []string{id.String()}
	if w.trace != nil {
		req.Header.Set(requestid.TraceparentKey, w.trace.Traceparent(id))
	}
	c.MessagesSent, c.BytesSent = 1, int64(len(body))
	res, err := w.client.Do(req)
	if err != nil {
		return transport.Explain(err, w.secure)
	}
	defer res.Body.Close()
	w.answer.Reset()
	most := int64(w.most)
	if most == 0 {
		most = math.MaxInt64 - 1
	}
	if n, err := w.answer.ReadFrom(io.LimitReader(res.Body, most+1)); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	} else if n > most {
		return &callError{codes.ResourceExhausted, fmt.Sprintf("an answer of more than %d bytes (-max-message)", most)}
	}
	c.MessagesReceived, c.BytesReceived = 1, int64(w.answer.Len())
	if report := res.Header.Get(contract.LoadReportKey); report != "" {
		if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(report, "=")); err == nil {
			c.LoadReport = func() string { return string(raw) }
		}
	}
	if res.StatusCode != http.StatusOK {
		return statusError(res.StatusCode, w.answer.Bytes(), w.secure)
	}
	if err := w.src.Check(c.Key(), 0, 1, w.answer.Bytes()); err != nil {
		return &callError{codes.DataLoss, err.Error()}
	}
	return nil
}

var idHeader = http.CanonicalHeaderKey(contract.RequestIDKey)

// requestError is a request that could not be made.
type requestError struct{ err error }

func (e *requestError) Error() string { return "make the request: " + e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// callError is a failure with a code of its own.
type callError struct {
	code    codes.Code
	message string
}

func (e *callError) Error() string { return e.message }

// statusError reads the gateway's error document, or else maps the HTTP status and tells what was said with it.
func statusError(httpStatus int, body []byte, secure bool) error {
	var st spb.Status
	if protojson.Unmarshal(body, &st) == nil && st.GetCode() != 0 {
		return &callError{codes.Code(st.GetCode()), st.GetMessage()}
	}
	message := fmt.Sprintf("HTTP status %d", httpStatus)
	if said := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), mostSaid)]), "?")),
		" "); said != "" {
		message += ": " + said
	}
	if hint := transport.Hint(message, secure); hint != "" {
		message += " (" + hint + ")"
	}
	return &callError{transport.HTTPCode(httpStatus), message}
}

// mostSaid is how many bytes of an answer that is no gateway's are told.
const mostSaid = 256

// failure is the code that a gRPC client would have seen.
func failure(err error) (codes.Code, string) {
	var own *callError
	switch {
	case errors.As(err, &own):
		return own.code, own.message
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded, err.Error()
	case errors.Is(err, context.Canceled):
		return codes.Canceled, err.Error()
	default:
		return codes.Unavailable, err.Error()
	}
}
