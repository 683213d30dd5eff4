package interceptor

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"grpcbench/pb/person"
	"grpcbench/server/contract"
	"grpcbench/server/testkit"
)

// A handler that hears of the deadline is over with it; a deaf one goes on, though the call was answered, also by the
// timeout interceptor.
func TestObserve(t *testing.T) {
	const deadline, delay = 60 * time.Millisecond, 200 * time.Millisecond
	for _, tt := range []struct {
		reason, faults string
		chain          []string
		unaryTimeout   time.Duration
		caller         time.Duration // the caller's deadline
		code           codes.Code
		done, late     bool
	}{
		{reason: "in time", faults: "delay=1ms", caller: time.Minute},
		{
			reason: "a handler that listens", faults: "delay=200ms", caller: deadline, code: codes.DeadlineExceeded,
			done: true,
		},
		{reason: "a deaf one", faults: "delay=200ms,deaf", caller: deadline, done: true, late: true},
		{
			reason: "a deaf one behind the timeout interceptor", faults: "delay=200ms,deaf",
			chain: []string{Timeout}, unaryTimeout: deadline, caller: time.Minute, code: codes.DeadlineExceeded,
			done: true, late: true,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			faults, err := ParseFaults(tt.faults)
			if err != nil {
				t.Fatal(err)
			}
			chain, _ := chainOf(t, Config{
				Names: append(slices.Clone(tt.chain), Inject), Faults: faults,
				UnaryTimeout: tt.unaryTimeout,
			})
			o := NewObserver(10)
			last := len(chain) - 1
			all := slices.Concat([]Interceptor{o.Outer()}, chain[:last], []Interceptor{o.Inner()}, chain[last:])
			client := serve(t, all, &stub{unary: func(context.Context) error { return nil }})
			ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(testkit.Context(t),
				contract.RequestIDKey,
				"an-id"), tt.caller)
			defer cancel()
			before := time.Now().UnixNano()
			_, _ = client.Search(ctx, &person.PersonReq{}) // what the caller hears is not asked here
			time.Sleep(delay + 50*time.Millisecond)
			calls := o.Drain()
			if len(calls) != 1 {
				t.Fatalf("%d calls, want one", len(calls))
			}
			c := calls[0]
			// the caller's own reset may win
			if c.ID != "an-id" || c.Received < before || c.Deadline == 0 || codes.Code(c.Code) != tt.code &&
				(tt.code != codes.DeadlineExceeded || !c.Cancelled) {
				t.Errorf("%+v, want the code %v", c, tt.code)
			}
			if done := c.Done > before+int64(deadline)-int64(5*time.Millisecond) &&
				c.Done < before+int64(deadline+delay/2); done != tt.done {
				t.Errorf("its context ended at its deadline: %v, want %v: %+v", done, tt.done, c)
			}
			took := time.Duration(c.Returned - c.Received)
			if late := took >= delay; late != tt.late || took <= 0 {
				t.Errorf("the handler took %v, late: want %v", took, tt.late)
			}
			if len(o.Drain()) != 0 {
				t.Error("a call is told twice")
			}
		})
	}
}

// What is kept is bounded.
func TestObserveIsBounded(t *testing.T) {
	o := NewObserver(3)
	chain := []Interceptor{o.Outer(), o.Inner()}
	for range 10 {
		if _, err := unary(t.Context(), chain,
			func(context.Context, any) (any, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.Drain()); n != 3 {
		t.Errorf("%d calls are kept, want 3", n)
	}
}
