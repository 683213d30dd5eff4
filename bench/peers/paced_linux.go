package main

import (
	"fmt"
	"io"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"grpcbench/loadgen/schedule"
)

// pacedFloor is floor in an open loop: at each of so many Poisson arrivals it sends the bytes of a call to the echo,
// and it ends once all have come back. It waits for its timer and its socket as a program in C would: what it costs is
// the kernel's part, and what a Go process costs that does nothing (some 100 signals a second).
func pacedFloor(addr string, calls int, rate float64) error {
	sock, err := connect(addr)
	if err != nil {
		return fmt.Errorf("connect to the echo: %w", err)
	}
	defer unix.Close(sock) //nolint:errcheck // all is read
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0)
	if err != nil {
		return fmt.Errorf("make a timer: %w", err)
	}
	defer unix.Close(timer) //nolint:errcheck // likewise
	poll, err := unix.EpollCreate1(0)
	if err != nil {
		return fmt.Errorf("make an epoll: %w", err)
	}
	defer unix.Close(poll) //nolint:errcheck // likewise
	for _, fd := range []int{sock, timer} {
		event := &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)} //nolint:gosec // a descriptor
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, event); err != nil {
			return fmt.Errorf("watch a descriptor: %w", err)
		}
	}
	var start unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &start); err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	arrivals := schedule.Poisson(schedule.PerSecond(rate), time.Hour, 1)
	buf := make([]byte, 64<<10)
	for sent, received, armed := 0, 0, false; received < calls*floorBytes; {
		if !armed && sent < calls {
			due, _ := arrivals.Next()
			at := &unix.ItimerSpec{Value: unix.NsecToTimespec(start.Nano() + due.Nanoseconds())}
			if err := unix.TimerfdSettime(timer, unix.TFD_TIMER_ABSTIME, at, nil); err != nil {
				return fmt.Errorf("set the timer: %w", err)
			}
			armed = true
		}
		fd, err := waitFor(poll)
		switch {
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case fd == sock:
			n, err := quietly(unix.SYS_READ, sock, buf)
			if err == nil && n == 0 {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return fmt.Errorf("the echo ended after %d bytes: %w", received, err)
			}
			received += n
		case fd == timer:
			_, err := quietly(unix.SYS_READ, timer, buf[:8])
			if err == nil {
				_, err = quietly(unix.SYS_WRITE, sock, buf[:floorBytes])
			}
			if err != nil {
				return fmt.Errorf("send: %w", err)
			}
			sent, armed = sent+1, false
		}
	}
	return nil
}

// connect opens a TCP connection that no runtime watches.
func connect(addr string) (int, error) {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return 0, err //nolint:wrapcheck // it says which address
	}
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, fmt.Errorf("open a socket: %w", err)
	}
	err = unix.Connect(sock, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())})
	if err == nil {
		err = unix.SetsockoptInt(sock, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	return sock, err
}

// waitFor is the next descriptor that can be read; 0 is none yet.
func waitFor(poll int) (int, error) {
	var event unix.EpollEvent
	const forever = ^uintptr(0)
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(poll), uintptr(unsafe.Pointer(&event)), 1, forever,
		0, 0)
	if errno != 0 && errno != unix.EINTR {
		return 0, errno
	}
	return int(event.Fd), nil
}

// quietly reads or writes without a word to Go's scheduler.
func quietly(number uintptr, fd int, buf []byte) (int, error) {
	n, _, errno := unix.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))),
		uintptr(len(buf)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
