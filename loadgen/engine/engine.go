// Package engine is the run loop: it starts calls, hears of their end, records
// them and starts the next, over any transport.
//
// A feed says when calls start: when the last is over (closed loop), or by a
// schedule (open loop). Connections are shared out to lanes. A lane's lock
// makes it the one writer of its recorder.
package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"grpcbench/loadgen/pace"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/schedule"
	"grpcbench/loadgen/transport"
)

// Run makes the calls of cfg and records those of the measured window with rec.
// When ctx ends it stops starting, drains, and returns nil: that is an end like
// any other. An error says that the run could not be carried out; a failing
// call is no error.
func Run(ctx context.Context, cfg Config, rec *recorder.Recorder) (Outcome, error) {
	r := &run{cfg: cfg, rec: rec, methods: cfg.Methods, flows: NewDraw(cfg.Flows, cfg.Seed)}
	if err := r.dial(ctx); err != nil {
		return Outcome{}, err
	}
	now, err := r.awaitBegin(ctx)
	if err != nil {
		return Outcome{}, errors.Join(err, r.close())
	}
	if cfg.Warming != nil {
		cfg.Warming()
	}
	r.start(now)
	err = r.measure(ctx)
	err = errors.Join(err, r.finish())
	return r.outcome, err
}

// notWaiting stands in starts for a worker that has no call under way.
const notWaiting = math.MinInt64

type run struct {
	cfg     Config
	rec     *recorder.Recorder
	methods []*transport.Method
	conns   []transport.Conn
	lanes   []*lane
	calls   []transport.Call // by worker
	feed    feed
	flows   Draw
	at      []position // by worker; guarded as starts are
	// starts are when each worker's call was to start, or notWaiting; each is guarded by its lane's lock.
	starts []int64
	// ends count what became of each connection's calls, by the same rule.
	ends []Address

	// from and until bound the intended starts of measured calls.
	from, until int64
	began       bool  // the measured window has
	flushed     int64 // the end of the last recorded interval
	outcome     Outcome
	looks       looks
	probe       *probe
	background  errgroup.Group // the pacer and sampleInFlight
	ended       chan struct{}
}

