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
	vec []unix.Iovec // in place of buf, where it is not empty
	n   int
	err error
	try func(fd uintptr) bool
}

// mostPieces is how many one write may take (IOV_MAX of Linux).
const mostPieces = 1024

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
	s.in.try = func(fd uintptr) bool {
		return s.in.call("read", unix.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(s.in.buf)), len(s.in.buf))
	}
	s.out.try = func(fd uintptr) bool {
		t := &s.out
		var done bool
		if len(t.vec) > 0 {
			done = t.call("writev", unix.SYS_WRITEV, fd, unsafe.Pointer(unsafe.SliceData(t.vec)), len(t.vec))
		} else {
			done = t.call("write", unix.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(t.buf)), len(t.buf))
		}
		return done || !s.patient // what was not taken is left
	}
	return s
}

// call makes the system call once, with size bytes or pieces from p on; it is false where the socket is not ready.
func (t *transfer) call(name string, number, fd uintptr, p unsafe.Pointer, size int) bool {
	t.n, t.err = 0, nil
	if size == 0 {
		return true
	}
	for {
		n, _, errno := unix.RawSyscall(number, fd, uintptr(p), uintptr(size))
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

// Write writes of the first 1024 pieces, one after the other, what the socket takes at once: 0 bytes, and no error,
// where that is nothing.
func (s *Socket) Write(pieces [][]byte) (int, error) {
	if len(pieces) == 1 {
		return s.write(pieces[0], false)
	}
	vec := s.out.vec
	for _, b := range pieces[:min(len(pieces), mostPieces)] {
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		vec = append(vec, v)
	}
	s.out.vec = vec
	n, err := s.write(nil, false)
	clear(vec)
	s.out.vec = vec[:0]
	return n, err
}

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
