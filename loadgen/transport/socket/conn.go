package socket

import "net"

// Conn returns nc with reads and writes by a [Socket]; nc itself where it has no file descriptor, or the race detector
// watches. It is used as nc is.
func Conn(nc net.Conn) net.Conn {
	if s := New(nc); s != nil && !watched {
		return &conn{nc, s}
	}
	return nc
}

type conn struct {
	net.Conn
	socket *Socket
}

func (c *conn) Read(b []byte) (int, error)  { return c.socket.Read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.socket.WriteAll(b) }
