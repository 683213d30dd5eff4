package interceptor

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// newTimeout bounds a unary handler by unary and each RecvMsg of a stream by
// recv. Both answer DEADLINE_EXCEEDED `<method>: Deadline exceeded`.
//
// A handler cannot be killed, so it runs in a goroutine of its own with a
// context that ends in time; the answer does not wait for it. Its result goes
// into a channel with room for it, so that a late handler never blocks, and is
// read from there by one side only, so that nothing races on it.
func newTimeout(unary, recv time.Duration, logger *slog.Logger) Interceptor {
	return Interceptor{
		Unary: func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, unary)
			defer cancel()
			var abandoned atomic.Bool
			done := make(chan result, 1)
			go func() {
				var r result
				r.panic, r.err = runProtected(func() (err error) {
					r.res, err = handler(ctx, req)
					return err
				})
				done <- r
				if !abandoned.Load() {
					return
				}
				select { // the call may have been answered without this result
				case late := <-done:
					if late.panic != nil {
						late.panic.log(ctx, logger, info.FullMethod)
					}
				default:
				}
			}()
			select {
			case r := <-done:
				return r.unwrap(ctx, info.FullMethod)
			case <-ctx.Done():
			}
			abandoned.Store(true)
			select {
			case r := <-done:
				return r.unwrap(ctx, info.FullMethod)
			default:
				return nil, ended(ctx, info.FullMethod)
			}
		},
		Stream: func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			return handler(srv, &timeoutStream{ServerStream: ss, limit: recv, method: info.FullMethod, logger: logger})
		},
	}
}

type result struct {
	res   any
	err   error
	panic *panicked
}

// unwrap hands the handler's result on: a panic goes on in the call's own goroutine, and a handler
// that gave up because its time was over gets the same words as one that did not.
func (r result) unwrap(ctx context.Context, method string) (any, error) {
	if r.panic != nil {
		panic(r.panic)
	}
	if r.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, ended(ctx, method)
	}
	return r.res, r.err
}

// ended is the status of a call whose context is over: the caller's own cancel is not a deadline.
func ended(ctx context.Context, method string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return status.FromContextError(ctx.Err()).Err()
	}
	return deadlineExceeded(method)
}

func deadlineExceeded(method string) error {
	return status.Errorf(codes.DeadlineExceeded, "%s: Deadline exceeded", method)
}

// timeoutStream bounds each RecvMsg. Once one is late the stream is over: the
// goroutine that still receives ends when the handler returns, and no second
// RecvMsg is started beside it.
type timeoutStream struct {
	grpc.ServerStream
	limit  time.Duration
	method string
	logger *slog.Logger
	late   error
}

func (s *timeoutStream) RecvMsg(m any) error {
	if s.late != nil {
		return s.late
	}
	done := make(chan result)
	gone := make(chan struct{})
	go func() {
		var r result
		r.panic, r.err = runProtected(func() error { return s.ServerStream.RecvMsg(m) })
		select {
		case done <- r:
		case <-gone:
			if r.panic != nil {
				r.panic.log(s.Context(), s.logger, s.method)
			}
		}
	}()
	timer := time.NewTimer(s.limit)
	defer timer.Stop()
	select {
	case r := <-done:
		if r.panic != nil {
			panic(r.panic)
		}
		return r.err
	case <-timer.C:
		close(gone)
		s.late = deadlineExceeded(s.method)
		return s.late
	}
}
