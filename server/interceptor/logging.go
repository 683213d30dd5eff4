package interceptor

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// newLogging writes one record per call: method, code, latency, request id, and
// the messages in and out. A call that panics is logged too, as INTERNAL.
func newLogging(logger *slog.Logger) Interceptor {
	return Interceptor{
		Unary: func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (res any,
			err error,
		) {
			start, code := time.Now(), codes.Internal
			defer func() {
				sent := 0
				if code == codes.OK {
					sent = 1
				}
				logCall(ctx, logger, info.FullMethod, code, start, slog.Int64("received", 1), slog.Int("sent", sent))
			}()
			res, err = handler(ctx, req)
			code = status.Code(err)
			return res, err
		},
		Stream: func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			start, code := time.Now(), codes.Internal
			stream := &observedStream{ServerStream: ss}
			defer func() {
				logCall(ss.Context(), logger, info.FullMethod, code, start,
					slog.Int64("received", stream.received.Load()),
					slog.Int64("sent", stream.sent.Load()),
					slog.Duration("receiving", time.Duration(stream.recvTime.Load())),
					slog.Duration("sending", time.Duration(stream.sendTime.Load())))
			}()
			err := handler(srv, stream)
			code = status.Code(err)
			return err
		},
	}
}

func logCall(ctx context.Context, logger *slog.Logger, method string, code codes.Code, start time.Time,
	more ...slog.Attr,
) {
	level := slog.LevelInfo
	if code != codes.OK {
		level = slog.LevelWarn
	}
	attrs := append([]slog.Attr{
		slog.String("method", method),
		slog.String("code", code.String()),
		slog.Duration("latency", time.Since(start)),
		slog.String("request_id", idOf(ctx)),
	}, more...)
	logger.LogAttrs(ctx, level, "call", attrs...)
}
