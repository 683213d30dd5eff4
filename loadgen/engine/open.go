package engine

import (
	"sync"

	"grpcbench/loadgen/schedule"
	"grpcbench/loadgen/transport"
)

// openLoop starts calls at the times of a schedule, as far as workers are free.
//
// The schedule itself is the queue: an arrival that is due while every worker
// is busy stays in it, at its intended time, until a worker comes back and takes
// it. So nothing is re-based or dropped, and a backlog costs no memory.
type openLoop struct {
	mu       sync.Mutex
	arrivals []phase // what is left, the current one first
	at       int64   // the next arrival, a reading of transport.Now
	more     bool    // there is a next arrival
	until    int64   // no arrival past it counts
	seq      uint64  // of the next arrival
	part     Part
	left     bool              // an arrival past until is left
	free     []*transport.Call // parked workers, the longest parked first, so that all connections are used alike
	workers  int
	starved  bool // the pacer waits for a free worker
	closed   bool

	wake   chan struct{} // a worker is free again
	wakes  func()        // a pacer that sleeps; nil where it cannot be woken
	quit   chan struct{}
	parked chan struct{}
	batch  []*transport.Call
}

// phase is a schedule that starts at a reading of transport.Now.
type phase struct {
	start    int64
	schedule schedule.Schedule
}

// newOpenLoop begins with all workers busy: each comes to next for its first call.
func newOpenLoop(arrivals []phase, until int64, workers int, part Part) *openLoop {
	o := &openLoop{
		arrivals: arrivals, until: until, workers: workers, part: part,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), parked: make(chan struct{}),
	}
	o.find()
	return o
}

// advance moves to the next arrival.
func (o *openLoop) advance() {
	o.seq++
	o.find()
}

// find moves to the first arrival, from the next on, that is of this part.
func (o *openLoop) find() {
	for ; len(o.arrivals) > 0; o.arrivals = o.arrivals[1:] {
		p := o.arrivals[0]
		for d, ok := p.schedule.Next(); ok; d, ok = p.schedule.Next() {
			if !o.part.Has(o.seq) {
				o.seq++
				continue
			}
			o.at, o.more = p.start+int64(d), p.start+int64(d) < o.until
			o.left = !o.more
			return
		}
	}
	o.more = false
}

// assignArrival gives c the next arrival; the lock is held.
func (o *openLoop) assignArrival(c *transport.Call) {
	c.Seq, c.Intended = o.seq, o.at
	o.advance()
}

func (o *openLoop) next(c *transport.Call, now int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.Free = now
	if o.more && !o.closed && o.at <= now {
		o.assignArrival(c)
		return true
	}
	o.free = append(o.free, c)
	o.closeParkedIfDone()
	if o.starved {
		o.starved = false
		o.wake <- struct{}{} // has room: only a starved pacer is woken, once
	}
	return false
}

// closeParkedIfDone closes parked when nothing more will happen; the lock is held.
func (o *openLoop) closeParkedIfDone() {
	if (!o.more || o.closed) && len(o.free) == o.workers {
		select {
		case <-o.parked:
		default:
			close(o.parked)
		}
	}
}

func (o *openLoop) stop(at int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until = min(o.until, at)
	o.left = o.left || o.more && o.at >= o.until
	o.more = o.more && o.at < o.until
	o.closeParkedIfDone()
}

func (o *openLoop) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		close(o.quit)
		if o.wakes != nil {
			o.wakes()
		}
		o.closeParkedIfDone()
	}
}

func (o *openLoop) cut() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.left
}

func (o *openLoop) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.workers--
	o.closeParkedIfDone()
}

func (o *openLoop) idle() <-chan struct{} { return o.parked }

// pace starts arrivals as they come due, together those that are, until the schedule ends or is closed.
// sleep is precise.
func (o *openLoop) pace(sleep func(at int64), start func([]*transport.Call)) {
	for {
		at, ok := o.await()
		if !ok {
			return
		}
		sleep(at)
		start(o.due(transport.Now()))
	}
}

// await returns the next arrival once a worker is free for it.
func (o *openLoop) await() (at int64, ok bool) {
	o.mu.Lock()
	for o.more && !o.closed {
		if len(o.free) > 0 {
			at = o.at
			o.mu.Unlock()
			return at, true
		}
		o.starved = true
		o.mu.Unlock()
		select {
		case <-o.wake:
		case <-o.quit:
			return 0, false
		}
		o.mu.Lock()
	}
	o.mu.Unlock()
	return 0, false
}

// due takes free workers for the arrivals that are due.
func (o *openLoop) due(now int64) []*transport.Call {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batch = o.batch[:0]
	for o.more && !o.closed && o.at <= now && len(o.batch) < len(o.free) {
		c := o.free[len(o.batch)]
		o.assignArrival(c)
		o.batch = append(o.batch, c)
	}
	o.free = o.free[:copy(o.free, o.free[len(o.batch):])]
	return o.batch
}

// eachUnsent tells the arrivals that were due and never taken.
func (o *openLoop) eachUnsent(tell func(at int64, seq uint64)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for ; o.more; o.advance() {
		tell(o.at, o.seq)
	}
}
