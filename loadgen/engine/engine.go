// Package engine is the run loop: it starts calls, hears of their end, records
// them and starts the next, over any transport.
//
// Connections are shared out to shards. A shard's lock makes it the one writer
// of its recorder; the engine takes no other lock per call.
package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/transport"
)

// Config is one run.
type Config struct {
	Dialer transport.Dialer
	Addr   string
	Spec   transport.Spec
	Source transport.Source
	// Workers is the number of calls in flight, shared out to Conns connections.
	Workers, Conns int
	// Warmup comes first and is not recorded. Duration is the measured window; 0 has no end but Total's.
	Warmup, Duration time.Duration
	// Total ends the run after so many measured calls; 0 is no limit.
	Total int64
	// Drain is how long calls in flight may go on after the end; then they are cut off as unfinished.
	Drain time.Duration
	// Measuring, where set, is called as the measured window begins.
	Measuring func() error
}

// Outcome is the measured window: readings of [transport.Now].
type Outcome struct {
	// Start is the end of the warm-up, End the end of the window or of the last call in it, whichever is later.
	Start, End int64
	// Warmup counts the calls before Start.
	Warmup int64
}

// Run makes the calls of cfg and records those of the measured window with rec.
// When ctx ends it stops starting, drains, and returns nil: that is an end like
// any other. An error says that the run could not be carried out; a failing
// call is no error.
func Run(ctx context.Context, cfg Config, rec *recorder.Recorder) (Outcome, error) {
	r := &run{cfg: cfg, rec: rec}
	r.left.Store(cfg.Total)
	if err := r.dial(ctx); err != nil {
		return Outcome{}, err
	}
	r.start()
	err := r.measure(ctx)
	err = errors.Join(err, r.finish())
	return Outcome{Start: r.from, End: r.end, Warmup: r.warmup}, err
}

type run struct {
	cfg    Config
	rec    *recorder.Recorder
	conns  []transport.Conn
	shards []*shard
	calls  []transport.Call // by worker

	// from and until bound the starts of measured calls; end is when the last of them was over.
	from, until, end int64
	flushed          int64 // the end of the last recorded interval
	seq              atomic.Uint64
	left             atomic.Int64 // measured calls still to be started, with Total
	stopping         atomic.Bool
	active           sync.WaitGroup // workers that are not done
	idle             chan struct{}  // closed when active is zero

	warmup int64
}

// dial opens all connections, or none.
func (r *run) dial(ctx context.Context) error {
	r.conns = make([]transport.Conn, r.cfg.Conns)
	group, dialing := errgroup.WithContext(ctx)
	group.SetLimit(64) // a server's accept queue is finite
	for i := range r.conns {
		group.Go(func() (err error) {
			r.conns[i], err = r.cfg.Dialer.Dial(dialing, r.cfg.Addr, r.cfg.Spec, r.cfg.Source)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return errors.Join(err, r.close())
	}
	return nil
}

// start sets the times of the run and sends every worker's first call.
func (r *run) start() {
	// More recorders than this would cost memory and win nothing: each is written by one thread at a time.
	r.shards = make([]*shard, min(r.cfg.Conns, 2*runtime.GOMAXPROCS(0)))
	for i := range r.shards {
		r.shards[i] = &shard{run: r, rec: r.rec.NewShard()}
	}
	now := transport.Now()
	r.from = now + int64(r.cfg.Warmup)
	r.flushed, r.end = r.from, r.from
	r.until = math.MaxInt64
	if r.cfg.Duration > 0 {
		r.until = r.from + int64(r.cfg.Duration)
	}
	r.calls = make([]transport.Call, r.cfg.Workers)
	r.active.Add(len(r.calls))
	r.idle = make(chan struct{})
	for w := range r.calls {
		c := &r.calls[w]
		c.Worker, c.Owner = uint16(w), r.shards[w%r.cfg.Conns%len(r.shards)]
		r.shards[w%r.cfg.Conns%len(r.shards)].first(c, now)
	}
	go func() {
		r.active.Wait()
		close(r.idle)
	}()
}

// conn is the connection that carries c.
func (r *run) conn(c *transport.Call) transport.Conn { return r.conns[int(c.Worker)%len(r.conns)] }

// measure waits for the end of the run, and records an interval each second of the measured window.
func (r *run) measure(ctx context.Context) error {
	warm := time.NewTimer(time.Duration(r.from - transport.Now()))
	defer warm.Stop()
	select {
	case <-warm.C:
	case <-r.idle:
	case <-ctx.Done():
		return nil
	}
	if r.cfg.Measuring != nil {
		if err := r.cfg.Measuring(); err != nil {
			return fmt.Errorf("begin the measured window: %w", err)
		}
	}
	var ended <-chan time.Time
	if r.cfg.Duration > 0 {
		t := time.NewTimer(time.Duration(r.until - transport.Now()))
		defer t.Stop()
		ended = t.C
	}
	return r.record(func(second <-chan time.Time) bool {
		select {
		case <-second:
			return true
		case <-ended:
		case <-r.idle:
		case <-ctx.Done():
		}
		return false
	})
}

// finish lets the calls in flight end, cuts off those that do not, and closes the connections.
func (r *run) finish() error {
	r.stopping.Store(true)
	if now := transport.Now(); now > r.from {
		r.end = min(now, r.until)
	}
	for _, c := range r.conns {
		c.Finish()
	}
	drained := time.NewTimer(r.cfg.Drain)
	defer drained.Stop()
	err := r.record(func(second <-chan time.Time) bool {
		select {
		case <-second:
			return true
		case <-r.idle:
		case <-drained.C:
		}
		return false
	})
	for _, s := range r.shards {
		s.cutOff()
	}
	err = errors.Join(err, r.close())
	<-r.idle
	for _, s := range r.shards {
		r.end = max(r.end, s.lastEnd)
		r.warmup += s.warmup
	}
	if r.end > r.flushed {
		err = errors.Join(err, r.flush(r.end))
	}
	return err
}

// record flushes an interval for each second while wait says so.
func (r *run) record(wait func(second <-chan time.Time) bool) error {
	var failed error
	for {
		t := time.NewTimer(time.Duration(r.flushed + int64(time.Second) - transport.Now()))
		again := wait(t.C)
		t.Stop()
		if !again {
			return failed
		}
		if err := r.flush(r.flushed + int64(time.Second)); err != nil && failed == nil {
			failed = err // the run goes on: what was measured is still worth having
		}
	}
}

// flush ends the interval that began with the last one.
func (r *run) flush(end int64) error {
	var errs error
	for _, s := range r.shards {
		errs = errors.Join(errs, r.rec.Add(s.take()))
	}
	errs = errors.Join(errs, r.rec.Flush(r.flushed, end))
	r.flushed = end
	return errs
}

// close closes the connections that are open, all at once: each waits for its workers.
func (r *run) close() error {
	var group errgroup.Group
	for _, c := range r.conns {
		if c != nil {
			group.Go(c.Close)
		}
	}
	return group.Wait()
}
