// Package gateway is the REST front of the target: grpc-gateway over a
// connection to the gRPC listener, so that a REST call passes the same
// interceptors as a gRPC call.
package gateway

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"grpcbench/pb/person"
	"grpcbench/server/contract"
)

// New returns the handler of every REST route and of /healthz. Calls travel
// over conn, which stays the caller's. The Request-Id header passes both ways,
// Grpc-Timeout becomes the call's deadline, and gRPC codes become HTTP codes.
func New(ctx context.Context, conn *grpc.ClientConn) (http.Handler, error) {
	mux := runtime.NewServeMux(
		runtime.WithIncomingHeaderMatcher(incoming),
		runtime.WithOutgoingHeaderMatcher(outgoing),
		runtime.WithForwardResponseOption(func(ctx context.Context, w http.ResponseWriter, _ proto.Message) error {
			reportLoad(ctx, w)
			return nil
		}),
		runtime.WithErrorHandler(func(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler,
			w http.ResponseWriter, r *http.Request, err error,
		) {
			reportLoad(ctx, w)
			runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
		}),
		runtime.WithHealthzEndpoint(healthpb.NewHealthClient(conn)),
	)
	if err := person.RegisterSearchServiceHandler(ctx, mux, conn); err != nil {
		return nil, fmt.Errorf("register the REST routes of SearchService: %w", err)
	}
	return tolerant(mux), nil
}

// tolerant answers what the gateway has no good answer for: HEAD of /healthz, as load balancers ask, and text that is
// no UTF-8, which is the caller's mistake and not the server's.
func tolerant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := url.QueryUnescape(r.URL.RawQuery)
		if err != nil || !utf8.ValidString(r.URL.Path) || !utf8.ValidString(query) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"code":3,"message":"the path or the query is no UTF-8","details":[]}`)
			return
		}
		if r.Method == http.MethodHead && r.URL.Path == "/healthz" {
			r = r.Clone(r.Context())
			r.Method = http.MethodGet // net/http sends no body all the same
		}
		next.ServeHTTP(w, r)
	})
}

func incoming(header string) (string, bool) {
	switch http.CanonicalHeaderKey(header) {
	case http.CanonicalHeaderKey(contract.RequestIDKey):
		return contract.RequestIDKey, true
	case http.CanonicalHeaderKey(contract.InjectKey):
		return contract.InjectKey, true
	case "Traceparent", "Tracestate": // which trace the call is of
		return strings.ToLower(header), true
	}
	return runtime.DefaultHeaderMatcher(header)
}

func outgoing(key string) (string, bool) {
	if key == contract.RequestIDKey {
		return http.CanonicalHeaderKey(key), true
	}
	return runtime.MetadataHeaderPrefix + key, true
}

// reportLoad hands the call's ORCA trailer on as a header, since few HTTP/1.1 clients ask for trailers.
func reportLoad(ctx context.Context, w http.ResponseWriter) {
	md, ok := runtime.ServerMetadataFromContext(ctx)
	if !ok {
		return
	}
	if report := md.TrailerMD.Get(contract.LoadReportKey); len(report) > 0 {
		w.Header().Set(contract.LoadReportKey, base64.RawStdEncoding.EncodeToString([]byte(report[0])))
	}
}
