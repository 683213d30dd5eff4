package interceptor

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// Busy costs what it says: it is what measurements of cost are checked with.
func TestBusy(t *testing.T) {
	const d = 2 * time.Millisecond
	chain := []Interceptor{Busy(d)}
	start := time.Now()
	if _, err := unary(t.Context(), chain, func(context.Context, any) (any, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < d {
		t.Errorf("a unary call took %v, want %v or more", took, d)
	}
	messages := 0
	ss := &fakeStream{ctx: t.Context(), recv: func(any) error { messages++; return nil }}
	start = time.Now()
	if err := stream(ss, chain, func(ss grpc.ServerStream) error {
		for range 3 {
			if err := ss.RecvMsg(nil); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 3*d || messages != 3 {
		t.Errorf("three messages of a stream took %v, want %v or more", took, 3*d)
	}
}
