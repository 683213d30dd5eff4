package transport_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// pool is a Pool whose calls take the given time, or until they are cut off.
type pool struct {
	transport.Pool
	takes   time.Duration
	workers atomic.Int32 // workers that were prepared
	running atomic.Int32 // calls in flight
	closed  atomic.Int32 // times that the connection below was closed
	closing error
	misused atomic.Bool // closed below a call in flight
}

func newPool(takes time.Duration) *pool {
	p := &pool{takes: takes}
	p.NewWorker = func(ctx context.Context, c *transport.Call) func() {
		p.workers.Add(1)
		return func() {
			p.running.Add(1)
			defer p.running.Add(-1)
			timer := time.NewTimer(p.takes)
			defer timer.Stop()
			c.Code = codes.OK
			select {
			case <-timer.C:
			case <-ctx.Done():
				c.Code = codes.Canceled
			}
		}
	}
	p.CloseConn = func() error {
		p.closed.Add(1)
		p.misused.Store(p.running.Load() > 0)
		return p.closing
	}
	p.Init()
	return p
}

// owner counts calls that are over, by code, and may start the next.
type owner struct {
	mu   sync.Mutex
	done map[codes.Code]int
	next func(c *transport.Call)
}

func (o *owner) Done(c *transport.Call) {
	o.mu.Lock()
	if o.done == nil {
		o.done = map[codes.Code]int{}
	}
	o.done[c.Code]++
	o.mu.Unlock()
	if o.next != nil {
		o.next(c)
	}
}

func (o *owner) Message(*transport.Call, series.Series, int64) {}

func (o *owner) count(code codes.Code) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.done[code]
}

func start(t *testing.T, p *pool, c *transport.Call) {
	t.Helper()
	if err := p.Start(c); err != nil {
		t.Errorf("Start: %v", err)
	}
}

func TestPoolStartReturnsBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, o, began := newPool(time.Minute), &owner{}, time.Now()
		start(t, p, &transport.Call{Owner: o})
		if waited := time.Since(began); waited > 0 {
			t.Errorf("Start took %v", waited)
		}
		time.Sleep(time.Minute + time.Second)
		if n := o.count(codes.OK); n != 1 {
			t.Errorf("Done was called %d times, want once", n)
		}
		p.Close()
	})
}

func TestPoolWorkerIsPreparedOnceForAllItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, each = 3, 5
		p := newPool(time.Second)
		left := map[*transport.Call]int{}
		var mu sync.Mutex
		o := &owner{next: func(c *transport.Call) {
			mu.Lock()
			left[c]--
			again := left[c] > 0
			mu.Unlock()
			if again {
				start(t, p, c) // from Done, as the engine does
			}
		}}
		began := time.Now()
		for range workers {
			c := &transport.Call{Owner: o}
			mu.Lock()
			left[c] = each
			mu.Unlock()
			start(t, p, c)
		}
		time.Sleep(each*time.Second + time.Millisecond)
		if n := o.count(codes.OK); n != workers*each {
			t.Errorf("%d calls were done %v after the start, want %d", n, time.Since(began), workers*each)
		}
		if n := p.workers.Load(); n != workers {
			t.Errorf("%d workers were prepared, want %d", n, workers)
		}
		p.Close()
	})
}

func TestPoolCloseCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(time.Hour)
		p.closing = errors.New("from below")
		var refused atomic.Int32
		o := &owner{next: func(c *transport.Call) {
			if errors.Is(p.Start(c), transport.ErrClosed) {
				refused.Add(1)
			}
		}}
		began := time.Now()
		for range 4 {
			start(t, p, &transport.Call{Owner: o})
		}
		time.Sleep(time.Second)
		if err := p.Close(); !errors.Is(err, p.closing) {
			t.Errorf("Close: %v, want what closing the connection says", err)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("Close waited %v for calls that it cut off", waited-time.Second)
		}
		if n := o.count(codes.Canceled); n != 4 {
			t.Errorf("%d of 4 calls came to Done", n)
		}
		if n := refused.Load(); n != 4 {
			t.Errorf("%d of 4 next calls were refused by ErrClosed", n)
		}
		if n := p.closed.Load(); n != 1 || p.misused.Load() {
			t.Errorf("the connection was closed %d times (below a call in flight: %v), want once, after the calls", n,
				p.misused.Load())
		}
		if err := p.Start(&transport.Call{Owner: o}); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Start after Close: %v, want ErrClosed", err)
		}
		if n := o.count(codes.OK) + o.count(codes.Canceled); n != 4 {
			t.Errorf("a refused call came to Done")
		}
	})
}

func TestPoolFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, o := newPool(time.Minute), &owner{}
		start(t, p, &transport.Call{Owner: o})
		select {
		case <-p.Finishing():
			t.Error("finishing before Finish")
		default:
		}
		p.Finish()
		p.Finish() // the drain and Close both do
		<-p.Finishing()
		start(t, p, &transport.Call{Owner: o})
		time.Sleep(2 * time.Minute)
		if n := o.count(codes.OK); n != 2 {
			t.Errorf("%d calls ended well, want 2: Finish neither cuts off nor refuses", n)
		}
		p.Close()
	})
}

func TestPoolCloseFinishes(t *testing.T) {
	p := newPool(time.Second)
	p.Close()
	select {
	case <-p.Finishing():
	default:
		t.Error("Close did not tell streams without an end to finish")
	}
}

// Whatever the moment of Close, each started call comes to Done exactly once.
func TestPoolLosesNoCall(t *testing.T) {
	for round := range 200 {
		p := newPool(time.Duration(round%3) * 50 * time.Microsecond)
		var started, done atomic.Int64
		o := &owner{}
		o.next = func(c *transport.Call) {
			done.Add(1)
			if p.Start(c) == nil {
				started.Add(1)
			}
		}
		var starters sync.WaitGroup
		for range 8 {
			starters.Go(func() {
				if p.Start(&transport.Call{Owner: o}) == nil {
					started.Add(1)
				}
			})
		}
		time.Sleep(time.Duration(round%10) * 40 * time.Microsecond)
		p.Close()
		starters.Wait()
		if s, d := started.Load(), done.Load(); s != d {
			t.Fatalf("round %d: %d calls started, %d came to Done", round, s, d)
		}
	}
}
