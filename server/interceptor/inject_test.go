package interceptor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// injecting builds a chain that ends in inject, with the server's own order.
func injecting(t *testing.T, order string, allow bool, outside ...string) ([]Interceptor, *journal) {
	t.Helper()
	faults, err := ParseFaults(order)
	if err != nil {
		t.Fatal(err)
	}
	return chainOf(t, Config{Names: append(outside, Inject), Faults: faults, AllowInject: allow})
}

func answer(context.Context, any) (any, error) { return "answer", nil }

// delays are those of n calls, by the bubble's clock.
func delays(t *testing.T, order string, n int) []time.Duration {
	t.Helper()
	chain, _ := injecting(t, order, false)
	all := make([]time.Duration, n)
	for i := range all {
		start := time.Now()
		if res, err := unary(t.Context(), chain, answer); err != nil || res != "answer" {
			t.Fatalf("%s: %v, %v", order, res, err)
		}
		all[i] = time.Since(start)
	}
	return all
}

// Each kind of delay has its quantiles; seeds are fixed, so that a failure is no accident.
func TestInjectDelays(t *testing.T) {
	const ms = time.Millisecond
	lognormal := func(z float64) time.Duration { return time.Duration(float64(10*ms) * math.Exp(0.5*z)) }
	for _, tt := range []struct {
		order     string
		low, high time.Duration // of all draws
		quantiles map[float64]time.Duration
	}{
		{"delay=5ms", 5 * ms, 5 * ms, nil},
		{
			"delay=uniform:1ms:5ms,seed=1", ms, 5 * ms,
			map[float64]time.Duration{0.1: 1400 * time.Microsecond, 0.5: 3 * ms, 0.9: 4600 * time.Microsecond},
		},
		{
			"delay=lognormal:10ms:0.5,seed=2", ms, 100 * ms,
			map[float64]time.Duration{0.1587: lognormal(-1), 0.5: 10 * ms, 0.8413: lognormal(1), 0.9772: lognormal(2)},
		},
		{
			"delay=bimodal:1ms:100ms:0.1,seed=3", ms, 100 * ms,
			map[float64]time.Duration{0.5: ms, 0.88: ms, 0.92: 100 * ms},
		},
		{"delay=bimodal:1ms:100ms:1", 100 * ms, 100 * ms, nil},
	} {
		t.Run(tt.order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := delays(t, tt.order, 5000)
				slices.Sort(got)
				if low, high := got[0], got[len(got)-1]; low < tt.low || high > tt.high {
					t.Errorf("delays from %v to %v, want from %v to %v", low, high, tt.low, tt.high)
				}
				for q, want := range tt.quantiles {
					if d := got[int(q*float64(len(got)))]; math.Abs(float64(d-want)) > 0.05*float64(want) {
						t.Errorf("the %g quantile is %v, want %v", q, d, want)
					}
				}
			})
		})
	}
}

func TestInjectRepeatsBySeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := delays(t, "delay=uniform:0s:1s,seed=1", 100)
		if again := delays(t, "delay=uniform:0s:1s,seed=1", 100); !slices.Equal(first, again) {
			t.Error("one seed drew two sequences")
		}
		if other := delays(t, "delay=uniform:0s:1s,seed=2", 100); slices.Equal(first, other) {
			t.Error("two seeds drew one sequence")
		}
		if slices.Sort(first); len(slices.Compact(first)) < 100 {
			t.Error("calls share their draws")
		}
	})
}

