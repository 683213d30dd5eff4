package transport_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"grpcbench/loadgen/transport"
)

// What this machine lacks is told from what a server does, by the error and by its text alike.
func TestIsLocal(t *testing.T) {
	dial := func(errno syscall.Errno) error {
		return fmt.Errorf("connect: %w", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)})
	}
	for _, tt := range []struct {
		reason string
		err    error
		want   bool
	}{
		{"no file descriptor of the process", dial(syscall.EMFILE), true},
		{"nor of the system", dial(syscall.ENFILE), true},
		{"no free port", dial(syscall.EADDRNOTAVAIL), true},
		{"no buffers", dial(syscall.ENOBUFS), true},
		{"no memory", dial(syscall.ENOMEM), true},
		{"the server refused", dial(syscall.ECONNREFUSED), false},
		{"the server hung up", dial(syscall.ECONNRESET), false},
		{"nothing is known of it", errors.New("too many calls"), false},
	} {
		if got := transport.IsLocal(tt.err); got != tt.want {
			t.Errorf("%s: %v", tt.reason, got)
		}
		if got := transport.IsLocalText(`transport: Error while dialing: ` + tt.err.Error() + `"`); got != tt.want {
			t.Errorf("%s, as text: %v", tt.reason, got)
		}
	}
	if transport.IsLocalText("too many open files") {
		t.Error("a server may say so of itself")
	}
}
