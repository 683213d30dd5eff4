package gateway_test

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

func TestRoutes(t *testing.T) {
	f := open(t)
	found := func(name string, age float64, body any) map[string]any {
		return map[string]any{"name": "我收到了" + name + "的信息", "age": age, "body": body}
	}
	named := func(name string) map[string]any { return map[string]any{"name": name} }
	for _, tt := range []struct {
		reason, method, path, body string
		want                       map[string]any
	}{
		{"the fixed segment", "GET", "/api/person/qm/36/hello", "", found("qm", 36, named("hello"))},
		{"any other name in its place", "GET", "/api/person/jane/7/doe", "", found("jane", 7, named("doe"))},
		{
			"the path's names may need escapes", "GET", "/api/person/%E5%B0%8F%E6%98%8E/1/a%20b", "",
			found("小明", 1, named("a b")),
		},
		{
			"a query on top of the path is no contradiction", "GET", "/api/person/jane/7/doe?age=8", "",
			found("jane", 7, named("doe")),
		},
		{
			"all of it in the query", "GET", "/api/person?name=jane&age=7&body.name=doe", "",
			found("jane", 7, named("doe")),
		},
		{"nothing in the query", "GET", "/api/person", "", found("", 0, nil)},
		{
			"the whole request as the body", "POST", "/api/person", `{"name":"jane","age":7,"body":{"name":"doe"}}`,
			found("jane", 7, named("doe")),
		},
		{"an empty request as the body", "POST", "/api/person", `{}`, found("", 0, nil)},
		{
			"the request's body as the body", "PUT", "/api/person/jane/7", `{"name":"doe"}`,
			found("jane", 7, named("doe")),
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			res, got := f.call(t, tt.method, tt.path, tt.body)
			if res.StatusCode != http.StatusOK {
				t.Errorf("status %s", res.Status)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.path, diff)
			}
		})
	}
}

func TestRoutesRefuse(t *testing.T) {
	f := open(t)
	for _, tt := range []struct {
		reason, method, path, body string
		status                     int
	}{
		{"an age that is no number", "GET", "/api/person/jane/old/doe", "", http.StatusBadRequest},
		{"an age that is too large", "GET", "/api/person?age=2147483648", "", http.StatusBadRequest},
		{"a field of the wrong kind", "POST", "/api/person", `{"name":7}`, http.StatusBadRequest},
		{"a body that is no JSON", "POST", "/api/person", `{`, http.StatusBadRequest},
		{"a name that is no UTF-8", "GET", "/api/person/%ff/7/doe", "", http.StatusBadRequest},
		{"a query that is no UTF-8", "GET", "/api/person?name=%ff", "", http.StatusBadRequest},
		{"a path that does not exist", "GET", "/api/nobody", "", http.StatusNotFound},
		{"a method that does not", "DELETE", "/api/person", "", http.StatusNotImplemented},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if res, got := f.call(t, tt.method, tt.path, tt.body); res.StatusCode != tt.status {
				t.Errorf("%s %s: status %s, %v, want %d", tt.method, tt.path, res.Status, got, tt.status)
			}
		})
	}
}

func TestCodesBecomeHTTP(t *testing.T) {
	f := open(t)
	for code, want := range map[string]int{
		"CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
		"ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "RESOURCE_EXHAUSTED": 429, "FAILED_PRECONDITION": 400,
		"ABORTED":      409,
		"OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500, "UNAVAILABLE": 503, "DATA_LOSS": 500,
		"UNAUTHENTICATED": 401,
	} {
		res, body := f.call(t, "GET", "/api/person", "", "X-Inject", "error=1:"+code)
		if res.StatusCode != want || body["message"] != "injected error" {
			t.Errorf("%s: status %s, %v, want %d with the error's message", code, res.Status, body, want)
		}
	}
}

func TestRequestIDPassesBothWays(t *testing.T) {
	f := open(t)
	for _, tt := range []struct{ reason, header, id, inject string }{
		{"taken and returned", "Request-Id", "0badcafe-0001-00000000002a", ""},
		{"HTTP does not care for case", "rEQUEST-iD", "id-1", ""},
		{"with errors too", "Request-Id", "id-2", "error=1:NOT_FOUND"},
		{"made where there is none", "", "", ""},
	} {
		headers := []string{"X-Inject", tt.inject}
		if tt.header != "" {
			headers = append(headers, tt.header, tt.id)
		}
		res, _ := f.call(t, "GET", "/api/person", "", headers...)
		if got := res.Header.Values("Request-Id"); len(got) != 1 || got[0] == "" || tt.id != "" && got[0] != tt.id {
			t.Errorf("%s: the Request-Id headers are %q, want one: %q", tt.reason, got, tt.id)
		}
	}
}

func TestGRPCTimeout(t *testing.T) {
	f := open(t)
	for _, tt := range []struct {
		reason, timeout string
		status          int
	}{
		{"a deadline that passes ends the call", "20m", http.StatusGatewayTimeout},
		{"one that does not is no matter", "20S", http.StatusOK},
		{"one that does not parse is refused", "soon", http.StatusBadRequest},
	} {
		delay := "delay=1h"
		if tt.status == http.StatusOK {
			delay = "delay=1ms"
		}
		start := time.Now()
		res, body := f.call(t, "GET", "/api/person", "", "Grpc-Timeout", tt.timeout, "X-Inject", delay)
		if res.StatusCode != tt.status {
			t.Errorf("%s: status %s, %v, want %d", tt.reason, res.Status, body, tt.status)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %v", tt.reason, took)
		}
	}
}

func TestLoadReport(t *testing.T) {
	f := open(t)
	for _, tt := range []struct{ reason, inject string }{
		{"with an answer", "delay=1ms"},
		{"with an error", "delay=1ms,error=1:NOT_FOUND"},
	} {
		res, _ := f.call(t, "GET", "/api/person", "", "X-Inject", tt.inject)
		raw, err := base64.RawStdEncoding.DecodeString(res.Header.Get("Endpoint-Load-Metrics-Bin"))
		if err != nil {
			t.Errorf("%s: %v in %v", tt.reason, err, res.Header)
		}
		var report orcapb.OrcaLoadReport
		if err := proto.Unmarshal(raw, &report); err != nil {
			t.Errorf("%s: %v", tt.reason, err)
		}
		if ns := report.GetNamedMetrics()["server_time_ns"]; time.Duration(ns) < time.Millisecond {
			t.Errorf("%s: server time %v, want at least the injected 1ms", tt.reason, time.Duration(ns))
		}
	}
}

func TestHealthz(t *testing.T) {
	f := open(t)
	for _, tt := range []struct {
		reason, path string
		status       int
		want         string
	}{
		{"the server as a whole", "/healthz", http.StatusOK, "SERVING"},
		{"one service", "/healthz?service=person.SearchService", http.StatusOK, "SERVING"},
		{"a service that is not there", "/healthz?service=nobody", http.StatusNotFound, ""},
	} {
		if res, body := f.call(t, "GET", tt.path, ""); res.StatusCode != tt.status || tt.want != "" &&
			body["status"] != tt.want {
			t.Errorf("%s: %s: status %s, %v, want %d", tt.reason, tt.path, res.Status, body, tt.status)
		}
	}
	f.health.Shutdown()
	if res, body := f.call(t, "GET", "/healthz", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while draining: status %s, %v, want 503", res.Status, body)
	}
}