func TestInjectRates(t *testing.T) {
	for _, tt := range []struct {
		order string
		rate  float64
		code  codes.Code
		took  time.Duration // of a call that fails
	}{
		{"error=0.2:UNAVAILABLE,seed=1", 0.2, codes.Unavailable, 0},
		{"error=0.01:ABORTED,seed=2", 0.01, codes.Aborted, 0},
		{"error=1:RESOURCE_EXHAUSTED:300ms", 1, codes.ResourceExhausted, 300 * time.Millisecond},
		{"error=0:UNAVAILABLE,delay=0s", 0, codes.OK, 0},
		{"panic=0.2,seed=3", 0.2, codes.Internal, 0},
		{"panic=1", 1, codes.Internal, 0},
		{"error=0.5:ABORTED,delay=5ms,seed=4", 0.5, codes.Aborted, 5 * time.Millisecond},
	} {
		t.Run(tt.order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 5000
				chain, _ := injecting(t, tt.order, false)
				failed := 0
				for range calls {
					start := time.Now()
					err := outcome(t.Context(), chain)
					if err == nil {
						continue
					}
					failed++
					if took := time.Since(start); status.Code(err) != tt.code || took != tt.took {
						t.Fatalf("a call failed after %v with %v, want %v after %v", took, err, tt.code, tt.took)
					}
				}
				sigma := math.Sqrt(calls * tt.rate * (1 - tt.rate))
				if math.Abs(float64(failed)-calls*tt.rate) > 4*sigma {
					t.Errorf("%d of %d calls failed, want %g ± %.0f", failed, calls, calls*tt.rate, 4*sigma)
				}
			})
		})
	}
}

// outcome is a call's error; an injected panic counts as recovery would have it.
func outcome(ctx context.Context, chain []Interceptor) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = status.Error(codes.Internal, fmt.Sprint(r))
		}
	}()
	_, err = unary(ctx, chain, answer)
	return err
}

func TestInjectLooksLikeTheHandlers(t *testing.T) {
	for _, tt := range []struct {
		reason, order string
		code          codes.Code
		message       string
		handled       bool
	}{
		{"a panic is recovered", "panic=1", codes.Internal, "Unexpected error happened", false},
		{
			"a delay over the limit is a deadline", "delay=1s", codes.DeadlineExceeded,
			"/test.Service/Unary: Deadline exceeded", false,
		},
		{
			"an error is an error, and keeps the handler from running", "error=1:NOT_FOUND", codes.NotFound,
			"injected error", false,
		},
		{"a delay within the limit is no error", "delay=200ms", codes.OK, "", true},
		{"an error after its delay", "delay=100ms,error=1:NOT_FOUND:100ms", codes.NotFound, "injected error", false},
		{
			"an error whose delay is over the limit is a deadline", "delay=200ms,error=1:NOT_FOUND:200ms",
			codes.DeadlineExceeded, "/test.Service/Unary: Deadline exceeded", false,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain, log := injecting(t, tt.order, false, Recovery, Timeout)
				handled := false
				_, err := unary(t.Context(), chain,
					func(context.Context, any) (any, error) { handled = true; return nil, nil })
				if s := status.Convert(err); s.Code() != tt.code || s.Message() != tt.message || handled != tt.handled {
					t.Errorf("got %v, handled %t; want %v: %s, handled %t", err, handled, tt.code, tt.message,
						tt.handled)
				}
				if panics := log.records(t, "panic"); (len(panics) == 1) != strings.HasPrefix(tt.order, "panic") {
					t.Errorf("%d panics logged", len(panics))
				}
			})
		})
	}
}

func TestInjectStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			order string
			code  codes.Code
			took  time.Duration
		}{
			{"delay=5ms", codes.OK, 5 * time.Millisecond}, // once a stream, not once a message
			{"error=1:DATA_LOSS", codes.DataLoss, 0},
		} {
			chain, _ := injecting(t, tt.order, false)
			ss := &fakeStream{ctx: t.Context(), recv: func(any) error { return nil }}
			start := time.Now()
			err := stream(ss, chain, func(ss grpc.ServerStream) error {
				for range 10 {
					if err := ss.RecvMsg(nil); err != nil {
						return err
					}
				}
				return nil
			})
			if took := time.Since(start); status.Code(err) != tt.code || took != tt.took {
				t.Errorf("%s: ended after %v with %v, want %v after %v", tt.order, took, err, tt.code, tt.took)
			}
		}
	})
}
