// Package trace exports sampled calls as OpenTelemetry spans, over OTLP. What a
// call costs for it is a place in a channel; the rest is done beside the run.
package trace

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/requestid"
)

// Span is one sampled call.
type Span struct {
	ID requestid.ID
	// Method is the call's, as /pkg.Service/Method; Step names its step, where the run has several.
	Method, Step         string
	Intended, Start, End time.Time
	Code                 codes.Code
	// Message explains a code other than OK.
	Message string
}

// Exporter sends spans. Export may be called concurrently.
type Exporter struct {
	addr     string
	spans    chan Span
	provider *sdk.TracerProvider
	client   sdk.SpanExporter
	stopped  chan struct{}
	cancel   context.CancelFunc
	dropped  atomic.Int64

	// The exporting goroutine's own until it has stopped.
	batch []sdk.ReadOnlySpan
	lost  int64
	cause error
}

const (
	waiting  = 4096            // spans that may wait to be exported; what comes then is dropped, and counted
	atOnce   = 512             // spans that travel together
	flushing = 5 * time.Second // how long the end of a run waits for a slow collector, and a batch at most
)

// New exports the spans of a run's calls to the collector at addr, host:port, in plaintext.
// It does not wait for the collector to be there.
func New(ctx context.Context, addr, runID string) (*Exporter, error) {
	client, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(addr), otlptracegrpc.WithInsecure(),
		otlptracegrpc.WithTimeout(flushing),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{})) // none: who is away says so at once
	if err != nil {
		return nil, fmt.Errorf("export traces to %s: %w", addr, err)
	}
	e := &Exporter{addr: addr, spans: make(chan Span, waiting), client: client, stopped: make(chan struct{})}
	e.provider = sdk.NewTracerProvider(
		sdk.WithSpanProcessor(collect{e}), sdk.WithIDGenerator(ids{}), sdk.WithSampler(sdk.AlwaysSample()),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "grpcbench"),
			attribute.String("grpcbench.run_id", runID))),
	)
	ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go e.export(ctx)
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

// export sends what comes, at least once a second, until the channel is closed.
func (e *Exporter) export(ctx context.Context) {
	defer close(e.stopped)
	tracer := e.provider.Tracer("grpcbench")
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			e.flush(ctx)
		case s, more := <-e.spans:
			if !more {
				e.flush(ctx)
				return
			}
			e.make(tracer, s)
			if len(e.batch) == atOnce {
				e.flush(ctx)
			}
		}
	}
}

// make makes OpenTelemetry's span, which collect takes.
func (e *Exporter) make(tracer trace.Tracer, s Span) {
	full := strings.TrimPrefix(s.Method, "/")
	service, method, _ := strings.Cut(full, "/")
	ctx := context.WithValue(context.Background(), idKey{}, s.ID)
	_, span := tracer.Start(ctx, full, trace.WithTimestamp(s.Start), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithNewRoot(),
		trace.WithAttributes(
			attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", service),
			attribute.String("rpc.method", method),
			attribute.Int("rpc.grpc.status_code", int(s.Code)), attribute.String("grpcbench.request_id", s.ID.String()),
			attribute.Int64("grpcbench.lag_ns", int64(s.Start.Sub(s.Intended))),
		))
	if s.Step != "" {
		span.SetAttributes(attribute.String("grpcbench.step", s.Step))
	}
	if s.Code != codes.OK {
		span.SetStatus(otelcodes.Error, code.Code(s.Code).String()+": "+s.Message)
	}
	span.End(trace.WithTimestamp(s.End))
}

// flush sends the batch; what the collector does not take is lost.
func (e *Exporter) flush(ctx context.Context) {
	if len(e.batch) == 0 {
		return
	}
	if err := e.client.ExportSpans(ctx, e.batch); err != nil {
		e.lost += int64(len(e.batch))
		if e.cause == nil {
			e.cause = err
		}
	}
	clear(e.batch)
	e.batch = e.batch[:0]
}

// Close sends what is left, for a few seconds at most, and says what was lost.
// No Export may come after it.
func (e *Exporter) Close(ctx context.Context) error {
	close(e.spans)
	last := time.AfterFunc(flushing, e.cancel) // what is left then is given up
	<-e.stopped
	last.Stop()
	e.cancel()
	ctx, cancel := context.WithTimeout(ctx, flushing)
	defer cancel()
	err := e.client.Shutdown(ctx)
	switch dropped := e.dropped.Load(); {
	case e.lost > 0:
		return fmt.Errorf("-otlp %s: %d spans were not taken: %s", e.addr, e.lost+dropped, oneLine(e.cause))
	case dropped > 0:
		return fmt.Errorf("-otlp %s: %d spans were dropped, more than it could take: lower -trace-ratio", e.addr,
			dropped)
	case err != nil:
		return fmt.Errorf("-otlp %s: %w", e.addr, err)
	default:
		return nil
	}
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// collect is the SDK's processor: it keeps spans for the batch.
type collect struct{ *Exporter }

func (collect) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (c collect) OnEnd(s sdk.ReadOnlySpan)                 { c.batch = append(c.batch, s) }
func (collect) Shutdown(context.Context) error             { return nil }
func (collect) ForceFlush(context.Context) error           { return nil }

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
