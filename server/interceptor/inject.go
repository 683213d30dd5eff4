package interceptor

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/server/contract"
)

// injector applies faults to calls: the server's own, or, where allowed, those a call orders for itself.
type injector struct {
	faults Faults
	allow  bool
	logger *slog.Logger

	calls atomic.Uint64
	once  sync.Once
	// gateCloses is set by the first call and read-only after it.
	gateCloses time.Time
	// inProgress are calls, counted where many collapse the server; collapsed is until when there were too many of
	// them, in nanoseconds since 1970.
	inProgress, collapsed atomic.Int64
}

func newInject(faults Faults, allow bool, logger *slog.Logger) Interceptor {
	i := &injector{faults: faults, allow: allow, logger: logger}
	return Interceptor{
		Unary: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if i.faults.collapseAt > 0 {
				i.inProgress.Add(1)
				defer i.inProgress.Add(-1)
			}
			if err := i.apply(ctx); err != nil {
				return nil, err
			}
			return handler(ctx, req)
		},
		Stream: func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			if i.faults.collapseAt > 0 {
				i.inProgress.Add(1)
				defer i.inProgress.Add(-1)
			}
			if err := i.apply(ss.Context()); err != nil {
				return err
			}
			return handler(srv, ss)
		},
	}
}

// apply does to the call what is ordered for it, before its handler runs. The
// draws of the n-th call depend on the seed and on n alone.
func (i *injector) apply(ctx context.Context) error {
	faults := i.faults
	if i.allow {
		if orders := metadata.ValueFromIncomingContext(ctx, contract.InjectKey); len(orders) > 0 {
			own, err := ParseFaults(orders[0])
			if err != nil {
				return status.Errorf(codes.InvalidArgument, "%s: %v", contract.InjectKey, err)
			}
			if own.gateFor > 0 || own.collapseAt > 0 {
				return status.Errorf(codes.InvalidArgument, "%s: gate and collapse are the server's",
					contract.InjectKey)
			}
			faults = own
		}
	}
	if faults.none() {
		return nil
	}
	draw := rand.New(rand.NewPCG(faults.seed, i.calls.Add(1)))
	if err := i.gate(ctx, faults); err != nil {
		return err
	}
	i.collapse(faults)
	if d := faults.delay.draw(draw); d > 0 {
		delayed := ctx
		if faults.deaf {
			delayed = context.WithoutCancel(ctx)
		}
		if err := sleep(delayed, d); err != nil {
			return err
		}
	}
	if faults.slowEvery > 0 && counted(idOf(ctx), faults.slowEvery) {
		if err := sleep(ctx, faults.slowBy); err != nil {
			return err
		}
	}
	if draw.Float64() < faults.panicRate {
		panic("injected panic")
	}
	if draw.Float64() < faults.errorRate {
		if err := sleep(ctx, faults.errorDelay); err != nil {
			return err
		}
		return status.Error(faults.errorCode, "injected error")
	}
	return nil
}

// counted says whether a request id, such as loadgen makes, ends in a number that is a multiple of n.
func counted(id string, n uint64) bool {
	seq, err := strconv.ParseUint(id[strings.LastIndexByte(id, '-')+1:], 16, 64)
	return err == nil && seq%n == 0
}

// gate holds a call that comes while the gate is closed until it opens.
func (i *injector) gate(ctx context.Context, f Faults) error {
	if f.gateFor == 0 {
		return nil
	}
	i.once.Do(func() {
		i.gateCloses = time.Now().Add(f.gateFrom)
		i.logger.Info("gate", "closes", i.gateCloses, "for", f.gateFor, "every", f.gateEvery)
	})
	since := time.Since(i.gateCloses)
	if since < 0 {
		return nil
	}
	if f.gateEvery > 0 {
		since %= f.gateEvery
	}
	return sleep(ctx, f.gateFor-since)
}

// collapse keeps a core busy where there are too many calls, or were a short while ago: a server that an overload makes
// slower than it was, so that it stays overloaded where the load does not fall.
func (i *injector) collapse(f Faults) {
	if f.collapseAt == 0 {
		return
	}
	now := time.Now().UnixNano()
	if i.inProgress.Load() >= f.collapseAt {
		i.collapsed.Store(now + int64(f.collapseFor))
	}
	if now < i.collapsed.Load() {
		spin(f.collapseBy)
	}
}

// sleep waits for d, or returns the status of ctx where that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
