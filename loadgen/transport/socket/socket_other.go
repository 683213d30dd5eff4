//go:build !unix

package socket

import "net"

// Socket is for systems whose sockets can be written without waiting.
type Socket struct{}

// New returns nil: there is none here.
func New(net.Conn) *Socket { return nil }

// Read, Write and WriteAll are never called here.
func (*Socket) Read([]byte) (int, error)     { return 0, nil }
func (*Socket) Write([][]byte) (int, error)  { return 0, nil }
func (*Socket) WriteAll([]byte) (int, error) { return 0, nil }
