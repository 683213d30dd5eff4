package rest

import (
	"context"
	"net"
	"sync"
)

// sockets counts a conn's connections. net/http opens one for each worker that
// finds none free, so those at a time are what the run needs, and the others
// were made in place of one that was closed.
type sockets struct {
	mu               sync.Mutex
	made, open, most int64
}

// counted is dial, with each connection counted.
func (s *sockets) counted(dial func(ctx context.Context, network, addr string) (net.Conn,
	error),
) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.made++
		s.open++
		s.most = max(s.most, s.open)
		return &socket{Conn: nc, of: s}, nil
	}
}

// Reconnects implements [grpcbench/loadgen/transport.Reconnecter].
func (s *sockets) Reconnects() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made - s.most
}

// socket tells of its end, once.
type socket struct {
	net.Conn
	of    *sockets
	ended sync.Once
}

func (c *socket) Close() error {
	c.ended.Do(func() {
		c.of.mu.Lock()
		c.of.open--
		c.of.mu.Unlock()
	})
	return c.Conn.Close()
}