// dial opens all connections, or none.
func (r *run) dial(ctx context.Context) error {
	r.conns = make([]transport.Conn, r.cfg.Conns)
	group, dialing := errgroup.WithContext(ctx)
	group.SetLimit(64) // a server's accept queue is finite
	for i := range r.conns {
		group.Go(func() (err error) {
			r.conns[i], err = r.cfg.Dialer.Dial(dialing, r.cfg.Addrs[i%len(r.cfg.Addrs)], r.cfg.Methods)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return errors.Join(err, r.close())
	}
	return nil
}

// awaitBegin says when the run starts, and waits for it.
func (r *run) awaitBegin(ctx context.Context) (at int64, err error) {
	if r.cfg.Begin == nil {
		return transport.Now(), nil
	}
	if at, err = r.cfg.Begin(ctx); err != nil {
		return 0, fmt.Errorf("begin the run: %w", err)
	}
	early := time.NewTimer(time.Duration(at-transport.Now()) - time.Millisecond)
	defer early.Stop()
	select {
	case <-early.C:
		time.Sleep(time.Duration(at - transport.Now()))
	case <-ctx.Done(): // measure sees it too
	}
	return at, nil
}

// start sets the times of the run, which starts at now, and lets every worker ask for its first call.
func (r *run) start(now int64) {
	// More recorders than this would cost memory and win nothing: each is written by one thread at a time.
	r.lanes = make([]*lane, min(r.cfg.Conns, 2*runtime.GOMAXPROCS(0)))
	for i := range r.lanes {
		r.lanes[i] = &lane{run: r, rec: r.rec.NewLane()}
	}
	r.from = now + int64(r.cfg.Warmup)
	r.flushed = r.from
	r.outcome.Start, r.outcome.End = r.from, r.from
	r.until = math.MaxInt64
	if r.cfg.Duration > 0 {
		r.until = r.from + int64(r.cfg.Duration)
	}
	r.ended = make(chan struct{})
	r.probe = newProbe(r.cfg.Part.share(r.cfg.Expected), r.cfg.Part)
	r.looks.late = recorder.NewHistogram()
	r.background.Go(r.sampleInFlight)
	r.ends = make([]Address, r.cfg.Conns)
	r.calls = make([]transport.Call, r.cfg.Workers)
	r.starts = make([]int64, r.cfg.Workers)
	r.at = make([]position, r.cfg.Workers)
	for w := range r.calls {
		l := r.lanes[w%r.cfg.Conns%len(r.lanes)]
		l.calls = append(l.calls, w)
		r.starts[w] = notWaiting
	}
	if r.cfg.Arrivals == nil {
		r.feed = newClosedLoop(r.from, r.until, r.cfg.Total, r.cfg.Workers, r.cfg.Part)
	} else {
		r.startPacer(now)
	}
	for w := range r.calls {
		c := &r.calls[w]
		l := r.lanes[w%r.cfg.Conns%len(r.lanes)]
		c.Worker, c.Owner = uint16(r.cfg.FirstWorker+w), l //nolint:gosec // as many as an id tells apart
		l.begin(c, now)
	}
	for _, c := range r.conns {
		c.Flush()
	}
}

// dispatch starts calls that the feed gave to free workers.
func (r *run) dispatch(calls []*transport.Call) {
	for _, c := range calls {
		r.lane(c).dispatch(c)
	}
	for _, c := range calls {
		r.conn(c).Flush()
	}
}

// startPacer makes the feed an open loop and starts what paces it.
func (r *run) startPacer(now int64) {
	measured := r.cfg.Arrivals
	if r.cfg.Total > 0 {
		measured = schedule.Limit(measured, r.cfg.Total)
	}
	phases := []phase{{r.from, measured}}
	if r.cfg.WarmupArrivals != nil {
		phases = append([]phase{{now, r.cfg.WarmupArrivals}}, phases...)
	}
	open := newOpenLoop(phases, r.until, r.cfg.Workers, r.cfg.Part)
	r.feed = open
	sleep, release := r.cfg.Sleep, func() {}
	if sleep == nil {
		sleeper := pace.NewSleeper(transport.Now)
		open.wakes, release = sleeper.Wake, sleeper.Close
		sleep = func(at int64) { sleeper.Until(at) }
		if r.cfg.Spin {
			sleep = func(at int64) { sleeper.SpinUntil(at) }
		}
	}
	r.background.Go(func() error {
		defer release()
		open.pace(sleep, r.dispatch)
		return nil
	})
}

// conn is the connection that carries c, and lane is the one that records it.
func (r *run) conn(c *transport.Call) transport.Conn { return r.conns[r.worker(c)%len(r.conns)] }

func (r *run) lane(c *transport.Call) *lane {
	return r.lanes[r.worker(c)%len(r.conns)%len(r.lanes)]
}

// worker is which of this run's workers c is of, from 0.
func (r *run) worker(c *transport.Call) int { return int(c.Worker) - r.cfg.FirstWorker }

// measure waits for the end of the run, and records an interval each second of the measured window.
func (r *run) measure(ctx context.Context) error {
	warm := time.NewTimer(time.Duration(r.from - transport.Now()))
	defer warm.Stop()
	select {
	case <-warm.C:
	case <-r.feed.idle():
	case <-ctx.Done():
		return nil
	}
	r.began = true
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
	idle := r.feed.idle()
	if r.cfg.Arrivals != nil && r.cfg.Total == 0 {
		idle = nil // the last arrival is before the end of the window
	}
	rest := time.NewTimer(math.MaxInt64) // the end of a schedule whose calls are over
	defer rest.Stop()
	return r.record(func(second <-chan time.Time) bool {
		for {
			select {
			case <-second:
				return true
			case <-idle:
				if left := r.remainingWindow(); left > 0 {
					idle = nil
					rest.Reset(left)
					continue
				}
			case <-rest.C:
			case <-ended:
			case <-ctx.Done():
			}
			return false
		}
	})
}

// remainingWindow is how long the window of a schedule lasts when all its calls are over.
func (r *run) remainingWindow() time.Duration {
	if r.cfg.Arrivals == nil {
		return 0
	}
	until := r.from + int64(r.cfg.Least)
	if r.cfg.Total > 0 && r.feed.cut() { // the window ended it, not the total
		until = max(until, r.until)
	}
	if until == math.MaxInt64 { // the schedule itself came to its end
		return 0
	}
	return time.Duration(until - transport.Now())
}

// finish lets the calls in flight end, and what was due before; cuts off what does not; and closes the connections.
func (r *run) finish() error {
	now := transport.Now()
	r.feed.stop(now)
	if r.cfg.Draining != nil {
		r.cfg.Draining()
	}
	if now > r.from {
		r.outcome.End = min(now, r.until)
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
		case <-r.feed.idle():
		case <-drained.C:
		}
		return false
	})
	r.feed.close()
	for _, l := range r.lanes {
		l.cutOff()
	}
	close(r.ended)
	err = errors.Join(err, r.background.Wait(), r.close())
	<-r.feed.idle()
	over := transport.Now()
	r.feed.eachUnsent(func(at int64, seq uint64) { r.lanes[0].countUnsent(at, over, seq) })
	r.outcome.Addresses = r.addresses()
	var lost losses
	for _, l := range r.lanes {
		lost.add(&l.lost)
	}
	r.outcome.Lost = lost.sum(r.from, r.outcome.End)
	for _, l := range r.lanes {
		r.outcome.End = max(r.outcome.End, l.lastEnd)
		r.outcome.Warmup += l.warmup
		r.outcome.Arrivals += l.arrived
	}
	r.outcome.InFlight, r.outcome.Deviation, r.outcome.Looks = r.looks.mean()
	r.outcome.LongestStall, r.outcome.Noticed = r.looks.longest, r.looks.late
	r.outcome.Slices = r.probe.slices()
	if !r.began {
		return err
	}
	return errors.Join(err, r.flush(max(r.outcome.End, r.flushed)))
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
