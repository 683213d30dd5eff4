package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/dial"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/server/contract"
	"grpcbench/server/host"
)

// calls measures every RPC end to end over each transport, one call after
// another, and Search also with many in flight. Streams carry ten messages.
func calls(b *testing.B) {
	ready := startTarget(b)
	for _, def := range scenario.All() {
		for _, name := range def.Transports() {
			o := scenario.Options{Transport: name, HTTPMethod: http.MethodPost, Messages: 10, Timeout: 20 * time.Second}
			b.Run(fmt.Sprintf("rpc=%s/transport=%s/c=1", def.Name, name), func(b *testing.B) {
				oneByOne(b, connect(b, ready, def, o))
			})
			if def.Name == "Search" {
				b.Run(fmt.Sprintf("rpc=%s/transport=%s/c=50", def.Name, name), func(b *testing.B) {
					together(b, connect(b, ready, def, o), 50)
				})
			}
		}
	}
	for _, size := range []int{1 << 10, 64 << 10} {
		def, err := scenario.Find("Search")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("rpc=Search/transport=grpc/c=1/size=%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			oneByOne(b, connect(b, ready, def,
				scenario.Options{Transport: transport.GRPC, Size: size, Timeout: 20 * time.Second}))
		})
	}
}

// startTarget runs a target in this process until b ends.
func startTarget(b *testing.B) contract.Ready {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := host.Run(ctx, []string{
			"-listen", "127.0.0.1:0", "-http", "127.0.0.1:0", "-interceptors", "recovery,requestid,metrics,timeout",
		}, nil, in, io.Discard)
		in.CloseWithError(fmt.Errorf("the target ended: %w", err))
		ended <- err
	}()
	var ready contract.Ready
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		cancel()
		b.Fatalf("start a target: %v", err)
	}
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Errorf("end the target: %v", err)
		}
	})
	return ready
}

func connect(b *testing.B, ready contract.Ready, def scenario.Definition, o scenario.Options) transport.Conn {
	b.Helper()
	spec, src, err := def.Build(o)
	if err != nil {
		b.Fatal(err)
	}
	chain, err := grpcconn.Interceptors([]string{"requestid"}, 1, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	dialer, http := dial.New(o.Transport, dial.Options{Run: 1, Timeout: 5 * time.Second, Interceptors: chain})
	addr := ready.Addr
	if http {
		addr = ready.HTTP
	}
	conn, err := dialer.Dial(b.Context(), addr, transport.One(spec, src))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := conn.Close(); err != nil {
			b.Errorf("close the connection: %v", err)
		}
	})
	return conn
}

// waiter makes a call and waits for its end.
type waiter struct {
	call transport.Call
	done chan struct{}
}

func newWaiter(worker int) *waiter {
	w := &waiter{done: make(chan struct{}, 1)}
	w.call.Worker, w.call.Owner = uint16(worker), w
	return w
}

// Done implements transport.Owner.
func (w *waiter) Done(*transport.Call) { w.done <- struct{}{} }

// Message implements transport.Owner.
func (w *waiter) Message(*transport.Call, series.Series, int64) {}

func (w *waiter) do(conn transport.Conn) error {
	seq := w.call.Seq + 1
	w.call.Reset()
	w.call.Seq = seq
	if err := conn.Start(&w.call); err != nil {
		return err
	}
	conn.Flush()
	<-w.done
	if w.call.Code != codes.OK {
		return fmt.Errorf("%v: %s", w.call.Code, w.call.Message)
	}
	return nil
}

func oneByOne(b *testing.B, conn transport.Conn) {
	b.Helper()
	b.ReportAllocs()
	w := newWaiter(0)
	for b.Loop() {
		if err := w.do(conn); err != nil {
			b.Fatal(err)
		}
	}
}

// together has workers that start their next call when the last is over, as the engine's do.
func together(b *testing.B, conn transport.Conn, workers int) {
	b.Helper()
	b.ReportAllocs()
	l := &loop{b: b, conn: conn}
	l.left.Store(int64(b.N))
	l.active.Add(workers)
	for w := range workers {
		l.next(&transport.Call{Worker: uint16(w), Owner: l})
	}
	conn.Flush()
	l.active.Wait()
}

// loop is a closed loop that records nothing.
type loop struct {
	b      *testing.B
	conn   transport.Conn
	left   atomic.Int64
	active sync.WaitGroup
}

func (l *loop) next(c *transport.Call) {
	n := l.left.Add(-1)
	if n < 0 {
		l.active.Done()
		return
	}
	c.Reset()
	c.Seq = uint64(n)
	if err := l.conn.Start(c); err != nil {
		l.b.Error(err)
		l.active.Done()
	}
}

// Done implements transport.Owner.
func (l *loop) Done(c *transport.Call) {
	if c.Code != codes.OK {
		l.b.Errorf("%v: %s", c.Code, c.Message)
	}
	l.next(c)
}

// Message implements transport.Owner.
func (*loop) Message(*transport.Call, series.Series, int64) {}
