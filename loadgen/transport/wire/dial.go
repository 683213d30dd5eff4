package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/pace"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/transport"
)

// Dialer opens connections.
type Dialer struct {
	// Run is the part of the request ids that is the run's.
	Run uint32
	// Trace chooses the calls that are traced, and makes each carry a traceparent; nil makes none.
	Trace *requestid.Sampler
	// TLS is nil for plaintext.
	TLS *tls.Config
	// Authority overrides the :authority header and, over TLS, the name that is verified.
	Authority string
	// Timeout bounds the wait until a connection is ready.
	Timeout time.Duration
	// Keepalive is how long a server may be silent before it is asked by a PING, and then again before its connection
	// counts as lost; 0 asks nothing.
	Keepalive time.Duration
	// MaxMessage is the largest answer that is taken, in bytes; 0 is 4 MiB, grpc-go's limit. Gzip compresses what is
	// sent.
	MaxMessage int
	Gzip       bool

	// For tests: how to connect, what sees every header block, and the stream ids of a session.
	dial            func(ctx context.Context, network, addr string) (net.Conn, error)
	seen            func(block []byte)
	firstID, lastID uint32
}

var _ transport.Dialer = (*Dialer)(nil)

// Dial implements [transport.Dialer].
func (d *Dialer) Dial(ctx context.Context, addr string, methods []*transport.Method) (transport.Conn, error) {
	a, err := transport.ParseAddress(addr)
	if err == nil && a.Scheme != "" {
		err = fmt.Errorf("wire does not resolve %s:// addresses such as this: want host:port, unix:path or "+
			"dns:///host:port", a.Scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	c := &conn{
		waiting: list{which: inWaiting}, deadlines: list{which: inDeadlines},
		dialer: d, addr: a, run: d.Run, firstID: d.firstID, lastID: d.lastID, seen: d.seen,
	}
	if c.firstID == 0 {
		c.firstID = 1
	}
	if c.lastID == 0 {
		c.lastID = 1<<31 - 1
	}
	scheme, authority := "http", a.Authority
	if d.TLS != nil {
		scheme = "https"
	}
	if d.Authority != "" {
		authority = d.Authority
	}
	for _, of := range methods {
		m := method{Method: of}
		m.limit, m.enough = of.Limit()
		if d.TLS == nil && !d.Gzip { // TLS would make a record of each piece
			m.fixed, _ = of.Source.(transport.FixedSource)
		}
		if m.request, err = newRequest(&of.Spec, scheme, authority, d.Gzip, d.Trace); err != nil {
			return nil, err
		}
		c.methods = append(c.methods, m)
	}
	c.ctx, c.cut = context.WithCancel(context.Background())
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	if err := c.connect(ctx); err != nil {
		// what Close could start, it does not
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", addr, transport.Explain(err, d.TLS != nil)),
			c.Close()) //nolint:contextcheck
	}
	if slices.ContainsFunc(methods, func(m *transport.Method) bool { return m.Pace > 0 || m.Interval > 0 }) {
		c.alarm = pace.NewAlarm(transport.Now)
	}
	return c, nil
}

// connect opens a session that is ready, and makes it the current one.
func (c *conn) connect(ctx context.Context) error {
	dial := c.dialer.dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	nc, err := dial(ctx, c.addr.Network, c.addr.Dial)
	if err != nil {
		return err
	}
	if c.dialer.TLS != nil {
		if nc, err = c.secure(ctx, nc); err != nil {
			return err
		}
	}
	ss := c.start(nc) //nolint:contextcheck // it outlives the dial
	select {
	case <-ss.begun:
	case <-ctx.Done():
		ss.close()
		return fmt.Errorf("no HTTP/2 SETTINGS in time: %w", ctx.Err())
	}
	return c.adopt(ss)
}

// secure shakes hands.
func (c *conn) secure(ctx context.Context, nc net.Conn) (net.Conn, error) {
	config := c.dialer.TLS.Clone()
	config.NextProtos = []string{http2.NextProtoTLS}
	if config.ServerName == "" {
		config.ServerName = c.addr.Host
		if name := c.dialer.Authority; name != "" {
			config.ServerName = name
			if host, _, err := net.SplitHostPort(name); err == nil {
				config.ServerName = host
			}
		}
	}
	secured := tls.Client(nc, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // the handshake's error says more
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if got := secured.ConnectionState().NegotiatedProtocol; got != http2.NextProtoTLS {
		_ = secured.Close() // as above
		return nil, fmt.Errorf("TLS handshake: the server chose the protocol %q by ALPN: want h2", got)
	}
	return secured, nil
}
