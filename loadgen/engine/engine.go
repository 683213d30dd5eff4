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

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"grpcbench/loadgen/pace"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/schedule"
	"grpcbench/loadgen/transport"
)

// Config is one run.
type Config struct {
	Dialer transport.Dialer
	// Addrs are whom to connect to; the connections are spread over them by turns.
	Addrs []string
	// Methods are what calls do, one or more.
	Methods []*transport.Method
	// Flows are what arrivals start, drawn by their weights and Seed; none is one flow of the first method.
	Flows []Flow
	Seed  uint64
	// Workers is the most calls in flight, shared out to Conns connections. They are numbered from FirstWorker.
	Workers, Conns, FirstWorker int
	// Part is the part of a run's arrivals that this process starts, where several make them together: the schedules,
	// Total and the arrivals' numbers are the whole run's. The zero Part is all.
	Part Part
	// Warmup comes first and is not recorded. Duration is the measured window; 0 has no end but Total's.
	Warmup, Duration time.Duration
	// Total ends the run after so many measured calls; 0 is no limit.
	Total int64
	// Least is how long an open loop's window lasts at least, though its last call be over sooner: the last of
	// ten arrivals a second apart is due after nine seconds, and the ten are the calls of ten.
	Least time.Duration
	// Arrivals are the intended starts of an open loop's measured calls, since the window's begin, and
	// WarmupArrivals those of its warm-up. Without Arrivals the loop is closed.
	Arrivals, WarmupArrivals schedule.Schedule
	// Expected is about how many calls the window will have, where that is known; else 0.
	Expected int64
	// Spin keeps the pacer of an open loop from sleeping through the last part of a wait: more precise,
	// at the price of a core.
	Spin bool
	// Drain is how long calls in flight may go on after the end; then they are cut off as unfinished.
	Drain time.Duration
	// Begin, where set, is called once all connections are open, and says when to start, as a reading of transport.Now.
	// Its error ends the run before a call is made.
	Begin func(ctx context.Context) (at int64, err error)
	// Warming, Measuring and Draining, where set, are called as the first calls start, as the measured window
	// begins, and as nothing is started any more.
	Warming   func()
	Measuring func() error
	Draining  func()
	// Ended, where set, is told of every call, also those of the warm-up, as it is over. It must not wait,
	// nor keep the call; it may be called concurrently.
	Ended func(*transport.Call)
	// Sleep replaces the precise sleep until a reading of transport.Now; nil is that. It may be called concurrently.
	Sleep func(at int64)
}

// Part is every Of-th arrival, from the Index-th on.
type Part struct{ Index, Of uint64 }

// Has says whether an arrival is of the part.
func (p Part) Has(seq uint64) bool { return p.Of <= 1 || seq%p.Of == p.Index }

// share is how many of the first n arrivals are of the part.
func (p Part) share(n int64) int64 {
	if p.Of <= 1 {
		return n
	}
	return (n - int64(p.Index) + int64(p.Of) - 1) / int64(p.Of) //nolint:gosec // few
}

// Outcome is the measured window: readings of [transport.Now].
type Outcome struct {
	// Start is the end of the warm-up, End the end of the window or of the last call in it, whichever is later.
	Start, End int64
	// Warmup counts the calls before Start, Arrivals the flows that were due in the window: of one step each, its
	// calls.
	Warmup, Arrivals int64
	// InFlight is the mean number of measured calls in flight between Start and End, looked at Looks
	// times, independently of any latency; Deviation is the standard deviation of those looks.
	InFlight, Deviation float64
	Looks               int
	// Noticed is how late a look woke that a descriptor should have woken, in nanoseconds: as late as an answer is
	// noticed. It is empty where the system has nothing to tell it by.
	Noticed *hdrhistogram.Histogram
	// Stood is the longest time between two looks, which are 10 ms apart where this process runs.
	Stood time.Duration
	// Addresses are what became of the calls by whom they went to, in the order of [Config].
	Addresses []Address
	// Lost are the calls that were never answered.
	Lost Lost
	// Slices are samples of consecutive calls, for judging arrivals and independence.
	Slices []Slice
}

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

// notWaiting is in place of the start of a call that is not there.
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
	background  errgroup.Group // the pacer and the looker
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

// conn is the connection that carries c, and lane the recorder's writer for it.
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
	r.outcome.Stood, r.outcome.Noticed = r.looks.longest, r.looks.late
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
