package host_test

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/pb/person"
	"grpcbench/pb/repo"
	"grpcbench/pb/users"
	"grpcbench/server/testkit"
)

// httpClient closes its connections with the test.
func httpClient(t *testing.T, transport *http.Transport) *http.Client {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func plain(t *testing.T) *http.Client { t.Helper(); return httpClient(t, &http.Transport{}) }

// get returns the status and the body; headers are pairs of name and value.
func get(t *testing.T, client *http.Client, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func wantHTTP(t *testing.T, client *http.Client, url, body string) {
	t.Helper()
	res, got := get(t, client, url)
	if got = strings.ReplaceAll(got, " ", ""); res.StatusCode != http.StatusOK || strings.TrimSpace(got) != body {
		t.Errorf("GET %s: %s, %s, want %s", url, res.Status, got, body)
	}
}

func TestMetricsPage(t *testing.T) {
	r := start(t)
	ctx := metadata.AppendToOutgoingContext(testkit.Context(t), "request-id", "0badcafe-0001-00000000002a")
	if _, err := users.NewUsersClient(dial(t, r.ready.Addr)).GetUser(ctx,
		&users.UserGetRequest{Email: "jane@doe"}); err != nil {
		t.Fatal(err)
	}
	wantHTTP(t, plain(t), "http://"+r.ready.HTTP+"/api/person", `{"name":"我收到了的信息","age":0,"body":null}`)

	res, page := get(t, plain(t), "http://"+r.ready.HTTP+"/metrics", "Accept",
		"application/openmetrics-text; version=1.0.0")
	if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/openmetrics-text") ||
		!strings.HasSuffix(page, "# EOF\n") {
		t.Errorf("the page is %s, not OpenMetrics", kind)
	}
	for _, tt := range []struct{ reason, line string }{
		{"calls are counted by code", `grpc_server_handled_total\{grpc_code="OK",grpc_method="GetUser",grpc_service="Users",grpc_type="unary"\} 1(\.0)?\n`},
		{"a REST call is a call", `grpc_server_handled_total\{grpc_code="OK",grpc_method="Search",grpc_service="person.SearchService",grpc_type="unary"\} 1(\.0)?\n`},
		{"a bucket has its exemplar", `grpc_server_handling_seconds_bucket\{grpc_method="GetUser",.*\} 1 # \{request_id="0badcafe-0001-00000000002a"\} `},
		{"the runtime is there too", `go_goroutines [0-9]`},
		{"and the process", `process_cpu_seconds_total [0-9]`},
	} {
		if !regexp.MustCompile(tt.line).MatchString(page) {
			t.Errorf("%s: no line %s", tt.reason, tt.line)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

// Each flag reaches what it is for.
func TestFlags(t *testing.T) {
	upload := func(conn *grpc.ClientConn, size int) error {
		s, err := repo.NewRepoClient(conn).CreateRepo(testkit.Context(t))
		if err != nil {
			return err
		}
		_ = s.Send(&repo.RepoCreateRequest{Body: &repo.RepoCreateRequest_Context{Context: &repo.RepoContext{}}})
		_ = s.Send(&repo.RepoCreateRequest{Body: &repo.RepoCreateRequest_Data{Data: make([]byte, size)}})
		_, err = s.CloseAndRecv()
		return err
	}
	out := func(conn *grpc.ClientConn) (n int, err error) {
		s, err := person.NewSearchServiceClient(conn).SearchOut(testkit.Context(t), &person.PersonReq{})
		for err == nil {
			if _, err = s.Recv(); err == nil {
				n++
			}
		}
		return n, err
	}
	silent := func(conn *grpc.ClientConn) error {
		s, err := users.NewUsersClient(conn).GetHelp(testkit.Context(t))
		if err == nil {
			_, err = s.Recv()
		}
		return err
	}
	search := func(conn *grpc.ClientConn, opts ...grpc.CallOption) error {
		_, err := person.NewSearchServiceClient(conn).Search(testkit.Context(t), &person.PersonReq{}, opts...)
		return err
	}
	for _, tt := range []struct {
		reason string
		args   []string
		check  func(t *testing.T, conn *grpc.ClientConn)
	}{
		{"-max-upload", []string{"-max-upload=10"}, func(t *testing.T, conn *grpc.ClientConn) {
			if err := upload(conn, 10); err != nil {
				t.Errorf("an upload of 10 bytes: %v", err)
			}
			if err := upload(conn, 11); status.Code(err) != codes.ResourceExhausted {
				t.Errorf("an upload of 11 bytes: %v", err)
			}
		}},
		{
			"-search-out-count and -search-out-interval",
			[]string{"-search-out-count=3", "-search-out-interval=20ms"},
			func(t *testing.T, conn *grpc.ClientConn) {
				begun := time.Now()
				if n, err := out(conn); n != 3 || !errors.Is(err, io.EOF) {
					t.Errorf("%d answers, %v, want 3", n, err)
				}
				if took := time.Since(begun); took < 40*time.Millisecond {
					t.Errorf("3 answers took %v, want two intervals", took)
				}
			},
		},
		{"11 answers without a flag", nil, func(t *testing.T, conn *grpc.ClientConn) {
			if n, err := out(conn); n != 11 || !errors.Is(err, io.EOF) {
				t.Errorf("%d answers, %v, want 11", n, err)
			}
		}},
		{
			"-unary-timeout",
			[]string{"-unary-timeout=10ms", "-inject=delay=1h"},
			func(t *testing.T, conn *grpc.ClientConn) {
				if s := status.Convert(search(conn)); s.Code() != codes.DeadlineExceeded ||
					s.Message() != "/person.SearchService/Search: Deadline exceeded" {
					t.Errorf("got %v", s.Err())
				}
			},
		},
		{"-recv-timeout", []string{"-recv-timeout=10ms"}, func(t *testing.T, conn *grpc.ClientConn) {
			if s := status.Convert(silent(conn)); s.Code() != codes.DeadlineExceeded ||
				s.Message() != "/Users/GetHelp: Deadline exceeded" {
				t.Errorf("got %v", s.Err())
			}
		}},
		{"server time without a flag", nil, func(t *testing.T, conn *grpc.ClientConn) {
			var trailer metadata.MD
			if err := search(conn, grpc.Trailer(&trailer)); err != nil ||
				len(trailer.Get("endpoint-load-metrics-bin")) != 1 {
				t.Errorf("trailer %v, %v", trailer, err)
			}
		}},
		{"-server-time=false", []string{"-server-time=false"}, func(t *testing.T, conn *grpc.ClientConn) {
			var trailer metadata.MD
			if err := search(conn, grpc.Trailer(&trailer)); err != nil ||
				len(trailer.Get("endpoint-load-metrics-bin")) != 0 {
				t.Errorf("trailer %v, %v", trailer, err)
			}
		}},
	} {
		t.Run(tt.reason, func(t *testing.T) { tt.check(t, dial(t, start(t, tt.args...).ready.Addr)) })
	}
}

// The list's first interceptor is the outermost: only inside requestid can logging find the id that was made.
func TestOrderOfTheChain(t *testing.T) {
	for _, tt := range []struct {
		list string
		made bool
	}{{"requestid,logging", true}, {"logging,requestid", false}} {
		r := start(t, "-interceptors="+tt.list)
		wantCall(t, r.ready.Addr)
		r.terminate()
		r.wantEnd(t, 10*time.Second)
		if log := r.stderr.String(); strings.Count(log, "msg=call") != 1 ||
			strings.Contains(log, `request_id="" `) == tt.made {
			t.Errorf("%s: logged %s", tt.list, log)
		}
	}
}

func TestPanicsLeaveTheTargetAlive(t *testing.T) {
	r := start(t, "-allow-inject")
	conn := dial(t, r.ready.Addr)
	ctx := metadata.AppendToOutgoingContext(testkit.Context(t), "x-inject", "panic=1")
	_, err := person.NewSearchServiceClient(conn).Search(ctx, &person.PersonReq{})
	if s := status.Convert(err); s.Code() != codes.Internal || s.Message() != "Unexpected error happened" {
		t.Errorf("unary: %v", err)
	}
	s, err := person.NewSearchServiceClient(conn).SearchIO(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); status.Code(err) != codes.Internal {
		t.Errorf("stream: %v", err)
	}
	wantCall(t, r.ready.Addr)
	if log := r.stderr.String(); strings.Count(log, "msg=panic") != 2 || !strings.Contains(log, "(*injector).apply") {
		t.Errorf("logged %s, want two panics with their stacks", log)
	}
}

// Requests may come compressed, to the server that nothing of loadgen is linked into as well.
func TestGzipIsRegistered(t *testing.T) {
	if encoding.GetCompressor("gzip") == nil {
		t.Error("no gzip")
	}
}
