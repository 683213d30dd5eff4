package grpcconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// Dialer opens grpc-go connections.
type Dialer struct{ Options Options }

var _ transport.Dialer = Dialer{}

// Dial implements [transport.Dialer].
func (d Dialer) Dial(ctx context.Context, addr string, spec transport.Spec, src transport.Source) (transport.Conn, error) {
	cc, err := Connect(ctx, addr, d.Options)
	if err != nil {
		return nil, err
	}
	c := &conn{cc: cc, spec: spec, src: src, desc: grpc.StreamDesc{
		ClientStreams: spec.Kind&transport.ClientStream != 0,
		ServerStreams: spec.Kind&transport.ServerStream != 0,
	}}
	c.NewWorker, c.CloseConn = c.newWorker, cc.Close
	c.Init()
	return c, nil
}

// conn is one ClientConn and its workers.
type conn struct {
	transport.Pool
	cc   *grpc.ClientConn
	spec transport.Spec
	src  transport.Source
	desc grpc.StreamDesc
}

// worker makes one call at a time. What it can prepare once for all its calls, it does.
type worker struct {
	*conn
	call    *transport.Call
	ctx     context.Context //nolint:containedctx // the parent of each call's context
	opts    []grpc.CallOption
	out     outgoing
	in      incoming
	trailer metadata.MD
	// lastSend is when the call's last message went out.
	lastSend int64
}

func (c *conn) newWorker(ctx context.Context, call *transport.Call) func() {
	w := &worker{conn: c, call: call, out: outgoing{src: c.src, call: call}, in: incoming{src: c.src, call: call}}
	if len(c.spec.Metadata) > 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, c.spec.Metadata...)
	}
	w.ctx = WithCall(ctx, call)
	w.opts = []grpc.CallOption{grpc.ForceCodecV2(codec{}), grpc.Trailer(&w.trailer)}
	if c.spec.Kind == transport.Unary {
		return w.unary
	}
	return w.stream
}

// deadline gives one call its context.
func (w *worker) deadline() (context.Context, context.CancelFunc) {
	if w.spec.Timeout > 0 {
		return context.WithTimeout(w.ctx, w.spec.Timeout)
	}
	return context.WithCancel(w.ctx)
}

// finish notes how the call ended.
func (w *worker) finish(err error) {
	w.call.End = transport.Now()
	if report := w.trailer[contract.LoadReportKey]; len(report) > 0 {
		w.call.LoadReport = report[0]
	}
	w.trailer = nil
	switch {
	case w.in.bad != nil: // a wrong answer is a failed call, whatever its status
		w.call.Code, w.call.Message = codes.DataLoss, w.in.bad.Error()
		w.in.bad = nil
	case err != nil:
		st := status.Convert(err)
		w.call.Code, w.call.Message = st.Code(), st.Message()
	}
}

func (w *worker) unary() {
	w.call.Sent = transport.Now()
	ctx, cancel := w.deadline()
	err := w.cc.Invoke(ctx, w.spec.Method, &w.out, &w.in, w.opts...)
	w.finish(err)
	cancel()
}

func (w *worker) stream() {
	w.call.Sent = transport.Now()
	ctx, cancel := w.deadline()
	defer cancel()
	s, err := w.cc.NewStream(ctx, &w.desc, w.spec.Method, w.opts...)
	if err == nil {
		if w.spec.Kind == transport.Bidi {
			err = w.pingPong(s)
		} else {
			err = w.sendThenReceive(s)
		}
	}
	w.finish(err)
}

// pingPong sends a message, awaits its answer, and so on; then half-closes and awaits the end.
func (w *worker) pingPong(s grpc.ClientStream) error {
	for w.more(s.Context()) {
		if err := s.SendMsg(&w.out); err != nil && !errors.Is(err, io.EOF) { // EOF: RecvMsg knows why
			return err
		}
		if err := s.RecvMsg(&w.in); err != nil {
			if errors.Is(err, io.EOF) {
				return status.Errorf(codes.Internal, "the server ended the stream after %d of its answers", w.call.MessagesReceived)
			}
			return err
		}
		now := transport.Now()
		if w.call.MessagesReceived == 1 {
			w.call.Owner.Message(w.call, transport.FirstMessage, now-w.call.Sent)
		}
		w.call.Owner.Message(w.call, transport.MessageRTT, now-w.lastSend)
	}
	if err := s.CloseSend(); err != nil {
		return fmt.Errorf("half-close: %w", err)
	}
	return w.receive(s)
}

func (w *worker) sendThenReceive(s grpc.ClientStream) error {
	for w.more(s.Context()) {
		if err := s.SendMsg(&w.out); err != nil {
			if errors.Is(err, io.EOF) {
				break // the server ended the call: RecvMsg knows why
			}
			return err
		}
	}
	if err := s.CloseSend(); err != nil {
		return fmt.Errorf("half-close: %w", err)
	}
	return w.receive(s)
}

// receive takes answers until the server ends the call, or the Spec does.
func (w *worker) receive(s grpc.ClientStream) error {
	for {
		err := s.RecvMsg(&w.in)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if w.call.MessagesReceived == 1 {
			w.call.Owner.Message(w.call, transport.FirstMessage, transport.Now()-w.call.Sent)
		}
		if !w.desc.ServerStreams || w.call.MessagesReceived == w.spec.Receive {
			return nil
		}
	}
}

// more says whether the call has another message to send, and waits until it is time for it.
func (w *worker) more(ctx context.Context) bool {
	if w.spec.Send > 0 && w.call.MessagesSent >= w.spec.Send {
		return false
	}
	var finishing <-chan struct{} // nil, and never ready, for a stream with an end of its own
	if w.spec.Send == 0 {
		finishing = w.Finishing()
	}
	if w.call.MessagesSent > 0 { // without a first message a stream would measure nothing
		if wait := time.Duration(w.lastSend + int64(w.spec.Interval) - transport.Now()); wait > 0 {
			t := time.NewTimer(wait)
			defer t.Stop()
			select {
			case <-t.C:
			case <-ctx.Done(): // SendMsg will say so
			case <-finishing:
				return false
			}
		}
		select {
		case <-finishing:
			return false
		default:
		}
	}
	w.lastSend = transport.Now()
	return true
}

// reportedStream reports the end of a stream once.
type reportedStream struct {
	grpc.ClientStream
	once bool // one answer ends it
	done func(error)
}

func (s *reportedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if s.done != nil && (err != nil || s.once) {
		end := err
		if errors.Is(err, io.EOF) {
			end = nil
		}
		s.done(end)
		s.done = nil
	}
	return err
}
