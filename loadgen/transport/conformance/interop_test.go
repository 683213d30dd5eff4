package conformance

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	orcaserver "google.golang.org/grpc/orca"

	"grpcbench/loadgen/transport"
)

// official are the names of all cases: those of grpc/grpc's doc/interop-test-descriptions.md and of grpc-go's own
// interop client.
var official = []string{
	"empty_unary", "cacheable_unary", "large_unary", "client_compressed_unary", "server_compressed_unary",
	"client_streaming", "client_compressed_streaming", "server_streaming", "server_compressed_streaming", "ping_pong",
	"empty_stream", "compute_engine_creds", "service_account_creds", "jwt_token_creds", "oauth2_auth_token",
	"per_rpc_creds",
	"google_default_credentials", "compute_engine_channel_credentials", "custom_metadata", "status_code_and_message",
	"special_status_message", "unimplemented_method", "unimplemented_service", "cancel_after_begin",
	"cancel_after_first_response", "timeout_on_sleeping_server", "concurrent_large_unary", "rpc_soak", "channel_soak",
	"long_lived_channel", "pick_first_unary", "orca_per_rpc", "orca_oob",
}

// skipped are cases that a transport cannot express, or not here.
var skipped = map[string]string{
	"cacheable_unary": "a transport sends POST alone, and there is neither a caching proxy nor " +
		"CacheableUnaryCall in grpc-go's server",
	"compute_engine_creds":               "it needs the metadata server of a Google cloud",
	"service_account_creds":              "it needs a Google service account's key",
	"jwt_token_creds":                    "it needs a Google service account's key",
	"oauth2_auth_token":                  "it needs a Google service account's key, and Google's token server",
	"per_rpc_creds":                      "it needs a Google service account's key",
	"google_default_credentials":         "it needs a Google account's credentials",
	"compute_engine_channel_credentials": "it needs the metadata server of a Google cloud",
	"long_lived_channel":                 "it waits for hours",
	"pick_first_unary": "it is of a resolver that knows several servers; a transport.Conn is to " +
		"one address",
	"orca_oob": "it needs two methods on one connection; a transport.Spec has one",
}

// partly are cases that are run but for a part.
var partly = map[string]string{
	"empty_stream": "a transport sends one message at least: a stream of no answers passed, one of no " +
		"messages cannot be",
	"client_compressed_streaming": "a transport.Spec compresses every message or none: both passed, a mix on one " +
		"stream cannot be",
	"server_compressed_streaming": "grpc-go's server compresses every message of a stream or none: both passed, a " +
		"mix on one stream cannot be asked for",
}

// special are the cases that are more than single calls.
var special = map[string]func(t *testing.T, d transport.Dialer){
	"cancel_after_begin":          cancelAfterBegin,
	"cancel_after_first_response": cancelAfterFirstResponse,
	"concurrent_large_unary":      concurrentLargeUnary,
	"rpc_soak":                    rpcSoak,
	"channel_soak":                channelSoak,
}

// via is a way to the service.
type via struct {
	name, addr string
	tls        *tls.Config
	tap        *tap // nil where it shows nothing
}

// ways are TCP, TLS, whose writes go another way in wire, and a unix socket.
func ways(t *testing.T) []via {
	t.Helper()
	pair, pool := certificate(t)
	report := orcaserver.CallMetricsServerOption(nil)
	path := filepath.Join(t.TempDir(), "s")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	local, plain, secure := &tap{Listener: unix}, listen(t), listen(t)
	serve(t, local, report)
	serve(t, plain, report)
	serve(t, secure, report, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})))
	return []via{
		{"tcp", plain.Addr().String(), nil, plain},
		{"tls", secure.Addr().String(), &tls.Config{RootCAs: pool}, nil},
		{"unix", "unix:" + path, nil, local},
	}
}

// TestInterop is each official case over each transport. A case that is not there says why.
func TestInterop(t *testing.T) {
	all := slices.Concat(steps, compressed)
	ways := ways(t)
	for _, tr := range transports {
		for _, name := range official {
			t.Run(tr.name+"/"+name, func(t *testing.T) {
				if why, ok := skipped[name]; ok {
					t.Skip(why)
				}
				if f := special[name]; f != nil {
					f(t, tr.dialer(nil))
					return
				}
				ran := false
				for _, v := range ways {
					for _, s := range all {
						if s.name == name {
							ran = true
							s.run(t, v, tr.dialer(v.tls))
						}
					}
				}
				if !ran {
					t.Error("there is no such case, and no reason why")
				}
				if why, ok := partly[name]; ok && !t.Failed() {
					t.Skip(why)
				}
			})
		}
	}
}

func (s step) run(t *testing.T, v via, d transport.Dialer) {
	t.Helper()
	spec := s.spec
	if spec.Timeout == 0 {
		spec.Timeout = patience
	}
	if s.gzip {
		d = withGzip(t, d)
	}
	call := one(t, d, v.addr, spec, s.src)
	where := v.name + ", " + s.reason
	if call.Code != s.code || call.Message != s.message && s.message != "*" {
		t.Errorf("%s: the call ended %v %q, want %v %q", where, call.Code, call.Message, s.code, s.message)
	}
	sent := call.MessagesSent == spec.Send || call.Code == codes.DeadlineExceeded // which may pass before it could send
	if !sent || call.MessagesReceived != s.received {
		t.Errorf("%s: %d messages sent, %d received, want %d, %d", where, call.MessagesSent, call.MessagesReceived,
			spec.Send, s.received)
	}
	if s.extra != nil {
		s.extra(t, call)
	}
	if s.sent != nil && v.tap != nil {
		s.sent(t, v.tap.answers(t))
	}
}
