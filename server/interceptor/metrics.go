package interceptor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// exemplarLabel names the exemplars' only label.
const exemplarLabel = "request_id"

// latencyBuckets run from 50 us to 10 s: in-process handlers at one end, stalls at the other.
var latencyBuckets = []float64{
	50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10,
}

// collectors are the vectors, named as the gRPC ecosystem's Prometheus providers name theirs.
type collectors struct {
	started, handled, received, sent *prometheus.CounterVec
	handling, message                *prometheus.HistogramVec

	methods sync.Map // full method string -> *method
}

// method holds one method's children, so that a call looks up no labels.
type method struct {
	started, received, sent    prometheus.Counter
	handled                    [codes.Unauthenticated + 1]prometheus.Counter
	handling                   prometheus.ExemplarObserver
	recvMessages, sentMessages prometheus.Observer
}

func newCollectors() *collectors {
	labels := []string{"grpc_type", "grpc_service", "grpc_method"}
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append(more, labels...))
	}
	histogram := func(name, help string, more ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencyBuckets},
			append(more, labels...))
	}
	return &collectors{
		started:  counter("grpc_server_started_total", "Calls that reached the server."),
		handled:  counter("grpc_server_handled_total", "Calls that the server completed, by code.", "grpc_code"),
		received: counter("grpc_server_msg_received_total", "Messages received."),
		sent:     counter("grpc_server_msg_sent_total", "Messages sent."),
		handling: histogram("grpc_server_handling_seconds", "Time from a call's arrival to the handler's return."),
		message:  histogram("grpc_server_msg_seconds", "Time one RecvMsg or SendMsg of a stream took.", "direction"),
	}
}

// newMetrics counts calls and messages and times calls; each handling time is an exemplar with its request id.
func newMetrics(reg prometheus.Registerer) (Interceptor, error) {
	c := newCollectors()
	for _, collector := range []prometheus.Collector{c.started, c.handled, c.received, c.sent, c.handling, c.message} {
		if err := reg.Register(collector); err != nil {
			return Interceptor{}, fmt.Errorf("register the metrics: %w", err)
		}
	}
	return Interceptor{
		Unary: func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (res any,
			err error,
		) {
			m := c.method(info.FullMethod, "unary")
			start, code := time.Now(), codes.Internal // what a panic is answered with
			m.started.Inc()
			m.received.Inc()
			defer func() { m.done(ctx, code, start) }()
			res, err = handler(ctx, req)
			code = status.Code(err)
			if code == codes.OK {
				m.sent.Inc()
			}
			return res, err
		},
		Stream: func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			m := c.method(info.FullMethod, streamType(info))
			start, code := time.Now(), codes.Internal
			m.started.Inc()
			defer func() { m.done(ss.Context(), code, start) }()
			err := handler(srv, &observedStream{ServerStream: ss, observe: m.observe})
			code = status.Code(err)
			return err
		},
	}, nil
}

func (m *method) done(ctx context.Context, code codes.Code, start time.Time) {
	took := time.Since(start).Seconds()
	if code > codes.Unauthenticated {
		code = codes.Unknown
	}
	m.handled[code].Inc()
	if id := idOf(ctx); id != "" {
		m.handling.ObserveWithExemplar(took, prometheus.Labels{exemplarLabel: id})
		return
	}
	m.handling.ObserveWithExemplar(took, nil)
}

func (m *method) observe(d direction, took time.Duration) {
	if d == in {
		m.received.Inc()
		m.recvMessages.Observe(took.Seconds())
		return
	}
	m.sent.Inc()
	m.sentMessages.Observe(took.Seconds())
}

func (c *collectors) method(full, kind string) *method {
	if m, ok := c.methods.Load(full); ok {
		return m.(*method) //nolint:forcetypeassert // nothing else is stored there
	}
	service, name, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	m := &method{
		started:  c.started.WithLabelValues(kind, service, name),
		received: c.received.WithLabelValues(kind, service, name),
		sent:     c.sent.WithLabelValues(kind, service, name),
		// every histogram is one
		handling: c.handling.WithLabelValues(kind, service,
			name).(prometheus.ExemplarObserver), //nolint:forcetypeassert
		recvMessages: c.message.WithLabelValues("received", kind, service, name),
		sentMessages: c.message.WithLabelValues("sent", kind, service, name),
	}
	for code := range m.handled {
		m.handled[code] = c.handled.WithLabelValues(codes.Code(code).String(), kind, service, name)
	}
	kept, _ := c.methods.LoadOrStore(full, m)
	return kept.(*method) //nolint:forcetypeassert // nothing else is stored there
}

func streamType(info *grpc.StreamServerInfo) string {
	switch {
	case info.IsClientStream && info.IsServerStream:
		return "bidi_stream"
	case info.IsClientStream:
		return "client_stream"
	default:
		return "server_stream"
	}
}
