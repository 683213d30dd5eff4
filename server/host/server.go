package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // requests may come compressed
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/reflection"

	"grpcbench/pb/person"
	"grpcbench/pb/repo"
	"grpcbench/pb/users"
	"grpcbench/server/contract"
	"grpcbench/server/gateway"
	"grpcbench/server/interceptor"
	"grpcbench/server/service"
)

// server is a target that listens but does not serve yet.
type server struct {
	grpc    *grpc.Server
	health  *health.Server
	grpcLis net.Listener
	logger  *slog.Logger
	// http, httpLis and loopback are nil without a gateway.
	http     *http.Server
	httpLis  net.Listener
	loopback *grpc.ClientConn // the gateway's way to grpcLis
	ready    contract.Ready
	observer *interceptor.Observer // nil unless it is to observe
}

// newServer builds a target and opens its listeners; on an error nothing stays open.
func newServer(ctx context.Context, c config, logger *slog.Logger) (_ *server, err error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	c.chain.Logger, c.chain.Registerer = logger, registry
	chain, err := interceptor.New(c.chain) //nolint:contextcheck // each call brings its own
	if err != nil {
		return nil, err
	}
	serverTLS, gatewayTLS, err := c.tls.configs()
	if err != nil {
		return nil, err
	}
	s := &server{logger: logger}
	if c.observe {
		s.observer = interceptor.NewObserver(mostObserved)
	}
	s.grpc = newGRPC(c, s.observed(chain), serverTLS) //nolint:contextcheck // each call brings its own
	s.health = service.NewHealth(s.grpc)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.ready.Interceptors = []string{}
	for _, i := range chain {
		s.ready.Interceptors = append(s.ready.Interceptors, i.Name)
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.grpcLis, err = listen(ctx, c.listen); err != nil {
		return nil, fmt.Errorf("listen for gRPC: %w", err)
	}
	s.ready.Addr = dialable(s.grpcLis)
	if c.http != "" {
		if err = s.addGateway(ctx, c.http, registry, serverTLS, gatewayTLS); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// mostObserved bounds what is kept between two marks.
const mostObserved = 100_000

// observed is the chain with the observer's ends: outside it, and around inject and the handler.
func (s *server) observed(chain []interceptor.Interceptor) []interceptor.Interceptor {
	if s.observer == nil {
		return chain
	}
	last := len(chain)
	if last > 0 && chain[last-1].Name == interceptor.Inject {
		last--
	}
	return slices.Concat([]interceptor.Interceptor{s.observer.Outer()}, chain[:last],
		[]interceptor.Interceptor{s.observer.Inner()}, chain[last:])
}

func newGRPC(c config, chain []interceptor.Interceptor, serverTLS *tls.Config) *grpc.Server {
	var opts []grpc.ServerOption
	if c.serverTime {
		opts = append(opts, orca.CallMetricsServerOption(nil)) // outermost: it sends what ServerTime reports
		chain = append([]interceptor.Interceptor{interceptor.ServerTime()}, chain...)
	}
	if c.busy > 0 {
		chain = append(chain, interceptor.Busy(c.busy))
	}
	opts = append(opts, interceptor.Options(chain)...)
	opts = append(opts, grpc.MaxRecvMsgSize(int(c.maxMessage)))
	// Clients with -keepalive ask on idle connections too, for which grpc-go's default hangs up on them.
	opts = append(opts, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
		MinTime:             time.Second,
		PermitWithoutStream: true,
	}))
	if c.maxStreams > 0 {
		opts = append(opts, grpc.MaxConcurrentStreams(uint32(c.maxStreams)))
	}
	if serverTLS != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(serverTLS)))
	}
	g := grpc.NewServer(opts...)
	person.RegisterSearchServiceServer(g, &service.Person{OutCount: c.outCount, OutInterval: c.outInterval})
	repo.RegisterRepoServer(g, &service.Repo{MaxUpload: c.maxUpload})
	users.RegisterUsersServer(g, &service.Users{})
	return g
}

func (s *server) addGateway(ctx context.Context, addr string, registry *prometheus.Registry, serverTLS,
	gatewayTLS *tls.Config,
) (err error) {
	creds := insecure.NewCredentials()
	if gatewayTLS != nil {
		creds = credentials.NewTLS(gatewayTLS)
	}
	to := s.ready.Addr
	if !strings.HasPrefix(to, "unix:") {
		to = "passthrough:///" + to
	}
	if s.loopback, err = grpc.NewClient(to, grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32))); err != nil {
		return fmt.Errorf("connect the gateway: %w", err)
	}
	routes, err := gateway.New(ctx, s.loopback)
	if err != nil {
		return err
	}
	if s.httpLis, err = listen(ctx, addr); err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	s.ready.HTTP = dialable(s.httpLis)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry,
		promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: registry}))
	mux.Handle("/", routes)
	s.http = &http.Server{
		Handler: mux, TLSConfig: serverTLS, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
	return nil
}

// serve answers until ctx ends, then drains for at most the given time, and returns when nothing runs any more.
// A drain ends early with alive: then nobody is left to drain for.
func (s *server) serve(ctx, alive context.Context, drain time.Duration) error {
	group, failed := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.grpc.Serve(s.grpcLis); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			return fmt.Errorf("serve gRPC: %w", err)
		}
		return nil
	})
	if s.http != nil {
		group.Go(func() error {
			serve := s.http.Serve
			if s.http.TLSConfig != nil {
				serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
			}
			if err := serve(s.httpLis); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve HTTP: %w", err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-failed.Done()
		s.shutdown(alive, drain)
		return nil
	})
	return group.Wait()
}

// shutdown tells health first, lets the gateway's calls end before the server
// they go to, and stops hard what is left after drain.
func (s *server) shutdown(alive context.Context, drain time.Duration) {
	s.health.Shutdown()
	ctx, cancel := context.WithTimeout(alive, drain)
	defer cancel()
	if s.http != nil {
		if err := s.http.Shutdown(ctx); err != nil {
			s.http.Close()
		}
	}
	hard := context.AfterFunc(ctx, s.grpc.Stop)
	s.grpc.GracefulStop()
	hard()
	s.close()
}

// close releases what was opened, as far as it was.
func (s *server) close() {
	s.grpc.Stop()
	if s.loopback != nil {
		s.loopback.Close()
	}
	for _, l := range []net.Listener{s.grpcLis, s.httpLis} {
		if l != nil {
			l.Close()
		}
	}
}

// listen opens host:port or unix:path.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	var config net.ListenConfig
	return config.Listen(ctx, network, addr)
}

// dialable is the address that reaches l from this machine, as loadgen's -addr takes it.
func dialable(l net.Listener) string {
	switch a := l.Addr().(type) {
	case *net.UnixAddr:
		return "unix:" + a.Name
	case *net.TCPAddr:
		if a.IP.IsUnspecified() {
			return fmt.Sprintf("127.0.0.1:%d", a.Port)
		}
	}
	return l.Addr().String()
}
