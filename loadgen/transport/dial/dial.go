// Package dial chooses the transport that calls travel by.
package dial

import (
	"crypto/tls"
	"slices"
	"time"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/loadgen/transport/rest"
	"grpcbench/loadgen/transport/wire"
)

// Options are how to connect, whatever the transport; what one has no use for it ignores.
type Options struct {
	// Run is the run's part of every request id, Trace says which calls have a trace; nil is none.
	Run   uint32
	Trace *requestid.Sampler
	// TLS is nil for plaintext. Authority overrides the :authority or Host header.
	TLS       *tls.Config
	Authority string
	// Timeout bounds the wait for a connection. Keepalive is how long a server may be silent; 0 is for ever.
	Timeout, Keepalive time.Duration
	// MaxMessage is the largest answer that is taken, in bytes; 0 is the transport's own limit. Gzip compresses what is
	// sent.
	MaxMessage int
	Gzip       bool
	// Interceptors and ServiceConfig are grpc-go's.
	Interceptors  []grpcconn.Interceptor
	ServiceConfig string
}

// New returns the dialer of the transport with this name, and which of a target's two addresses is for it. The name
// must be one of [transport.Names].
func New(name string, o Options) (d transport.Dialer, http bool) {
	switch name {
	case transport.Wire:
		return &wire.Dialer{
			Run: o.Run, Trace: o.Trace, TLS: o.TLS, Authority: o.Authority, Timeout: o.Timeout,
			Keepalive: o.Keepalive, MaxMessage: o.MaxMessage, Gzip: o.Gzip,
		}, false
	case transport.REST:
		return rest.Dialer{
			Run: o.Run, Trace: o.Trace, TLS: o.TLS, Authority: o.Authority, Timeout: o.Timeout,
			MaxMessage: o.MaxMessage,
		}, true
	default:
		chain := o.Interceptors
		if o.Trace != nil {
			chain = append(slices.Clip(chain), grpcconn.AddTraceparent(o.Run, o.Trace))
		}
		return grpcconn.Dialer{Options: grpcconn.Options{
			TLS: o.TLS, Authority: o.Authority, Timeout: o.Timeout, Keepalive: o.Keepalive, Interceptors: chain,
			ServiceConfig: o.ServiceConfig, MaxMessage: o.MaxMessage, Gzip: o.Gzip,
		}}, false
	}
}
