//go:build unix

package socket

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket reads and writes a connection's file descriptor, which never blocks,
// without telling the scheduler: for each system call that it is told of after a
// pause, Go's runtime wakes its monitor thread, and that costs as much as the
// call. One goroutine may read while another writes.
type Socket struct {
	raw syscall.RawConn
	in  transfer
	out transfer
	// patient is that a write waits until the socket takes something.
	patient bool
}

// transfer is one call's arguments and results; the function is made once, for it would be an allocation each time.
type transfer struct {
	buf []byte
	n   int
	err error
	try func(fd uintptr) bool
}

// New returns nil where nc has no file descriptor.
func New(nc net.Conn) *Socket {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	s := &Socket{raw: raw}
	s.in.try = func(fd uintptr) bool { return s.in.call("read", unix.SYS_READ, fd) }
	s.out.try = func(fd uintptr) bool {
		return s.out.call("write", unix.SYS_WRITE, fd) || !s.patient // what was not taken is left
	}
	return s
}

// call transfers once; it is false where the socket is not ready.
func (t *transfer) call(name string, number, fd uintptr) bool {
	t.n, t.err = 0, nil
	if len(t.buf) == 0 {
		return true
	}
	for {
		n, _, errno := unix.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.buf))),
			uintptr(len(t.buf)))
		switch errno {
		case 0:
			t.n = int(n)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			t.err = os.NewSyscallError(name, errno)
			return true
		}
	}
}

// Read waits until there is something to read, and reads it.
func (s *Socket) Read(buf []byte) (int, error) {
	s.in.buf = buf
	if err := s.raw.Read(s.in.try); err != nil {
		return 0, err
	}
	if s.in.n == 0 && s.in.err == nil && len(buf) > 0 {
		return 0, io.EOF
	}
	return s.in.n, s.in.err
}

// Write writes what the socket takes at once: 0 bytes, and no error, where that is nothing.
func (s *Socket) Write(buf []byte) (int, error) { return s.write(buf, false) }

// WriteAll writes all of it, or as much as it can before an error.
func (s *Socket) WriteAll(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var some int
		some, err = s.write(buf[n:], true)
		n += some
	}
	return n, err
}

func (s *Socket) write(buf []byte, patient bool) (int, error) {
	s.out.buf, s.patient = buf, patient
	if err := s.raw.Write(s.out.try); err != nil {
		return 0, err
	}
	return s.out.n, s.out.err
}
