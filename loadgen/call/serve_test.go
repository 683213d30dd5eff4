package call_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"grpcbench/loadgen/call"
	"grpcbench/loadgen/flags"
	"grpcbench/server/contract"
	"grpcbench/server/host"
)

// TestMain lets this binary be the embedded target too, as loadgen's is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "target" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err := host.Run(ctx, os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // for the target's exit, where it is built with -race
	goleak.VerifyTestMain(m)
}

// serve runs a target in this process and returns its gRPC address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, out := io.Pipe()
	var running sync.WaitGroup
	running.Go(func() {
		args := append([]string{"-listen=127.0.0.1:0", "-http=", "-interceptors=none", "-drain=1s"}, args...)
		err := host.Run(ctx, args, strings.NewReader(""), out, t.Output())
		out.CloseWithError(errors.Join(err, io.EOF))
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the target does not start: %v", err)
	}
	var ready contract.Ready
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	return ready.Addr
}

// read is the command line of `loadgen call`.
func read(t *testing.T, args ...string) flags.Call {
	t.Helper()
	c, err := flags.ReadCall(args, io.Discard)
	if err != nil {
		t.Fatalf("ReadCall(%q): %v", args, err)
	}
	return c
}

// run makes a call and returns what it prints.
func run(t *testing.T, stdin string, args ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	err = call.Run(ctx, read(t, args...), strings.NewReader(stdin), &out, t.Output())
	return out.String(), err
}
