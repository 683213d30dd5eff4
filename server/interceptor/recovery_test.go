package interceptor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/pb/person"
	"grpcbench/server/testkit"
)

// explode is the function that a recovered panic's stack must name.
//
//go:noinline
func explode(value any) error { panic(value) }

// wantOnePanic checks that exactly one panic was logged, with the stack it happened on.
func wantOnePanic(t *testing.T, log *journal, value string) {
	t.Helper()
	panics := log.records(t, "panic")
	if len(panics) != 1 {
		t.Errorf("%d panics were logged, want 1", len(panics))
	}
	for _, p := range panics {
		if stack, _ := p["stack"].(string); !strings.Contains(stack, "interceptor.explode(") {
			t.Errorf("the stack does not name the panicking function:\n%s", stack)
		}
		if p["value"] != value || p["level"] != "ERROR" {
			t.Errorf("logged %v of level %v, want %s of level ERROR", p["value"], p["level"], value)
		}
	}
}

// wantPanicStatus checks the client's answer, which tells nothing of the cause.
func wantPanicStatus(t *testing.T, err error) {
	t.Helper()
	if s := status.Convert(err); s.Code() != codes.Internal || s.Message() != "Unexpected error happened" {
		t.Errorf("the call ended with %v, want Internal: Unexpected error happened", err)
	}
}

// chains are the surroundings in which a panic must come to the same end; with
// timeout the handler, or the RecvMsg, runs in a goroutine of its own, where an
// unseen panic would end this test's process.
var chains = []struct {
	reason string
	names  []string
}{
	{"in the call's own goroutine", []string{Recovery}},
	{"in the goroutine that timeout started", []string{Recovery, Timeout}},
	{
		"through interceptors that look at the panic and pass it on",
		[]string{Recovery, RequestID, Logging, Metrics, Timeout},
	},
	{"recovered inside timeout, and by nobody else", []string{Recovery, Timeout, Recovery}},
}

func TestUnaryPanic(t *testing.T) {
	for _, tt := range chains {
		t.Run(tt.reason, func(t *testing.T) {
			chain, log := chainOf(t, Config{Names: tt.names, UnaryTimeout: 10 * time.Second})
			first := true
			client := serve(t, chain, &stub{unary: func(context.Context) error {
				if first {
					first = false
					return explode("boom")
				}
				return nil
			}})
			_, err := client.Search(testkit.Context(t), &person.PersonReq{})
			wantPanicStatus(t, err)
			wantOnePanic(t, log, "boom")
			if _, err := client.Search(testkit.Context(t), &person.PersonReq{}); err != nil {
				t.Errorf("the call after the panic: %v", err)
			}
		})
	}
}

func TestStreamPanic(t *testing.T) {
	for _, tt := range chains {
		t.Run(tt.reason, func(t *testing.T) {
			chain, log := chainOf(t, Config{Names: tt.names, RecvTimeout: 10 * time.Second})
			client := serve(t, chain, &stub{bidi: func(s grpc.BidiStreamingServer[person.PersonReq,
				person.PersonRes],
			) error {
				if _, err := s.Recv(); err != nil {
					return err
				}
				return explode("boom")
			}})
			s, err := client.SearchIO(testkit.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(&person.PersonReq{}); err != nil {
				t.Fatal(err)
			}
			_, err = s.Recv()
			wantPanicStatus(t, err)
			wantOnePanic(t, log, "boom")
		})
	}
}

// A RecvMsg panics where a codec or an interceptor further inside does.
func TestRecvPanic(t *testing.T) {
	for _, tt := range chains {
		t.Run(tt.reason, func(t *testing.T) {
			chain, log := chainOf(t, Config{Names: tt.names})
			ss := &fakeStream{ctx: t.Context(), recv: func(any) error { return explode("boom") }}
			err := stream(ss, chain, func(ss grpc.ServerStream) error { return ss.RecvMsg(nil) })
			wantPanicStatus(t, err)
			wantOnePanic(t, log, "boom")
		})
	}
}

// The answer is long gone when the handler panics: there is only the log left to tell it.
func TestUnaryPanicAfterTheDeadline(t *testing.T) {
	for _, tt := range chains[1:] {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain, log := chainOf(t, Config{Names: tt.names})
				_, err := unary(t.Context(), chain, func(context.Context, any) (any, error) {
					time.Sleep(time.Second)
					return nil, explode("boom")
				})
				if status.Code(err) != codes.DeadlineExceeded {
					t.Errorf("answered %v, want DeadlineExceeded", err)
				}
				if early := log.records(t, "panic"); early != nil {
					t.Errorf("logged before it happened: %v", early)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				wantOnePanic(t, log, "boom")
			})
		})
	}
}

func TestRecvPanicAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, log := chainOf(t, Config{Names: []string{Recovery, Timeout}})
		ss := &fakeStream{ctx: t.Context(), recv: func(any) error {
			time.Sleep(time.Second)
			return explode("boom")
		}}
		err := stream(ss, chain, func(ss grpc.ServerStream) error { return ss.RecvMsg(nil) })
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("answered %v, want DeadlineExceeded", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		wantOnePanic(t, log, "boom")
	})
}

func TestRecoveryTakesAnyValue(t *testing.T) {
	for _, tt := range []struct {
		reason string
		value  any
		logged string
	}{
		{"a string", "boom", "boom"},
		{"an error", errors.New("broken"), "broken"},
		{
			"a status is no answer when it is thrown", status.Error(codes.NotFound, "secret"),
			"rpc error: code = NotFound desc = secret",
		},
		{"nil panics too", nil, "panic called with nil argument"},
	} {
		for _, names := range [][]string{{Recovery}, {Recovery, Timeout}} {
			chain, log := chainOf(t, Config{Names: names})
			_, err := unary(t.Context(), chain,
				func(context.Context, any) (any, error) { return nil, explode(tt.value) })
			t.Logf("%s, %v", tt.reason, names)
			wantPanicStatus(t, err)
			wantOnePanic(t, log, tt.logged)
		}
	}
}

func TestRecoveryPassesResultsOn(t *testing.T) {
	want := status.Error(codes.NotFound, "gone")
	chain, log := chainOf(t, Config{Names: []string{Recovery}})
	if res, err := unary(t.Context(), chain,
		func(context.Context, any) (any, error) { return "kept", want }); res != "kept" || !errors.Is(err, want) {
		t.Errorf("unary: got %v, %v", res, err)
	}
	if err := stream(&fakeStream{ctx: t.Context()}, chain,
		func(grpc.ServerStream) error { return want }); !errors.Is(err, want) {
		t.Errorf("stream: got %v", err)
	}
	if panics := log.records(t, "panic"); panics != nil {
		t.Errorf("logged %v without a panic", panics)
	}
}
