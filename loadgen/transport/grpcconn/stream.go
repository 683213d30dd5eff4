package grpcconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// stream makes one call of a streaming kind.
func (w *worker) stream() {
	w.call.Sent = transport.Now()
	if err := w.setVarying(); err != nil {
		w.finish(err)
		return
	}
	ctx, cancel := w.deadline()
	defer cancel()
	s, err := w.cc.NewStream(ctx, &w.desc, w.spec.Method, w.streamOpts...)
	if err == nil {
		switch {
		case w.spec.Lockstep():
			err = w.pingPong(ctx, s)
			w.call.Awaited, w.call.AwaitedDue = w.lastSend, w.intended
		case w.spec.Kind == transport.Bidi:
			// In half too: answers are taken as they come, so that the server never waits for it.
			err = w.sendAndReceive(ctx, cancel, s)
		default:
			err = w.sendThenReceive(ctx, s)
		}
		if w.over { // else it ends itself, and hears no trailer
			w.trailer = s.Trailer()
		}
	}
	w.over = false
	// it is that itself
	if _, success := w.spec.Limit(); success && context.Cause(ctx) == errEnough { //nolint:errorlint
		err = nil
	}
	w.finish(err)
}

// errEnough says that the call took as long as it was to take.
var errEnough = errors.New("the call ends itself")

// sendAndReceive sends while it receives; only once both are over it returns.
func (w *worker) sendAndReceive(ctx context.Context, cancel context.CancelFunc, s grpc.ClientStream) error {
	sent := make(chan error, 1)
	go func() { sent <- w.sendAll(ctx, s) }()
	err := w.receive(s)
	cancel() // what is still to be sent nobody reads
	if sending := <-sent; err == nil || w.call.Local {
		err = errors.Join(err, sending)
	}
	return err
}

// sendAll sends what there is to send, and half-closes.
func (w *worker) sendAll(ctx context.Context, s grpc.ClientStream) error {
	for w.more(ctx) {
		if err := w.send(s); err != nil {
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return nil //nolint:nilerr // RecvMsg knows why
			}
			return err
		}
	}
	if w.spec.EndsItself() {
		return nil
	}
	return halfClose(ctx, s)
}

// pingPong sends a message, awaits its answer, and so on; then half-closes and awaits the end.
func (w *worker) pingPong(ctx context.Context, s grpc.ClientStream) error {
	for w.more(ctx) {
		if err := w.send(s); err != nil && !errors.Is(err, io.EOF) { // EOF: RecvMsg knows why
			return err
		}
		if err := w.recv(s); err != nil {
			if errors.Is(err, io.EOF) {
				return status.Errorf(codes.Internal, "the server ended the stream after %d of its answers",
					w.call.MessagesReceived)
			}
			return err
		}
		now := transport.Now()
		if w.call.MessagesReceived == 1 {
			w.call.Owner.Message(w.call, series.FirstMessage, now-w.call.Sent)
		}
		w.call.Owner.Message(w.call, series.MessageRTT, now-w.lastSend)
		if w.spec.Pace > 0 {
			w.call.Owner.Message(w.call, series.MessageResponse, now-w.intended)
		}
		if w.call.MessagesReceived == w.spec.Receive {
			w.endItself(s)
			return nil
		}
	}
	if err := halfClose(ctx, s); err != nil {
		return err
	}
	return w.receive(s)
}

func (w *worker) sendThenReceive(ctx context.Context, s grpc.ClientStream) error {
	for w.more(ctx) {
		if err := w.send(s); err != nil {
			if errors.Is(err, io.EOF) {
				break // the server ended the call: RecvMsg knows why
			}
			return err
		}
	}
	if err := halfClose(ctx, s); err != nil {
		return err
	}
	return w.receive(s)
}

// halfClose says that there are no more messages. A call that ended before it had sent them all does not say so: the
// server would see a whole stream.
func halfClose(ctx context.Context, s grpc.ClientStream) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // RecvMsg will say what became of it
	}
	if err := s.CloseSend(); err != nil {
		return fmt.Errorf("half-close: %w", err)
	}
	return nil
}

// send sends the next message.
func (w *worker) send(s grpc.ClientStream) error {
	err := s.SendMsg(&w.out)
	if errors.Is(err, io.EOF) { // the server had ended the stream, perhaps while it waited for this message's time
		w.call.MessagesSent--
		w.call.BytesSent -= int64(w.out.hint)
	}
	if err == nil && w.desc.ClientStreams {
		w.call.Owner.Message(w.call, series.SendBlocked, transport.Now()-w.lastSend)
	}
	return err
}

// recv takes the next answer.
func (w *worker) recv(s grpc.ClientStream) error {
	err := s.RecvMsg(&w.in)
	w.over = err != nil || !w.desc.ServerStreams
	return err
}

// receive takes answers until the server ends the call, or the Spec does.
func (w *worker) receive(s grpc.ClientStream) error {
	var last int64
	for {
		err := w.recv(s)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		now := transport.Now()
		if w.call.MessagesReceived == 1 {
			w.call.Owner.Message(w.call, series.FirstMessage, now-w.call.Sent)
		} else if w.desc.ServerStreams && !w.spec.Lockstep() {
			w.call.Owner.Message(w.call, series.MessageGap, now-last)
		}
		last = now
		w.call.Awaited = now
		if !w.desc.ServerStreams {
			return nil
		}
		if w.call.MessagesReceived == w.spec.Receive {
			w.endItself(s)
			return nil
		}
	}
}

// endItself tells who watches the stream that the call takes no more of it.
func (w *worker) endItself(s grpc.ClientStream) {
	if e, ok := s.(ender); ok {
		e.end()
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
	switch {
	case w.spec.Pace > 0:
		w.intended = w.spec.MessageDue(w.call.Worker, w.call.Sent, w.call.MessagesSent)
	case w.call.MessagesSent > 0:
		w.intended = w.lastSend + int64(w.spec.Interval)
	}
	if w.call.MessagesSent > 0 || w.spec.Pace > 0 {
		// without a first message a stream would measure nothing
		if !w.wait(ctx, finishing) && w.call.MessagesSent > 0 {
			return false
		}
		if ctx.Err() != nil { // the call ended meanwhile: nothing more is made for it
			return false
		}
	}
	w.lastSend = transport.Now()
	return true
}

// wait returns at the intended send, or sooner where ctx ends; it is false once the run finishes.
func (w *worker) wait(ctx context.Context, finishing <-chan struct{}) bool {
	for transport.Now() < w.intended && ctx.Err() == nil { // RecvMsg will say what became of ctx
		stop := w.ringAt(w.intended)
		select {
		case <-w.rings: // perhaps for an earlier call, which did not wait for it: then again
		case <-ctx.Done():
		case <-finishing:
		}
		stop()
		if done(finishing) {
			return false
		}
	}
	return !done(finishing)
}

func done(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ringAt has the worker woken at a reading of transport.Now: precisely with a Pace, else by a timer.
func (w *worker) ringAt(at int64) (stop func()) {
	if w.alarm != nil {
		w.alarm.At(at, w.wakeSender)
		return func() {}
	}
	t := time.AfterFunc(time.Duration(at-transport.Now()), w.wakeSender)
	return func() { t.Stop() }
}
