package grpcconn

import (
	"context"
	"fmt"
	"log/slog"

	mwprometheus "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	mwlogging "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Ecosystem are client interceptors of others, to be compared with: go-grpc-middleware's
// logging and Prometheus provider, and OpenTelemetry's stats handler with spans that go nowhere.
var Ecosystem = []string{"mw-logging", "mw-prometheus", "otel"}

func fromEcosystem(name string, logger *slog.Logger) (Interceptor, error) {
	switch name {
	case "mw-logging":
		l := mwlogging.LoggerFunc(func(ctx context.Context, level mwlogging.Level, msg string, fields ...any) {
			logger.Log(ctx, slog.Level(level), msg, fields...)
		})
		once := mwlogging.WithLogOnEvents(mwlogging.FinishCall)
		return Interceptor{
			Name: name, Unary: mwlogging.UnaryClientInterceptor(l, once),
			Stream: mwlogging.StreamClientInterceptor(l, once),
		}, nil
	case "mw-prometheus":
		m := mwprometheus.NewClientMetrics(mwprometheus.WithClientHandlingTimeHistogram())
		if err := prometheus.NewRegistry().Register(m); err != nil {
			return Interceptor{}, fmt.Errorf("register the client metrics: %w", err)
		}
		return Interceptor{Name: name, Unary: m.UnaryClientInterceptor(), Stream: m.StreamClientInterceptor()}, nil
	case "otel":
		return Interceptor{
			Name:  name,
			Stats: otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(sdktrace.NewTracerProvider())),
		}, nil
	default:
		return Interceptor{}, fmt.Errorf("unknown client interceptor %q", name)
	}
}
