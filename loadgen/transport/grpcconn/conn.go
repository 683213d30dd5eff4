package grpcconn

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/pace"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// Dialer opens grpc-go connections.
type Dialer struct{ Options Options }

var _ transport.Dialer = Dialer{}

// Dial implements [transport.Dialer].
func (d Dialer) Dial(ctx context.Context, addr string, methods []*transport.Method) (transport.Conn, error) {
	options := d.Options
	options.UserAgent = transport.UserAgent(methods[0].Metadata)
	cc, dialed, err := connect(ctx, addr, options)
	if err != nil {
		return nil, err
	}
	c := &conn{cc: cc, dialed: dialed}
	for _, of := range methods {
		c.methods = append(c.methods, method{Method: of, desc: grpc.StreamDesc{
			ClientStreams: of.Kind&transport.ClientStream != 0,
			ServerStreams: of.Kind&transport.ServerStream != 0,
		}})
		if of.Pace > 0 && c.alarm == nil {
			c.alarm = pace.NewAlarm(transport.Now)
		}
	}
	c.NewWorker, c.CloseConn = c.newWorker, c.close
	c.Init()
	return c, nil
}

// conn is one ClientConn and its workers.
type conn struct {
	transport.Pool
	cc *grpc.ClientConn
	// dialed knows the sockets below.
	dialed  *dialer
	methods []method
	// alarm wakes the workers for their messages, with a Pace; else nil.
	alarm *pace.Alarm
}

// method is one that the connection carries.
type method struct {
	*transport.Method
	desc grpc.StreamDesc
}

// Reconnects implements [transport.Reconnecter]. grpc-go's attempts whose handshake failed are among them.
func (c *conn) Reconnects() int64 {
	c.dialed.mu.Lock()
	defer c.dialed.mu.Unlock()
	return c.dialed.anew
}

func (c *conn) close() error {
	if c.alarm != nil {
		c.alarm.Stop()
	}
	// grpc-go waits five seconds for a server to take its last words.
	impatient := time.AfterFunc(farewell, c.dialed.cut)
	defer impatient.Stop()
	return c.cc.Close()
}

// farewell bounds how long a server may take to read the last words of a connection.
const farewell = 100 * time.Millisecond

// worker makes one call at a time. What it can prepare once for all its calls, it does.
type worker struct {
	*conn
	call *transport.Call
	// method is the call's, spec what its calls do. bases are each method's parents of ctx.
	*method
	spec    *transport.Spec
	bases   []context.Context
	ctx     context.Context //nolint:containedctx // the parent of the call's context, with what varies of its metadata
	varying []string
	opts    []grpc.CallOption
	// streamOpts are those of streams.
	streamOpts []grpc.CallOption
	out        outgoing
	in         incoming
	trailer    metadata.MD
	report     string
	// lookUp returns report: made once, for every call.
	lookUp func() string
	over   bool // the server ended the call's stream
	// lastSend is when the call's last message went out, intended when it should have.
	lastSend, intended int64
	rings              chan struct{} // by wakeSender
}

// wakeSender wakes the worker, if it waits.
func (w *worker) wakeSender() {
	select {
	case w.rings <- struct{}{}:
	default:
	}
}

func (c *conn) newWorker(ctx context.Context, call *transport.Call) func() {
	w := &worker{conn: c, call: call, out: outgoing{call: call}, in: incoming{call: call}}
	for i := range c.methods {
		base := ctx
		if fixed := c.methods[i].Metadata; len(fixed) > 0 {
			base = metadata.AppendToOutgoingContext(ctx, fixed...)
		}
		w.bases = append(w.bases, WithCall(base, call))
	}
	w.rings = make(chan struct{}, 1)
	w.lookUp = func() string { return w.report }
	w.opts = []grpc.CallOption{grpc.ForceCodecV2(codec{}), grpc.Trailer(&w.trailer)}
	w.streamOpts = w.opts[:1] // a stream's trailer would be written by a goroutine of grpc-go, at any time
	return w.do
}

