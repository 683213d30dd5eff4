package interceptor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	mwprometheus "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	mwlogging "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	mwrecovery "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// What others offer for the same purposes, to be compared with: go-grpc-middleware's
// logging, recovery and Prometheus provider, and OpenTelemetry's stats handler, whose
// spans go nowhere, or are batched first.
const (
	MWLogging  = "mw-logging"
	MWRecovery = "mw-recovery"
	MWMetrics  = "mw-prometheus"
	OTel       = "otel"
	OTelBatch  = "otel-batch"
)

// Ecosystem are the interceptors that are not this project's; "all" leaves them out.
var Ecosystem = []string{MWLogging, MWRecovery, MWMetrics, OTel, OTelBatch}

func buildEcosystem(name string, cfg Config) (Interceptor, error) {
	switch name {
	case MWLogging:
		l := mwlogging.LoggerFunc(func(ctx context.Context, level mwlogging.Level, msg string, fields ...any) {
			cfg.Logger.Log(ctx, slog.Level(level), msg, fields...)
		})
		once := mwlogging.WithLogOnEvents(mwlogging.FinishCall) // a record a call, as our own writes
		return Interceptor{
			Unary:  mwlogging.UnaryServerInterceptor(l, once),
			Stream: mwlogging.StreamServerInterceptor(l, once),
		}, nil
	case MWRecovery:
		answer := mwrecovery.WithRecoveryHandler(func(any) error { return errPanic })
		return Interceptor{
			Unary:  mwrecovery.UnaryServerInterceptor(answer),
			Stream: mwrecovery.StreamServerInterceptor(answer),
		}, nil
	case MWMetrics:
		m := mwprometheus.NewServerMetrics(mwprometheus.WithServerHandlingTimeHistogram())
		// Its metrics have the names that ours have, so they get a registry of their own.
		if err := prometheus.NewRegistry().Register(m); err != nil {
			return Interceptor{}, fmt.Errorf("register the metrics: %w", err)
		}
		return Interceptor{Unary: m.UnaryServerInterceptor(), Stream: m.StreamServerInterceptor()}, nil
	case OTel, OTelBatch:
		provider := sdktrace.NewTracerProvider()
		if name == OTelBatch {
			provider.RegisterSpanProcessor(sdktrace.NewBatchSpanProcessor(nowhere{}))
		}
		return Interceptor{Stats: otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(provider))}, nil
	default:
		return Interceptor{}, errors.New("no such interceptor")
	}
}

// nowhere is where batched spans go.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                             { return nil }
