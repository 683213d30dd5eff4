package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/orca"

	"grpcbench/server/contract"
)

// ServerTime reports the call's own handling time in its trailer, as an ORCA
// named metric in nanoseconds. It stands outside the chain and needs
// [orca.CallMetricsServerOption] outside itself.
func ServerTime() Interceptor {
	return Interceptor{
		Name: "servertime",
		Unary: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			start := time.Now()
			res, err := handler(ctx, req)
			reportServerTime(ctx, start)
			return res, err
		},
		Stream: func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			start := time.Now()
			err := handler(srv, ss)
			reportServerTime(ss.Context(), start)
			return err
		},
	}
}

func reportServerTime(ctx context.Context, start time.Time) {
	if rec := orca.CallMetricsRecorderFromContext(ctx); rec != nil {
		rec.SetNamedMetric(contract.ServerTimeMetric, float64(time.Since(start)))
	}
}
