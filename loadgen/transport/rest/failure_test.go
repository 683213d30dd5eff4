package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

// A call over REST ends with the code that a gRPC client would have seen.
func TestCodesOfTheGateway(t *testing.T) {
	addr, _ := gateway(t, "-allow-inject")
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		for _, spec := range []transport.Spec{get, post} {
			spec.Metadata = []string{"x-inject", "error=1:" + code.Code(c).String()}
			call := one(t, dialer, addr, spec, source{method: spec.HTTPMethod})
			if call.Code != c || !strings.Contains(call.Message, "injected error") {
				t.Errorf("%s: %v came as %v %q", spec.HTTPMethod, c, call.Code, call.Message)
			}
			if call.MessagesReceived != 1 || report(call) == "" {
				t.Errorf("%s: %v: %d answers, load report %q: want the gateway's answer", spec.HTTPMethod, c,
					call.MessagesReceived, report(call))
			}
		}
	}
}

// Answers that are no gateway's are told by their HTTP status, as gRPC's http-grpc-status-mapping.md does.
func TestCodesOfHTTPStatuses(t *testing.T) {
	for status, want := range map[int]codes.Code{
		400: codes.Internal, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 404: codes.Unimplemented,
		429: codes.Unavailable, 502: codes.Unavailable, 503: codes.Unavailable, 504: codes.Unavailable,
		201: codes.Unknown, 301: codes.Unknown, 418: codes.Unknown, 500: codes.Unknown,
	} {
		for _, body := range []string{"", "<html>no</html>", `{}`, `{"code":0}`} {
			addr := plain(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere") // it is not followed: a call is one request
				w.WriteHeader(status)
				fmt.Fprint(w, body)
			})
			call := one(t, dialer, addr, post, source{})
			if call.Code != want || !strings.Contains(call.Message, fmt.Sprint(status)) {
				t.Errorf("HTTP status %d with body %q came as %v %q, want %v", status, body, call.Code, call.Message,
					want)
			}
		}
	}
}

func TestWrongAnswers(t *testing.T) {
	for body, part := range map[string]string{
		`{"name":"我收到了n8的信息","age":36,"body":{"name":"hi"}}`: "n8",
		"no JSON": "invalid character",
		"":        "unexpected end",
	} {
		addr := plain(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		call := one(t, dialer, addr, get, source{method: http.MethodGet})
		if call.Code != codes.DataLoss || !strings.Contains(call.Message, part) {
			t.Errorf("the answer %q: the call ended %v %q", body, call.Code, call.Message)
		}
	}
}

func TestUnmakeableRequest(t *testing.T) {
	addr := plain(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	call := one(t, dialer, addr, post, source{broken: errors.New("broken source")})
	if call.Code == codes.OK || !strings.Contains(call.Message, "broken source") || call.MessagesSent != 0 {
		t.Errorf("the call ended %v %q with %d messages sent", call.Code, call.Message, call.MessagesSent)
	}
}

// hang never answers; net/http notices the client's end once the request is read.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// The deadline is kept here, whatever the server does ...
func TestDeadlineIsKeptHere(t *testing.T) {
	addr := plain(t, hang)
	slow := plain(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "{")
		_ = http.NewResponseController(w).Flush()
		hang(w, r)
	})
	for reason, addr := range map[string]string{"no answer": addr, "half an answer": slow} {
		const timeout = 60 * time.Millisecond
		spec := post
		spec.Timeout = timeout
		call := one(t, dialer, addr, spec, source{})
		if call.Code != codes.DeadlineExceeded {
			t.Errorf("%s: the call ended %v %q", reason, call.Code, call.Message)
		}
		if took := time.Duration(call.End - call.Sent); took < timeout || took > timeout+5*time.Second {
			t.Errorf("%s: a call with %v of time took %v", reason, timeout, took)
		}
	}
}

// ... and told to the handler, which ends with it.
func TestDeadlineReachesTheHandler(t *testing.T) {
	addr, log := gateway(t, "-interceptors=logging", "-inject=delay=10s")
	spec := get
	spec.Timeout = 60 * time.Millisecond
	call := one(t, dialer, addr, spec, source{method: http.MethodGet})
	if call.Code != codes.DeadlineExceeded {
		t.Errorf("the call ended %v %q", call.Code, call.Message)
	}
	for late := time.Now().Add(5 * time.Second); !strings.Contains(log.String(), "DeadlineExceeded") &&
		!strings.Contains(log.String(), "Canceled"); {
		if time.Now().After(late) {
			t.Fatalf("the handler works on for nobody; the target's log:\n%s", log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestCloseCutsOff(t *testing.T) {
	addr := plain(t, hang)
	const workers = 5
	l := newLedger()
	conn := dial(t, dialer, addr, get, source{method: http.MethodGet})
	l.next = func(c *transport.Call) {
		if err := conn.Start(c); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Start while closing: %v, want ErrClosed", err)
		}
	}
	for w := range workers {
		begin(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w), Owner: l})
	}
	time.Sleep(20 * time.Millisecond)
	if err := conn.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	calls := l.wait(t, workers)
	for _, c := range calls {
		if c.Code != codes.Canceled {
			t.Errorf("a call that was cut off ended %v %q", c.Code, c.Message)
		}
	}
	if len(calls) != workers {
		t.Errorf("%d calls came to Done, want %d", len(calls), workers)
	}
}

// A server that goes away fails its calls as UNAVAILABLE.
func TestLostServer(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	addr := plain(t, func(http.ResponseWriter, *http.Request) {
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	})
	l := newLedger()
	conn := dial(t, dialer, addr, post, source{})
	begin(t, conn, &transport.Call{Owner: l})
	time.Sleep(20 * time.Millisecond)
	hangUp()
	if c := l.wait(t, 1)[0]; c.Code != codes.Unavailable {
		t.Errorf("the call ended %v %q, want UNAVAILABLE", c.Code, c.Message)
	}
}
