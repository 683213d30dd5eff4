package interceptor

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ErrPanic is what the client hears of a panic: nothing of its cause.
var ErrPanic = status.Error(codes.Internal, "Unexpected error happened")

// panicked carries a panic, with the stack it happened on, out of a goroutine
// that an interceptor started and into the call's own, where recovery sees it.
type panicked struct {
	value any
	stack []byte
}

// String is what a process without recovery dies with.
func (p *panicked) String() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// runProtected runs fn and turns a panic of it into a value; p is nil where there was none.
func runProtected(fn func() error) (p *panicked, err error) {
	defer func() {
		if r := recover(); r != nil {
			p = newPanicked(r)
		}
	}()
	return nil, fn()
}

// newPanicked is what r panicked with, and its stack. It must be called while the panic unwinds.
func newPanicked(r any) *panicked {
	if p, ok := r.(*panicked); ok {
		return p
	}
	return &panicked{value: r, stack: debug.Stack()}
}

func (p *panicked) log(ctx context.Context, logger *slog.Logger, method string) {
	logger.LogAttrs(ctx, slog.LevelError, "panic",
		slog.String("method", method),
		slog.String("request_id", idOf(ctx)),
		slog.Any("value", p.value),
		slog.String("stack", string(p.stack)))
}

// newRecovery turns a panic of anything inside it into INTERNAL, and logs it once with its stack.
func newRecovery(logger *slog.Logger) Interceptor {
	return Interceptor{
		Unary: func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (res any,
			err error,
		) {
			defer func() {
				if r := recover(); r != nil {
					newPanicked(r).log(ctx, logger, info.FullMethod)
					res, err = nil, ErrPanic
				}
			}()
			return handler(ctx, req)
		},
		Stream: func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo,
			handler grpc.StreamHandler,
		) (err error) {
			defer func() {
				if r := recover(); r != nil {
					newPanicked(r).log(ss.Context(), logger, info.FullMethod)
					err = ErrPanic
				}
			}()
			return handler(srv, ss)
		},
	}
}
