package grpcconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// Interceptor is one named client interceptor, unary and stream.
type Interceptor struct {
	Name   string
	Unary  grpc.UnaryClientInterceptor
	Stream grpc.StreamClientInterceptor
	Stats  stats.Handler // in place of both
}

// Names are the client interceptors that [Interceptors] can build.
var Names = []string{"requestid", "metrics", "logging"}

// Interceptors builds the named chain, outermost first. Run is the run's part
// of every request id; metrics are registered with reg, and one record per
// call goes to logger.
func Interceptors(names []string, run uint32, reg prometheus.Registerer, logger *slog.Logger) ([]Interceptor, error) {
	var chain []Interceptor
	for _, name := range names {
		switch name {
		case "requestid":
			chain = append(chain, addRequestID(run))
		case "metrics":
			i, err := observe(reg)
			if err != nil {
				return nil, fmt.Errorf("build client interceptor %s: %w", name, err)
			}
			chain = append(chain, i)
		case "logging":
			chain = append(chain, after("logging",
				func(ctx context.Context, method string, took time.Duration, err error) {
					logger.LogAttrs(ctx, slog.LevelInfo, "call", slog.String("method", method),
						slog.String("code", status.Code(err).String()),
						slog.Duration("latency", took), slog.String("request_id", idOf(ctx, run)))
				}))
		default:
			i, err := buildRegistered(name, logger)
			if err != nil {
				return nil, err
			}
			i.Name = name
			chain = append(chain, i)
		}
	}
	return chain, nil
}

// callKey finds the call in its context.
type callKey struct{}

// callContext carries a worker's call; one serves all calls of the worker.
type callContext struct {
	context.Context //nolint:containedctx // it is a context
	call            *transport.Call
}

func (c callContext) Value(key any) any {
	if key == (callKey{}) {
		return c.call
	}
	return c.Context.Value(key)
}

// WithCall makes the context of a worker's calls: the interceptors find c in it.
func WithCall(ctx context.Context, c *transport.Call) context.Context {
	return callContext{Context: ctx, call: c}
}

// isCall says whether a run's call is being made, and not one of our own about the connection.
func isCall(ctx context.Context) bool {
	_, ok := ctx.Value(callKey{}).(*transport.Call)
	return ok
}

func idOf(ctx context.Context, run uint32) string {
	c, ok := ctx.Value(callKey{}).(*transport.Call)
	if !ok {
		return ""
	}
	return requestid.ID{Run: run, Worker: c.Worker, Seq: c.Seq}.String()
}

// addRequestID sends each call's request id along.
func addRequestID(run uint32) Interceptor {
	return adding("requestid", contract.RequestIDKey, run, requestid.ID.String)
}

// AddTraceparent tells the server which trace each call is of.
func AddTraceparent(run uint32, sampler *requestid.Sampler) Interceptor {
	return adding("traceparent", requestid.TraceparentKey, run, sampler.Traceparent)
}

// adding sends a value along that follows from the call's id.
func adding(name, key string, run uint32, value func(requestid.ID) string) Interceptor {
	with := func(ctx context.Context) context.Context {
		if c, ok := ctx.Value(callKey{}).(*transport.Call); ok {
			return metadata.AppendToOutgoingContext(ctx, key,
				value(requestid.ID{Run: run, Worker: c.Worker, Seq: c.Seq}))
		}
		return ctx
	}
	return Interceptor{
		Name: name,
		Unary: func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker,
			opts ...grpc.CallOption,
		) error {
			return invoker(with(ctx), method, req, reply, cc, opts...)
		},
		Stream: func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
			streamer grpc.Streamer, opts ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			return streamer(with(ctx), desc, cc, method, opts...)
		},
	}
}

// observe counts calls and times them.
func observe(reg prometheus.Registerer) (Interceptor, error) {
	handled := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "grpc_client_handled_total", Help: "Calls completed, by code.",
	}, []string{"grpc_method", "grpc_code"})
	handling := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "grpc_client_handling_seconds", Help: "Time from a call's start to its end.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 2, 18),
	}, []string{"grpc_method"})
	for _, c := range []prometheus.Collector{handled, handling} {
		if err := reg.Register(c); err != nil {
			return Interceptor{}, fmt.Errorf("register the client metrics: %w", err)
		}
	}
	return after("metrics", func(_ context.Context, method string, took time.Duration, err error) {
		handled.WithLabelValues(method, status.Code(err).String()).Inc()
		handling.WithLabelValues(method).Observe(took.Seconds())
	}), nil
}

// after calls report at the end of each call; a stream ends with the status that its RecvMsg returns.
func after(name string, report func(ctx context.Context, method string, took time.Duration, err error)) Interceptor {
	return Interceptor{
		Name: name,
		Unary: func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker,
			opts ...grpc.CallOption,
		) error {
			if !isCall(ctx) {
				return invoker(ctx, method, req, reply, cc, opts...)
			}
			start := time.Now()
			err := invoker(ctx, method, req, reply, cc, opts...)
			report(ctx, method, time.Since(start), err)
			return err
		},
		Stream: func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
			streamer grpc.Streamer, opts ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			start := time.Now()
			done := func(err error) { report(ctx, method, time.Since(start), err) }
			stream, err := streamer(ctx, desc, cc, method, opts...)
			if err != nil {
				done(err)
				return nil, err
			}
			return &reportedStream{ClientStream: stream, once: !desc.ServerStreams, report: done}, nil
		},
	}
}

// reportedStream reports the end of a stream once.
type reportedStream struct {
	grpc.ClientStream
	once   bool // one answer ends it
	report func(error)
}

// ender is a stream that wants to know when the call ends itself.
type ender interface{ end() }

func (s *reportedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil || s.once {
		if errors.Is(err, io.EOF) {
			s.done(nil)
		} else {
			s.done(err)
		}
	}
	return err
}

func (s *reportedStream) end() {
	s.done(nil)
	if inner, ok := s.ClientStream.(ender); ok {
		inner.end()
	}
}

func (s *reportedStream) done(err error) {
	if s.report != nil {
		s.report(err)
		s.report = nil
	}
}
