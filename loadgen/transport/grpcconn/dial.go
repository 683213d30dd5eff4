package grpcconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip" // which answers may be compressed by, too
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/socket"
)

// Options are how to connect.
type Options struct {
	// TLS is nil for plaintext.
	TLS *tls.Config
	// Authority overrides the :authority header and, over TLS, the name that is verified.
	Authority string
	// Timeout bounds the wait until a connection is ready.
	Timeout time.Duration
	// Keepalive is how long a server may be silent before it is asked by a PING, and then again before its connection
	// counts as lost; 0 asks nothing. grpc-go takes less than 10 s for that.
	Keepalive time.Duration
	// UserAgent stands before grpc-go's own; empty is that alone.
	UserAgent string
	// MaxMessage is the largest answer that is taken, in bytes; 0 is grpc-go's limit. Gzip compresses what is sent.
	MaxMessage int
	Gzip       bool
	// ServiceConfig is grpc-go's, as JSON; without one nothing is tried again.
	ServiceConfig string
	// Interceptors is the client chain, in the order the calls pass it.
	Interceptors []Interceptor
}

// Connect opens a connection to addr (host:port, unix:path, dns:///name) and
// waits until it is ready. An error that time will not heal, such as a refused
// connection, an unknown name or a failed handshake, comes back at once; every
// error names addr.
func Connect(ctx context.Context, addr string, o Options) (*grpc.ClientConn, error) {
	cc, _, err := connect(ctx, addr, o)
	return cc, err
}

// connect is Connect, and returns what dials, too.
func connect(ctx context.Context, addr string, o Options) (*grpc.ClientConn, *dialer, error) {
	a, err := transport.ParseAddress(addr)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	creds := insecure.NewCredentials()
	if o.TLS != nil {
		config := o.TLS
		if o.Authority != "" { // which grpc-go verifies, without its port, and wants to be the only name
			config = config.Clone()
			config.ServerName = ""
		}
		creds = credentials.NewTLS(config)
	}
	var d dialer
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(d.dial),
		grpc.WithDisableServiceConfig(),
		// A server that comes back is used again soon; a load generator must not wait out a minute.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2,
				MaxDelay: time.Second,
			},
			MinConnectTimeout: o.Timeout + 5*time.Second, // so that it is Timeout that ends the first try
		}),
	}
	if o.Keepalive > 0 {
		d.plain = true // it has a TCP_USER_TIMEOUT then
		opts = append(opts, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:    o.Keepalive,
			Timeout: o.Keepalive, PermitWithoutStream: true,
		}))
	}
	if o.ServiceConfig != "" {
		opts = append(opts, grpc.WithDefaultServiceConfig(o.ServiceConfig))
	} else {
		opts = append(opts, grpc.WithDisableRetry()) // a retry would hide a failure that is to be counted
	}
	if o.MaxMessage > 0 {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(o.MaxMessage)))
	}
	if o.Gzip {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	if o.Authority != "" {
		opts = append(opts, grpc.WithAuthority(o.Authority))
	}
	if o.UserAgent != "" {
		opts = append(opts, grpc.WithUserAgent(o.UserAgent))
	}
	for _, i := range o.Interceptors {
		if i.Stats != nil {
			opts = append(opts, grpc.WithStatsHandler(i.Stats))
		} else {
			opts = append(opts, grpc.WithChainUnaryInterceptor(i.Unary), grpc.WithChainStreamInterceptor(i.Stream))
		}
	}
	cc, err := grpc.NewClient(d.target(addr, a), opts...)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := ready(ctx, cc, &d); err != nil {
		cc.Close()
		return nil, nil, fmt.Errorf("connect to %s: %w", addr, transport.Explain(err, o.TLS != nil))
	}
	return cc, &d, nil
}

// target is what grpc-go is told to connect to. It resolves names of several addresses, and what it alone can; all else
// is dialed as it is, under the name that the server is to hear.
func (d *dialer) target(addr string, a transport.Address) string {
	if a.Scheme != "" || strings.HasPrefix(addr, "dns:") || strings.HasPrefix(addr, "passthrough:") {
		return addr
	}
	d.fixed = a
	return "passthrough:///" + a.Authority
}

// ready waits until cc is, or cannot be.
func ready(ctx context.Context, cc *grpc.ClientConn, d *dialer) error {
	cc.Connect()
	for {
		state := cc.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure:
			if err := cause(ctx, cc); err != nil && !d.timedOut.Load() {
				return err
			}
		case connectivity.Idle:
			cc.Connect()
		}
		if !cc.WaitForStateChange(ctx, state) {
			if err := cause(context.WithoutCancel(ctx), cc); err != nil &&
				cc.GetState() == connectivity.TransientFailure {
				return err
			}
			return fmt.Errorf("not ready in time (last state %s): %w", cc.GetState(), ctx.Err())
		}
	}
}

// cause is why a connection in TRANSIENT_FAILURE failed. grpc-go tells it only
// to a call, which such a connection refuses before it sends anything; nil
// where the connection came up meanwhile.
func cause(ctx context.Context, cc *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	err := cc.Invoke(ctx, "/grpcbench.Probe/Cause", nil, nil, grpc.ForceCodecV2(codec{}))
	if err == nil || cc.GetState() == connectivity.Ready {
		return nil
	}
	text := status.Convert(err).Message()
	for _, wrapping := range []string{
		"last connection error: ", "connection error: desc = ", "transport: ",
		"Error while dialing: ",
	} {
		if _, inner, ok := strings.Cut(text, wrapping); ok {
			text = strings.Trim(inner, `"`)
		}
	}
	return errors.New(text)
}

// dialer remembers whether its last failure was one that time may heal, and the sockets that it made last.
type dialer struct {
	timedOut atomic.Bool
	fixed    transport.Address // what to dial, whatever grpc-go says; none where it resolves
	plain    bool              // grpc-go wants net's own connection, to set an option of it

	mu    sync.Mutex
	conns []net.Conn
	made  map[string]bool // by what was dialed; a service config may have several at a time
	anew  int64           // sockets to where there was one before
}

// mostConns is how many sockets are remembered: those before them are closed, for each is in place of another.
const mostConns = 64

// cut closes the sockets, whatever waits for them.
func (d *dialer) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		_ = c.Close() // most are closed already
	}
}

func (d *dialer) dial(ctx context.Context, addr string) (net.Conn, error) {
	network := "tcp"
	if d.fixed.Network != "" {
		network, addr = d.fixed.Network, d.fixed.Dial
	}
	var nd net.Dialer
	conn, err := nd.DialContext(ctx, network, addr)
	d.timedOut.Store(errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		isTimeout(err))
	if err == nil {
		d.mu.Lock()
		d.conns = append(d.conns[max(0, len(d.conns)-mostConns+1):], conn)
		switch {
		case d.made[addr]:
			d.anew++
		case d.made == nil:
			d.made = map[string]bool{addr: true}
		default:
			d.made[addr] = true
		}
		d.mu.Unlock()
		if !d.plain {
			conn = socket.Conn(conn)
		}
	}
	return conn, err
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
