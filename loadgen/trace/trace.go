// Package trace exports sampled calls as OpenTelemetry spans, over OTLP. What a
// call costs for it is a place in a channel; the rest is done beside the run.
package trace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"grpcbench/loadgen/requestid"
)

// Span is one sampled call.
type Span struct {
	ID                   requestid.ID
	Intended, Start, End time.Time
	// Code is as gRPC spells it; Message explains one that is not OK.
	Code, Message string
}

// Exporter sends spans. Export may be called concurrently.
type Exporter struct {
	method    string
	spans     chan Span
	provider  *sdk.TracerProvider
	failures  *failures
	dropped   atomic.Int64
	exporting sync.WaitGroup
}

// waiting is how many spans may wait to be exported; what comes then is dropped, and counted.
const waiting = 4096

// flushing is how long the end of a run waits for a slow collector.
const flushing = 5 * time.Second

// New exports the spans of a run's calls to the collector at addr, host:port, in plaintext. Method is
// the calls', as /pkg.Service/Method. It does not wait for the collector to be there.
func New(ctx context.Context, addr, method, runID string) (*Exporter, error) {
	client, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(addr), otlptracegrpc.WithInsecure(), otlptracegrpc.WithTimeout(flushing))
	if err != nil {
		return nil, fmt.Errorf("export traces to %s: %w", addr, err)
	}
	e := &Exporter{method: strings.TrimPrefix(method, "/"), spans: make(chan Span, waiting), failures: &failures{SpanExporter: client}}
	e.provider = sdk.NewTracerProvider(
		sdk.WithBatcher(e.failures, sdk.WithBatchTimeout(time.Second)), sdk.WithIDGenerator(ids{}), sdk.WithSampler(sdk.AlwaysSample()),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "grpcbench"), attribute.String("grpcbench.run_id", runID))),
	)
	e.exporting.Go(e.export)
	return e, nil
}

// Export hands a span over. It never waits.
func (e *Exporter) Export(s Span) {
	select {
	case e.spans <- s:
	default:
		e.dropped.Add(1)
	}
}

// export makes OpenTelemetry's spans.
func (e *Exporter) export() {
	tracer := e.provider.Tracer("grpcbench")
	service, method, _ := strings.Cut(e.method, "/")
	for s := range e.spans {
		ctx := context.WithValue(context.Background(), idKey{}, s.ID)
		_, span := tracer.Start(ctx, e.method, trace.WithTimestamp(s.Start), trace.WithSpanKind(trace.SpanKindClient), trace.WithNewRoot(),
			trace.WithAttributes(
				attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", service), attribute.String("rpc.method", method),
				attribute.String("rpc.grpc.status_code", s.Code), attribute.String("grpcbench.request_id", s.ID.String()),
				attribute.Int64("grpcbench.lag_ns", int64(s.Start.Sub(s.Intended))),
			))
		if s.Code != "OK" {
			span.SetStatus(codes.Error, s.Code+": "+s.Message)
		}
		span.End(trace.WithTimestamp(s.End))
	}
}

// Close exports what is left, for a few seconds at most, and says what was lost.
func (e *Exporter) Close(ctx context.Context) error {
	close(e.spans)
	e.exporting.Wait()
	ctx, cancel := context.WithTimeout(ctx, flushing)
	defer cancel()
	err := errors.Join(e.failures.first(), e.provider.Shutdown(ctx))
	if n := e.dropped.Load(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d spans were dropped: more than the collector took, lower -trace-ratio", n))
	}
	if err != nil {
		return fmt.Errorf("export traces: %w", err)
	}
	return nil
}

// failures keeps the first error of an exporter, which the SDK would write to the terminal.
type failures struct {
	sdk.SpanExporter

	mu  sync.Mutex
	err error
}

// ExportSpans implements the SDK's exporter.
func (f *failures) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := f.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.err == nil {
			f.err = err
		}
	}
	return nil
}

func (f *failures) first() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// ids gives spans the ids that their calls carried.
type ids struct{}

type idKey struct{}

// NewIDs implements the SDK's generator.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, _ := ctx.Value(idKey{}).(requestid.ID) // always there
	return id.TraceID(), id.SpanID()
}

// NewSpanID implements the SDK's generator.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	id, _ := ctx.Value(idKey{}).(requestid.ID)
	return id.SpanID()
}
