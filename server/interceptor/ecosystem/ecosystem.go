// Package ecosystem makes interceptors of other projects known to package interceptor, to be compared with its own:
// go-grpc-middleware's logging, recovery and Prometheus provider, and OpenTelemetry's stats handler, whose spans go
// nowhere, or are batched first. It is imported for that alone, by the commands, so that nothing else links them.
package ecosystem

import (
	"context"
	"fmt"
	"log/slog"

	mwprometheus "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	mwlogging "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	mwrecovery "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"grpcbench/server/interceptor"
)

func init() {
	interceptor.Register("mw-logging", newLogging)
	interceptor.Register("mw-recovery", newRecovery)
	interceptor.Register("mw-prometheus", newMetrics)
	interceptor.Register("otel", func(interceptor.Config) (interceptor.Interceptor, error) {
		return newTracing(), nil
	})
	interceptor.Register("otel-batch", func(interceptor.Config) (interceptor.Interceptor, error) {
		return newTracing(sdktrace.WithBatcher(nowhere{})), nil
	})
}

func newLogging(cfg interceptor.Config) (interceptor.Interceptor, error) {
	l := mwlogging.LoggerFunc(func(ctx context.Context, level mwlogging.Level, msg string, fields ...any) {
		cfg.Logger.Log(ctx, slog.Level(level), msg, fields...)
	})
	once := mwlogging.WithLogOnEvents(mwlogging.FinishCall) // a record a call, as our own writes
	return interceptor.Interceptor{
		Unary:  mwlogging.UnaryServerInterceptor(l, once),
		Stream: mwlogging.StreamServerInterceptor(l, once),
	}, nil
}

func newRecovery(interceptor.Config) (interceptor.Interceptor, error) {
	answer := mwrecovery.WithRecoveryHandler(func(any) error { return interceptor.ErrPanic })
	return interceptor.Interceptor{
		Unary:  mwrecovery.UnaryServerInterceptor(answer),
		Stream: mwrecovery.StreamServerInterceptor(answer),
	}, nil
}

func newMetrics(interceptor.Config) (interceptor.Interceptor, error) {
	m := mwprometheus.NewServerMetrics(mwprometheus.WithServerHandlingTimeHistogram())
	// Its metrics have the names that ours have, so they get a registry of their own.
	if err := prometheus.NewRegistry().Register(m); err != nil {
		return interceptor.Interceptor{}, fmt.Errorf("register the metrics: %w", err)
	}
	return interceptor.Interceptor{Unary: m.UnaryServerInterceptor(), Stream: m.StreamServerInterceptor()}, nil
}

func newTracing(options ...sdktrace.TracerProviderOption) interceptor.Interceptor {
	provider := sdktrace.NewTracerProvider(options...)
	return interceptor.Interceptor{Stats: otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(provider))}
}

// nowhere is where batched spans go.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                             { return nil }
