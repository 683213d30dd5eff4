package interceptor

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"grpcbench/server/contract"
)

// Observer notes what became of calls: when each was received, what deadline it
// had, when its context ended, when its handler returned, and with what. Its
// methods may be called concurrently.
type Observer struct {
	mu   sync.Mutex
	all  []*observed
	most int
}

// observed is a call under way, or over; guarded by the observer's lock.
type observed struct{ contract.Handled }

// NewObserver keeps up to the given number of calls between two [Observer.Drain].
func NewObserver(most int) *Observer { return &Observer{most: most} }

type observedKey struct{}

// Outer stands outermost: it sees when calls come, and how they are answered.
func (o *Observer) Outer() Interceptor {
	return Interceptor{
		Name: "observe",
		Unary: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			ctx, c := o.begin(ctx)
			res, err := handler(ctx, req)
			o.answered(c, err)
			return res, err
		},
		Stream: func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			ctx, c := o.begin(ss.Context())
			err := handler(srv, &contextStream{ServerStream: ss, ctx: ctx})
			o.answered(c, err)
			return err
		},
	}
}

// Inner stands next to the handler and what delays it: it sees when that is really over, which may be long after the
// call was answered.
func (o *Observer) Inner() Interceptor {
	return Interceptor{
		Name: "observe-handler",
		Unary: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			defer o.returned(ctx)
			return handler(ctx, req)
		},
		Stream: func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			defer o.returned(ss.Context())
			return handler(srv, ss)
		},
	}
}

func (o *Observer) begin(ctx context.Context) (context.Context, *observed) {
	c := &observed{contract.Handled{ID: idOf(ctx), Received: time.Now().UnixNano()}}
	if d, ok := ctx.Deadline(); ok {
		c.Deadline = d.UnixNano()
	}
	o.mu.Lock()
	if len(o.all) < o.most {
		o.all = append(o.all, c)
	}
	o.mu.Unlock()
	context.AfterFunc(ctx, func() {
		now := time.Now().UnixNano()
		o.mu.Lock()
		defer o.mu.Unlock()
		c.Done, c.Cancelled = now, errors.Is(ctx.Err(), context.Canceled)
	})
	return context.WithValue(ctx, observedKey{}, c), c
}

func (o *Observer) answered(c *observed, err error) {
	now := time.Now().UnixNano()
	o.mu.Lock()
	defer o.mu.Unlock()
	c.Answered, c.Code = now, int(status.Code(err))
}

func (o *Observer) returned(ctx context.Context) {
	now := time.Now().UnixNano()
	c, ok := ctx.Value(observedKey{}).(*observed)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c.Returned = now
}

// Drain returns the calls since the last Drain, those under way as they are now.
func (o *Observer) Drain() []contract.Handled {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := make([]contract.Handled, len(o.all))
	for i, c := range o.all {
		taken[i] = c.Handled
	}
	o.all = nil
	return taken
}
