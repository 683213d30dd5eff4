package interceptor

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// The interceptors' names, as -interceptors spells them.
const (
	Recovery  = "recovery"
	RequestID = "requestid"
	Logging   = "logging"
	Metrics   = "metrics"
	Timeout   = "timeout"
	Inject    = "inject"
)

// all is the order that "all" stands for: recovery outermost, so that it also sees the others' panics,
// and inject innermost, so that its faults look like the handler's own.
var all = []string{Recovery, RequestID, Logging, Metrics, Timeout, Inject}

// Interceptor is one named pair, unary and stream, or else a stats handler.
type Interceptor struct {
	Name   string
	Unary  grpc.UnaryServerInterceptor
	Stream grpc.StreamServerInterceptor
	Stats  stats.Handler
}

// Options are what installs chain in a server.
func Options(chain []Interceptor) (opts []grpc.ServerOption) {
	for _, i := range chain {
		if i.Stats != nil {
			opts = append(opts, grpc.StatsHandler(i.Stats))
		} else {
			opts = append(opts, grpc.ChainUnaryInterceptor(i.Unary), grpc.ChainStreamInterceptor(i.Stream))
		}
	}
	return opts
}

// Config says which interceptors to build and what they need.
type Config struct {
	// Names is the chain, outermost first, as [Parse] returns it.
	Names []string
	// Logger receives one record per call from logging, and each recovered panic.
	Logger *slog.Logger
	// Registerer takes the metrics interceptor's collectors.
	Registerer prometheus.Registerer
	// UnaryTimeout bounds a unary handler, RecvTimeout each RecvMsg of a stream.
	UnaryTimeout, RecvTimeout time.Duration
	// Faults are the injected faults of every call; AllowInject lets a call order its own.
	Faults      Faults
	AllowInject bool
}

// Parse reads a list of names, "all" or "none". It names everything that is wrong with the list.
func Parse(list string) ([]string, error) {
	switch list {
	case "", "none":
		return nil, nil
	case "all":
		return slices.Clone(all), nil
	}
	names := strings.Split(list, ",")
	var wrong []string
	for i, name := range names {
		switch {
		case !isKnown(name):
			wrong = append(wrong, fmt.Sprintf("unknown interceptor %q", name))
		case slices.Contains(names[:i], name):
			wrong = append(wrong, fmt.Sprintf("interceptor %q named twice", name))
		}
	}
	if wrong == nil {
		return names, nil
	}
	err := fmt.Errorf("%s: the interceptors are %s, or all of these, or none", strings.Join(wrong, ", "),
		strings.Join(all, ","))
	if more := Registered(); len(more) > 0 {
		err = fmt.Errorf("%w; to compare with, %s", err, strings.Join(more, ","))
	}
	return nil, err
}

func isKnown(name string) bool {
	return slices.Contains(all, name) || slices.Contains(Registered(), name)
}

// New builds the chain of cfg. Faults that are ordered, or allowed, bring the
// inject interceptor with them, innermost, where the list does not name it.
func New(cfg Config) ([]Interceptor, error) {
	names := cfg.Names
	if (cfg.AllowInject || !cfg.Faults.none()) && !slices.Contains(names, Inject) {
		names = append(slices.Clone(names), Inject)
	}
	chain := make([]Interceptor, len(names))
	for i, name := range names {
		built, err := build(name, cfg)
		if err != nil {
			return nil, fmt.Errorf("build interceptor %s: %w", name, err)
		}
		built.Name = name
		chain[i] = built
	}
	return chain, nil
}

func build(name string, cfg Config) (Interceptor, error) {
	switch name {
	case Recovery:
		return newRecovery(cfg.Logger), nil
	case RequestID:
		return newRequestID(), nil
	case Logging:
		return newLogging(cfg.Logger), nil
	case Metrics:
		return newMetrics(cfg.Registerer)
	case Timeout:
		return newTimeout(cfg.UnaryTimeout, cfg.RecvTimeout, cfg.Logger), nil
	case Inject:
		return newInject(cfg.Faults, cfg.AllowInject, cfg.Logger), nil
	}
	for _, r := range registered {
		if r.name == name {
			return r.build(cfg)
		}
	}
	return Interceptor{}, fmt.Errorf("no interceptor has the name %q", name)
}
