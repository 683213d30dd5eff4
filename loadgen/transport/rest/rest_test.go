package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	orca "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

func TestRoutes(t *testing.T) {
	addr, _ := gateway(t)
	for _, spec := range []transport.Spec{get, post} {
		src := source{method: spec.HTTPMethod}
		call := one(t, dialer, addr, spec, src)
		if call.Code != codes.OK || call.Message != "" {
			t.Errorf("%s: the call ended %v %q", spec.HTTPMethod, call.Code, call.Message)
		}
		request, _ := src.Append(nil, 7, 0)
		if call.MessagesSent != 1 || call.MessagesReceived != 1 || call.BytesSent != int64(len(request)) ||
			call.BytesReceived < 60 {
			t.Errorf("%s: %d messages, %d bytes sent and %d, %d received", spec.HTTPMethod,
				call.MessagesSent, call.BytesSent, call.MessagesReceived, call.BytesReceived)
		}
		if call.Sent <= 0 || call.End <= call.Sent {
			t.Errorf("%s: a call from %d to %d", spec.HTTPMethod, call.Sent, call.End)
		}
	}
}

// The target's own time comes as a header; it cannot be longer than the call.
func TestLoadReport(t *testing.T) {
	addr, _ := gateway(t, "-inject=delay=10ms")
	silent, _ := gateway(t, "-server-time=false")
	for _, spec := range []transport.Spec{get, post} {
		call := one(t, dialer, addr, spec, source{method: spec.HTTPMethod})
		var load orca.OrcaLoadReport
		if err := proto.Unmarshal([]byte(report(call)), &load); err != nil {
			t.Fatalf("%s: load report %q: %v", spec.HTTPMethod, report(call), err)
		}
		took := time.Duration(load.GetNamedMetrics()[contract.ServerTimeMetric])
		if took < 10*time.Millisecond || took > time.Duration(call.End-call.Sent) {
			t.Errorf("%s: the target took %v of a call of %v, want more than its 10ms delay", spec.HTTPMethod, took,
				time.Duration(call.End-call.Sent))
		}
		if call := one(t, dialer, silent, spec, source{method: spec.HTTPMethod}); call.LoadReport != nil {
			t.Errorf("%s: a load report %q of a target that tells none", spec.HTTPMethod, report(call))
		}
	}
}

// The id arrives at the handlers behind the gateway, in the one form that all transports share.
func TestRequestIDArrives(t *testing.T) {
	addr, log := gateway(t, "-interceptors=requestid,logging")
	const workers, each = 4, 5
	for _, spec := range []transport.Spec{get, post} {
		l := newLedger()
		conn := dial(t, dialer, addr, spec, source{method: spec.HTTPMethod})
		l.next = func(c *transport.Call) {
			if seq := c.Seq + workers; seq < workers*each {
				c.Reset()
				c.Seq = seq
				begin(t, conn, c)
			}
		}
		for w := range workers {
			begin(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w), Owner: l})
		}
		for _, c := range l.wait(t, workers*each) {
			if c.Code != codes.OK {
				t.Errorf("%s: call %d ended %v %q", spec.HTTPMethod, c.Seq, c.Code, c.Message)
			}
		}
	}
	all := log.String()
	for seq := range workers * each {
		id := fmt.Sprintf("0badcafe-%04x-%012x", seq%workers, seq)
		if n := strings.Count(all, id); n != 2 {
			t.Errorf("the target logged %s %d times, want once for GET and once for POST:\n%s", id, n, all)
		}
	}
}

// What goes over the wire, header by header.
func TestRequest(t *testing.T) {
	seen := make(chan *http.Request, 1)
	addr := plain(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Clone(t.Context())
		fmt.Fprint(w, `{"name":"我收到了n7的信息","age":36,"body":{"name":"hi"}}`)
	})
	for _, spec := range []transport.Spec{get, post} {
		spec.Timeout = time.Second
		spec.Metadata = []string{"x-one", "1", "x-two", "2", "x-one", "again"}
		d := dialer
		d.Authority = "api.example.com"
		call := one(t, d, addr, spec, source{method: spec.HTTPMethod})
		if call.Code != codes.OK {
			t.Errorf("%s: the call ended %v %q", spec.HTTPMethod, call.Code, call.Message)
		}
		r := <-seen
		want := map[string]string{
			"Request-Id": "0badcafe-0003-000000000007", "Grpc-Timeout": "1000000u",
			"X-One": "1,again", "X-Two": "2", "Content-Type": "",
		}
		if spec.HTTPMethod == http.MethodPost {
			want["Content-Type"] = "application/json"
		}
		for name, value := range want {
			if got := strings.Join(r.Header.Values(name), ","); got != value {
				t.Errorf("%s: header %s is %q, want %q", spec.HTTPMethod, name, got, value)
			}
		}
		if r.Method != spec.HTTPMethod || r.URL.Path != "/api/person" || r.Host != "api.example.com" {
			t.Errorf("%s: %s %s to host %s", spec.HTTPMethod, r.Method, r.URL, r.Host)
		}
		if got := r.URL.Query().Get("name"); spec.HTTPMethod == http.MethodGet && got != "n7" {
			t.Errorf("GET: the query's name is %q", got)
		}
	}
	spec := get
	spec.Timeout = 0
	one(t, dialer, addr, spec, source{method: http.MethodGet})
	if r := <-seen; r.Header.Get("Grpc-Timeout") != "" || r.Host != addr {
		t.Errorf("without a timeout or an authority: Grpc-Timeout %q, host %q", r.Header.Get("Grpc-Timeout"), r.Host)
	}
}

// Each worker keeps a connection of its own and uses it again.
func TestConnectionsAreKept(t *testing.T) {
	conns := make(chan string, 100)
	addr := plain(t, func(w http.ResponseWriter, r *http.Request) {
		conns <- r.RemoteAddr
		time.Sleep(20 * time.Millisecond) // so that all workers are in flight at once
		fmt.Fprint(w, `{}`)
	})
	const workers, each = 8, 5
	l := newLedger()
	conn := dial(t, dialer, addr, post, source{})
	l.next = func(c *transport.Call) {
		if seq := c.Seq + workers; seq < workers*each {
			c.Reset()
			c.Seq = seq
			begin(t, conn, c)
		}
	}
	for w := range workers {
		begin(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w), Owner: l})
	}
	l.wait(t, workers*each)
	used := map[string]int{}
	for range workers * each {
		used[<-conns]++
	}
	if len(used) != workers {
		t.Errorf("%d connections for %d workers: %v", len(used), workers, used)
	}
}