// do makes one call.
func (w *worker) do() {
	w.method = &w.methods[w.call.Method]
	w.spec, w.ctx = &w.Spec, w.bases[w.call.Method]
	w.out.src, w.in.src = w.Source, w.Source
	w.in.alone = w.spec.Kind != transport.Bidi || w.spec.Lockstep()
	if w.spec.Kind == transport.Unary {
		w.unary()
	} else {
		w.stream()
	}
}

// setVarying makes the part of the call's metadata that differs from call to call.
func (w *worker) setVarying() error {
	if len(w.spec.Varying) == 0 {
		return nil
	}
	w.varying = w.varying[:0]
	for _, v := range w.spec.Varying {
		value, err := v.Value.Append(nil, w.call.Key())
		if err != nil {
			w.call.Local = true
			return status.Errorf(codes.Internal, "make the metadata %s: %v", v.Key, err)
		}
		w.varying = append(w.varying, v.Key, string(value))
	}
	w.ctx = metadata.AppendToOutgoingContext(w.ctx, w.varying...)
	return nil
}

// deadline gives one call its context.
func (w *worker) deadline() (context.Context, context.CancelFunc) {
	ctx, cancel := w.ctx, context.CancelFunc(func() {})
	if w.spec.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, w.spec.Timeout)
	}
	if _, success := w.spec.Limit(); !success && w.spec.Timeout > 0 {
		return ctx, cancel
	}
	ctx, end := context.WithCancelCause(ctx)
	if limit, success := w.spec.Limit(); success {
		t := time.AfterFunc(limit, func() { end(errEnough) })
		return ctx, func() { t.Stop(); end(nil); cancel() }
	}
	return ctx, func() { end(nil); cancel() }
}

// finish notes how the call ended.
func (w *worker) finish(err error) {
	w.call.End = transport.Now()
	if report := w.trailer[contract.LoadReportKey]; len(report) > 0 {
		w.report, w.call.LoadReport = report[0], w.lookUp
	}
	w.trailer = nil
	switch {
	case w.in.bad != nil: // a wrong answer is a failed call, whatever its status
		w.call.Code, w.call.Message = codes.DataLoss, w.in.bad.Error()
		w.in.bad = nil
	case err != nil:
		st := status.Convert(err)
		w.call.Code, w.call.Message = st.Code(), st.Message()
		w.call.Local = w.call.Local || isLocal(st.Code(), st.Message())
		if st.Code() == codes.ResourceExhausted {
			w.call.Message += explainLimit(st.Message(), w.call)
		}
	}
}

// explainLimit tells which side a message was too large for: both say it in the same words.
func explainLimit(message string, call *transport.Call) string {
	var got, most int64
	if n, _ := fmt.Sscanf(message, "grpc: received message larger than max (%d vs. %d)", &got, &most); n != 2 {
		return ""
	}
	if call.MessagesSent > 0 && got == call.BytesSent/int64(call.MessagesSent) {
		return ": the server's limit, of what it receives"
	}
	return ": loadgen's own limit, -max-message"
}

// isLocal says whether grpc-go failed by itself, where it was not the message that could not be made. Of what it says
// only the text is left, so that must begin as its own does: a server may say of itself that it has too many open
// files, or that it could not send.
func isLocal(code codes.Code, message string) bool {
	switch code {
	case codes.Unavailable:
		message = strings.TrimPrefix(message, "last connection error: ") // as its balancers have it
		return strings.HasPrefix(message, `connection error: desc = "transport: `) && transport.IsLocalText(message)
	case codes.Internal:
		return strings.HasPrefix(message, "header list size to send violates") ||
			strings.HasPrefix(message, "header key ")
	default:
		return false
	}
}

func (w *worker) unary() {
	w.call.Sent = transport.Now()
	if err := w.setVarying(); err != nil {
		w.finish(err)
		return
	}
	ctx, cancel := w.deadline()
	err := w.cc.Invoke(ctx, w.spec.Method, &w.out, &w.in, w.opts...)
	w.finish(err)
	cancel()
}
