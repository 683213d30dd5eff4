package host_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"grpcbench/server/contract"
	"grpcbench/server/host"
	"grpcbench/server/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a target inside this process.
type running struct {
	ready  contract.Ready
	stdin  *io.PipeWriter
	stdout *bufio.Reader
	stderr *text
	// terminate is what SIGTERM does; ended gives Run's result, once.
	terminate context.CancelFunc
	ended     <-chan error
}

// launch runs a target with these arguments, and with nothing on stdin yet; the test's end stops it.
func launch(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	ended := make(chan error, 1)
	r := &running{
		stdin: stdin, stdout: bufio.NewReader(stdout), stderr: &text{also: t.Output()}, terminate: cancel, ended: ended,
	}
	var result error
	over := make(chan struct{})
	go func() {
		defer close(over)
		result = host.Run(ctx, args, in, out, r.stderr)
		out.CloseWithError(io.EOF)
		ended <- result
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-over:
		case <-time.After(15 * time.Second):
			t.Error("the target does not end")
		}
		stdin.Close()
		stdout.Close()
	})
	return r
}

// start launches a target on free ports and waits until it is ready.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := launch(t, append([]string{"-listen=127.0.0.1:0", "-http=127.0.0.1:0"}, args...)...)
	r.readLine(t, &r.ready)
	return r
}

// supervise launches a target as loadgen does, with these flags, and waits until it is ready.
func supervise(t *testing.T, args ...string) *running {
	t.Helper()
	r := launch(t, "-supervised")
	r.writeLine(t, contract.Config{Args: args})
	r.readLine(t, &r.ready)
	return r
}

// readLine reads one JSON line of the target's stdout; there is no other text on it.
func (r *running) readLine(t *testing.T, v any) {
	t.Helper()
	line, err := r.stdout.ReadBytes('\n')
	if err != nil {
		select {
		case ended := <-r.ended:
			t.Fatalf("the target ended: %v", ended)
		case <-time.After(5 * time.Second):
			t.Fatalf("read the target's stdout: %v", err)
		}
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("the target's line %q: %v", line, err)
	}
}

func (r *running) writeLine(t *testing.T, v any) {
	t.Helper()
	if err := json.NewEncoder(r.stdin).Encode(v); err != nil {
		t.Fatalf("write to the target's stdin: %v", err)
	}
}

// wantEnd waits for the target's end, which must be a good one and come within d.
func (r *running) wantEnd(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(d):
		t.Errorf("the target did not end within %v", d)
	}
}

// dial connects to the target; without credentials it is plaintext.
func dial(t *testing.T, addr string, creds ...credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(append(creds, insecure.NewCredentials())[0]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// text is what a target wrote to stderr so far, which the test shows too.
type text struct {
	testkit.Log
	also io.Writer
}

func (x *text) Write(p []byte) (int, error) {
	if x.also != nil {
		_, _ = x.also.Write(p)
	}
	return x.Log.Write(p)
}

// exchange sends one message and receives one: after it the call is in flight for certain.
func exchange[Req, Res any](s grpc.BidiStreamingClient[Req, Res], req *Req) (*Res, error) {
	if err := s.Send(req); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s.Recv()
}
