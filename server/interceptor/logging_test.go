package interceptor

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/server/contract"
)

// wantCall checks that exactly one call was logged, with these fields and no others.
func wantCall(t *testing.T, log *journal, want map[string]any) {
	t.Helper()
	calls := log.records(t, "call")
	for _, c := range calls {
		delete(c, "time")
		delete(c, "msg")
	}
	if diff := cmp.Diff([]map[string]any{want}, calls); diff != "" {
		t.Errorf("calls logged (-want +got):\n%s", diff)
	}
}

func withIncomingID(ctx context.Context, id string) context.Context {
	return metadata.NewIncomingContext(ctx, metadata.Pairs(contract.RequestIDKey, id))
}

func TestLoggingUnary(t *testing.T) {
	for _, tt := range []struct {
		reason, level, code string
		err                 error
		sent                float64
	}{
		{"an answer", "INFO", "OK", nil, 1},
		{"a failure stands out, and sent nothing", "WARN", "NotFound", status.Error(codes.NotFound, "gone"), 0},
		{"an error without a status", "WARN", "Unknown", errors.New("broken"), 0},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain, log := chainOf(t, Config{Names: []string{Logging}})
				res, err := unary(withIncomingID(t.Context(), "id-1"), chain, deaf(250*time.Millisecond, tt.err))
				if res != "answer" || !errors.Is(err, tt.err) {
					t.Errorf("the result became %v, %v", res, err)
				}
				wantCall(t, log, map[string]any{
					"level": tt.level, "method": "/test.Service/Unary", "code": tt.code, "request_id": "id-1",
					"latency": float64(250 * time.Millisecond), "received": 1.0, "sent": tt.sent,
				})
			})
		})
	}
}

func TestLoggingStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, log := chainOf(t, Config{Names: []string{Logging}})
		messages := 3
		ss := &fakeStream{
			ctx: withIncomingID(t.Context(), "id-2"),
			recv: func(any) error {
				time.Sleep(10 * time.Millisecond)
				messages--
				if messages < 0 {
					return io.EOF
				}
				return nil
			},
			send: func(m any) error {
				time.Sleep(time.Millisecond)
				if m == nil {
					return status.Error(codes.Unavailable, "broken")
				}
				return nil
			},
		}
		if err := stream(ss, chain, func(ss grpc.ServerStream) error {
			for ss.RecvMsg(nil) == nil {
				ss.SendMsg("answer")
			}
			time.Sleep(time.Second)
			return ss.SendMsg(nil) // fails: it is timed, but no message
		}); status.Code(err) != codes.Unavailable {
			t.Errorf("the result became %v", err)
		}
		wantCall(t, log, map[string]any{
			"level": "WARN", "method": "/test.Service/Stream", "code": "Unavailable", "request_id": "id-2",
			"latency": float64(1044 * time.Millisecond), "received": 3.0, "sent": 3.0,
			"receiving": float64(40 * time.Millisecond), "sending": float64(4 * time.Millisecond),
		})
	})
}

// A panic is logged as what recovery makes of it, and goes on to recovery.
func TestLoggingPassesPanicsOn(t *testing.T) {
	chain, log := chainOf(t, Config{Names: []string{Logging}})
	for _, tt := range []struct {
		method string
		call   func() error
	}{
		{"/test.Service/Unary", func() error {
			_, err := unary(t.Context(), chain, func(context.Context, any) (any, error) { return nil, explode("boom") })
			return err
		}},
		{"/test.Service/Stream", func() error {
			return stream(&fakeStream{ctx: t.Context()}, chain,
				func(grpc.ServerStream) error { return explode("boom") })
		}},
	} {
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("%s: recovered %v, want the panic itself", tt.method, r)
				}
			}()
			t.Errorf("%s returned %v instead of panicking", tt.method, tt.call())
		}()
	}
	calls := log.records(t, "call")
	if len(calls) != 2 {
		t.Fatalf("%d calls were logged, want 2", len(calls))
	}
	for i, method := range []string{"/test.Service/Unary", "/test.Service/Stream"} {
		if c := calls[i]; c["method"] != method || c["code"] != "Internal" || c["level"] != "WARN" || c["sent"] != 0.0 {
			t.Errorf("logged %v, want Internal of %s", c, method)
		}
	}
}

func TestLoggingFindsTheID(t *testing.T) {
	for _, tt := range []struct {
		reason, sent string
		names        []string
		want         func(id string) bool
	}{
		{
			"inside requestid, the one it made", "",
			[]string{RequestID, Logging},
			func(id string) bool { return id != "" },
		},
		{
			"outside requestid, the caller's", "id-1",
			[]string{Logging, RequestID},
			func(id string) bool { return id == "id-1" },
		},
		{
			"outside requestid, none where the caller sent none", "",
			[]string{Logging, RequestID},
			func(id string) bool { return id == "" },
		},
	} {
		chain, log := chainOf(t, Config{Names: tt.names})
		ctx := t.Context()
		if tt.sent != "" {
			ctx = withIncomingID(ctx, tt.sent)
		}
		if _, err := unary(ctx, chain, deaf(0, nil)); err != nil {
			t.Fatal(err)
		}
		for _, c := range log.records(t, "call") {
			if id, _ := c["request_id"].(string); !tt.want(id) {
				t.Errorf("%s: logged id %q", tt.reason, id)
			}
		}
	}
}
