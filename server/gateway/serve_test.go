package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/orca"

	"grpcbench/pb/person"
	"grpcbench/server/gateway"
	"grpcbench/server/interceptor"
	"grpcbench/server/service"
	"grpcbench/server/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// front is a gateway before a real gRPC server over memory, with requestid,
// inject by order, and server time.
type front struct {
	url    string
	client *http.Client
	health *health.Server
}

func open(t *testing.T) front {
	t.Helper()
	chain, err := interceptor.New(interceptor.Config{Names: []string{interceptor.RequestID}, AllowInject: true})
	if err != nil {
		t.Fatal(err)
	}
	opts := []grpc.ServerOption{orca.CallMetricsServerOption(nil)}
	for _, i := range append([]interceptor.Interceptor{interceptor.ServerTime()}, chain...) {
		opts = append(opts, grpc.ChainUnaryInterceptor(i.Unary), grpc.ChainStreamInterceptor(i.Stream))
	}
	s := grpc.NewServer(opts...)
	person.RegisterSearchServiceServer(s, &service.Person{})
	f := front{health: service.NewHealth(s)}
	healthpb.RegisterHealthServer(s, f.health)
	routes, err := gateway.New(t.Context(), testkit.Serve(t, s))
	if err != nil {
		t.Fatal(err)
	}
	rest := httptest.NewServer(routes)
	f.url, f.client = rest.URL, rest.Client()
	t.Cleanup(rest.Close)
	return f
}

// call makes one request; headers are pairs of name and value.
func (f front) call(t *testing.T, method, path, body string, headers ...string) (*http.Response, map[string]any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		t.Fatalf("%s %s: %d, and the body %q is no JSON", method, path, res.StatusCode, raw)
	}
	return res, decoded
}
