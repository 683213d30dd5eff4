package interceptor

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/server/contract"
)

// The gate closes FROM after the first call, and then holds every call until it opens.
func TestInjectGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, _ := injecting(t, "gate=10s:1s", false)
		start := time.Now()
		var calls sync.WaitGroup
		at := func(from, want time.Duration) {
			calls.Go(func() {
				time.Sleep(from)
				if _, err := unary(t.Context(), chain, answer); err != nil {
					t.Errorf("the call at %v: %v", from, err)
				}
				if done := time.Since(start); done != want {
					t.Errorf("the call at %v ended at %v, want %v", from, done, want)
				}
			})
		}
		at(0, 0)
		at(5*time.Second, 5*time.Second)
		at(10*time.Second-1, 10*time.Second-1)
		for i := range time.Duration(50) { // closed: all of them come out together
			at(10*time.Second+i*20*time.Millisecond, 11*time.Second)
		}
		at(11*time.Second, 11*time.Second)
		at(30*time.Second, 30*time.Second) // it closes once
		calls.Wait()
	})
}

func TestInjectGateOfAPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, _ := injecting(t, "gate=1s:100ms:1s", false)
		start := time.Now()
		for _, tt := range []struct{ from, want time.Duration }{
			{0, 0},
			{1020 * time.Millisecond, 1100 * time.Millisecond},
			{1500 * time.Millisecond, 1500 * time.Millisecond},
			{2 * time.Second, 2100 * time.Millisecond},
			{7099 * time.Millisecond, 7100 * time.Millisecond},
		} {
			time.Sleep(tt.from - time.Since(start))
			if err := outcome(t.Context(), chain); err != nil || time.Since(start) != tt.want {
				t.Errorf("the call at %v ended at %v with %v, want OK at %v", tt.from, time.Since(start), err, tt.want)
			}
		}
	})
}

// Three calls at a time make each that follows slower, for as long as is said, and then no more.
func TestInjectCollapse(t *testing.T) {
	const by, long = 20 * time.Millisecond, 300 * time.Millisecond
	chain, _ := injecting(t, "collapse=3:300ms:20ms", false)
	least := func() time.Duration { // of three: others use the machine too
		quickest := time.Hour
		for range 3 {
			start := time.Now()
			if err := outcome(t.Context(), chain); err != nil {
				t.Fatal(err)
			}
			quickest = min(quickest, time.Since(start))
		}
		return quickest
	}
	if took := least(); took >= by {
		t.Errorf("before there were many, a call took %v", took)
	}
	var calls, begun sync.WaitGroup
	begun.Add(3)
	for range 3 {
		calls.Go(func() {
			_, _ = unary(t.Context(), chain, func(context.Context, any) (any, error) {
				begun.Done()
				begun.Wait()
				return nil, nil //nolint:nilnil // an answer that nobody reads
			})
		})
	}
	calls.Wait()
	if took := least(); took < by {
		t.Errorf("after three at a time, a call took %v, want %v at least", took, by)
	}
	time.Sleep(long)
	if took := least(); took >= by {
		t.Errorf("%v later, a call took %v", long, took)
	}
}

func TestInjectGateAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, _ := injecting(t, "gate=0s:1s", false)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := outcome(ctx, chain); status.Code(err) != codes.DeadlineExceeded ||
			time.Since(start) != 100*time.Millisecond {
			t.Errorf("a held call whose time is over ended after %v with %v", time.Since(start), err)
		}
		if err := outcome(t.Context(), chain); err != nil || time.Since(start) != time.Second {
			t.Errorf("the next call ended at %v with %v, want OK at 1s", time.Since(start), err)
		}
	})
}

func ordering(ctx context.Context, order string) context.Context {
	return metadata.NewIncomingContext(ctx, metadata.Pairs(contract.InjectKey, order))
}

func TestInjectByMetadata(t *testing.T) {
	for _, tt := range []struct {
		reason, own, order string
		allow              bool
		code               codes.Code
		says               string
		took               time.Duration
	}{
		{reason: "a call orders its own delay", order: "delay=7ms", allow: true, took: 7 * time.Millisecond},
		{
			reason: "and its own error", order: "error=1:NOT_FOUND", allow: true, code: codes.NotFound,
			says: "injected error",
		},
		{reason: "where it may not, nothing happens", order: "error=1:NOT_FOUND"},
		{reason: "where it may not, not even its mistakes matter", order: "nonsense"},
		{
			reason: "an order replaces the server's", own: "delay=5ms", order: "delay=7ms", allow: true,
			took: 7 * time.Millisecond,
		},
		{
			reason: "where it may not, the server's stays", own: "delay=5ms", order: "delay=7ms",
			took: 5 * time.Millisecond,
		},
		{reason: "an empty order spares the call", own: "delay=5ms", allow: true},
		{
			reason: "a malformed order is the caller's mistake", order: "delay=fast", allow: true,
			code: codes.InvalidArgument, says: `"fast"`,
		},
		{
			reason: "an unknown one too", own: "delay=5ms", order: "sleep=5ms", allow: true,
			code: codes.InvalidArgument, says: "x-inject",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain, _ := injecting(t, tt.own, tt.allow)
				ctx := ordering(t.Context(), tt.order)
				for kind, err := range map[string]func() error{
					"unary": func() error { return outcome(ctx, chain) },
					"stream": func() error {
						return stream(&fakeStream{ctx: ctx}, chain, func(grpc.ServerStream) error { return nil })
					},
				} {
					start := time.Now()
					s := status.Convert(err())
					if took := time.Since(start); s.Code() != tt.code || !strings.Contains(s.Message(), tt.says) ||
						took != tt.took {
						t.Errorf("%s: ended after %v with %v, want %v that says %s after %v", kind, took, s.Err(),
							tt.code, tt.says, tt.took)
					}
				}
			})
		})
	}
}

// A gate that one call orders for itself moves no other call's.
func TestInjectGateByMetadataLeavesTheServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, _ := injecting(t, "gate=10s:1s", true)
		_ = outcome(ordering(t.Context(), "gate=0s:1ms"), chain)
		if err := outcome(t.Context(), chain); err != nil { // the first call under the server's gate
			t.Error(err)
		}
		first := time.Now()
		time.Sleep(10 * time.Second)
		if err := outcome(t.Context(), chain); err != nil {
			t.Error(err)
		}
		// From 10 s after the first call, whichever of the two that was, the gate is closed.
		if held := time.Since(first); held < 10900*time.Millisecond {
			t.Errorf("a call in the server's gate=10s:1s went through at %v: the gate is another call's", held)
		}
	})
}
