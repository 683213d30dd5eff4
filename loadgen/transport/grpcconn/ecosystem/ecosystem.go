// Package ecosystem makes client interceptors of other projects known to package grpcconn, to be compared with its own:
// go-grpc-middleware's logging and Prometheus provider, and OpenTelemetry's stats handler with spans that go nowhere.
// It is imported for that alone, by the commands, so that nothing else links them.
package ecosystem

import (
	"context"
	"fmt"
	"log/slog"

	mwprometheus "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	mwlogging "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport/grpcconn"
)

func init() {
	grpcconn.Register("mw-logging", newLogging)
	grpcconn.Register("mw-prometheus", newMetrics)
	grpcconn.Register("otel", newTracing)
}

func newLogging(logger *slog.Logger) (grpcconn.Interceptor, error) {
	l := mwlogging.LoggerFunc(func(ctx context.Context, level mwlogging.Level, msg string, fields ...any) {
		logger.Log(ctx, slog.Level(level), msg, fields...)
	})
	// A record a call at level info, as our own writes. By itself it writes those of good calls at level debug, which a
	// logger of info drops before they are formatted.
	once := mwlogging.WithLogOnEvents(mwlogging.FinishCall)
	info := mwlogging.WithLevels(func(codes.Code) mwlogging.Level { return mwlogging.LevelInfo })
	return grpcconn.Interceptor{
		Unary:  mwlogging.UnaryClientInterceptor(l, once, info),
		Stream: mwlogging.StreamClientInterceptor(l, once, info),
	}, nil
}

func newMetrics(*slog.Logger) (grpcconn.Interceptor, error) {
	m := mwprometheus.NewClientMetrics(mwprometheus.WithClientHandlingTimeHistogram())
	if err := prometheus.NewRegistry().Register(m); err != nil {
		return grpcconn.Interceptor{}, fmt.Errorf("register the client metrics: %w", err)
	}
	return grpcconn.Interceptor{Unary: m.UnaryClientInterceptor(), Stream: m.StreamClientInterceptor()}, nil
}

func newTracing(*slog.Logger) (grpcconn.Interceptor, error) {
	return grpcconn.Interceptor{
		Stats: otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(sdktrace.NewTracerProvider())),
	}, nil
}
