package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// Busy takes a core for d in each unary call, and for each message that a
// stream receives: an interceptor of known cost, to check with that costs are
// measured rightly.
func Busy(d time.Duration) Interceptor {
	return Interceptor{
		Name: "busy",
		Unary: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			spin(d)
			return handler(ctx, req)
		},
		Stream: func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			return handler(srv, busyStream{ss, d})
		},
	}
}

type busyStream struct {
	grpc.ServerStream
	d time.Duration
}

func (s busyStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		spin(s.d)
	}
	return err
}

// spin does not sleep, which would cost less than it takes.
func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}
