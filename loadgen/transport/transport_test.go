package transport_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKindIsAMaskOfWhoStreams(t *testing.T) {
	for _, tt := range []struct {
		kind           transport.Kind
		client, server bool
		name           string
	}{
		{transport.Unary, false, false, "unary"},
		{transport.ClientStream, true, false, "client stream"},
		{transport.ServerStream, false, true, "server stream"},
		{transport.Bidi, true, true, "bidi"},
	} {
		client, server := tt.kind&transport.ClientStream != 0, tt.kind&transport.ServerStream != 0
		if client != tt.client || server != tt.server || tt.kind.String() != tt.name {
			t.Errorf("kind %d: client streams %v, server streams %v, %q; want %v, %v, %q",
				tt.kind, client, server, tt.kind, tt.client, tt.server, tt.name)
		}
	}
}

// A worker's Call is used again: what one call found must not show up in the
// next, and what the engine ordered must stay.
func TestReset(t *testing.T) {
	bound := new(int)
	c := transport.Call{
		Worker: 1, Seq: 2, Intended: 3,
		Sent: 4, End: 5, Held: 1, Code: codes.Unavailable, Message: "why",
		MessagesSent: 6, MessagesReceived: 7, BytesSent: 8, BytesReceived: 9,
		LoadReport: func() string { return "report" },
		Bound:      bound,
	}
	c.Reset()
	want := transport.Call{Worker: 1, Seq: 2, Intended: 3, Bound: bound}
	if diff := cmp.Diff(want, c, cmpopts.EquateComparable()); diff != "" {
		t.Errorf("after Reset (-want +got):\n%s", diff)
	}
}

func TestClock(t *testing.T) {
	before := transport.Now()
	time.Sleep(2 * time.Millisecond)
	after := transport.Now()
	if passed := time.Duration(after - before); passed < 2*time.Millisecond || passed > 10*time.Second {
		t.Errorf("Now went on by %v in 2ms", passed)
	}
	if off := time.Since(transport.Wall(after)); off < 0 || off > 10*time.Second {
		t.Errorf("Wall is off by %v", off)
	}
	// both now have a monotonic reading, by which Sub goes
	if span := transport.Wall(
		after).Sub(transport.Wall(before)); (span - time.Duration(after-before)).Abs() > time.Microsecond {
		t.Errorf("two readings %v apart are %v apart on the wall", time.Duration(after-before), span)
	}
}
