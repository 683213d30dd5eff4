package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"

	"grpcbench/loadgen/transport/socket"
)

// floorBytes are those that a call of Search takes over wire in either direction, frames and fields included.
const floorBytes = 110

// mirror is an echo in a process of its own.
type mirror struct {
	addr string
	pid  int
	stop func()
}

// startEcho starts one, which ends with its standard input.
func startEcho(ctx context.Context) (*mirror, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "echo")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the echo: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the echo: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the echo: %w", err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	m := &mirror{addr: strings.TrimSpace(addr), pid: cmd.Process.Pid, stop: func() {
		_ = in.Close()
		_ = cmd.Wait()
	}}
	if err != nil {
		m.stop()
		return nil, fmt.Errorf("start the echo: %w", err)
	}
	return m, nil
}

// serveEcho sends back what it reads until the end of its standard input.
func serveEcho() error {
	lis, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a process of its own, ended from outside
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Println(lis.Addr())
	go func() {
		for {
			nc, err := lis.Accept()
			if err != nil {
				return
			}
			nc = socket.Conn(nc)
			go func() { _, _ = io.Copy(struct{ io.Writer }{nc}, struct{ io.Reader }{nc}) }() // without splice
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// floor is what no client of a server can undercut: it sends so many bytes a call over one connection, keeps so many
// calls in flight, and counts what comes back.
func floor(args []string) error {
	fs := flag.NewFlagSet("floor", flag.ContinueOnError)
	addr := fs.String("addr", "", "address of an echo")
	calls := fs.Int("n", 0, "calls")
	inFlight := fs.Int("c", workers, "calls in flight")
	rate := fs.Float64("rate", 0, "calls a second, of an open loop")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *rate > 0 {
		return pacedFloor(*addr, *calls, *rate)
	}
	nc, err := net.Dial("tcp", *addr) //nolint:noctx // likewise
	if err != nil {
		return fmt.Errorf("connect to the echo: %w", err)
	}
	defer nc.Close()
	nc = socket.Conn(nc)
	buf := make([]byte, max(64<<10, *inFlight*floorBytes))
	sent, received := min(*inFlight, *calls)*floorBytes, 0
	if _, err := nc.Write(buf[:sent]); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	for whole := *calls * floorBytes; received < whole; {
		n, err := nc.Read(buf)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 {
			return fmt.Errorf("the echo ended after %d of %d bytes: %w", received, whole, err)
		}
		received += n
		n = min(n, whole-sent)
		if n > 0 {
			if _, err := nc.Write(buf[:n]); err != nil {
				return fmt.Errorf("send: %w", err)
			}
			sent += n
		}
	}
	return nil
}
