package grpcconn_test

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

// bulk makes messages that no socket takes whole.
type bulk struct{}

func (bulk) Append(dst []byte, _ uint64, _ int) ([]byte, error) {
	return append(dst, make([]byte, 16<<20)...), nil
}
func (bulk) Check(uint64, int, int, []byte) error { return nil }

// A server that does not read holds Close up for no longer than its farewell: grpc-go alone would wait five seconds to
// tell it that it goes.
func TestCloseOfServerThatDoesNotRead(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	over := make(chan struct{})
	defer close(over)
	go func() {
		nc, err := lis.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = io.ReadFull(nc, make([]byte, len(http2.ClientPreface)))
		fr := http2.NewFramer(nc, nc)
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		_ = fr.WriteWindowUpdate(0, 1<<30)
		<-over
	}()
	l := newLedger()
	conn := dial(t, lis.Addr().String(), transport.Spec{Kind: transport.Unary, Send: 1}, bulk{}, grpcconn.Options{})
	begin(t, conn, &transport.Call{Owner: l})
	time.Sleep(300 * time.Millisecond)
	from := time.Now()
	_ = conn.Close()
	if took := time.Since(from); took > 3*time.Second { // of grpc-go's five
		t.Errorf("Close took %v", took)
	}
	l.wait(t, 1)
}
