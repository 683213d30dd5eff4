package engine

import (
	"sync"
	"sync/atomic"

	"grpcbench/loadgen/transport"
)

// feed says when each worker's next call is to start.
type feed interface {
	// next gives worker c, free since now, the intended time and the number of its next call. Where
	// there is none yet, or none any more, it is false and the worker is parked.
	next(c *transport.Call, now int64) bool
	// stop ends the run at the given time: nothing that would start later starts.
	stop(at int64)
	// close starts nothing any more, whatever was due.
	close()
	// leave takes a worker away whose connection takes no more calls.
	leave()
	// eachUnsent tells each arrival that was due and not started, once all is over.
	eachUnsent(tell func(at int64, seq uint64))
	// cut says whether arrivals of a schedule are left, which the window's end, or a stop, kept from being due.
	cut() bool
	// idle is closed when every worker is parked and none will be given a call.
	idle() <-chan struct{}
}

// closedLoop starts a worker's next call when its last is over.
type closedLoop struct {
	from, until int64 // of measured calls
	limited     bool
	left        atomic.Int64 // measured calls still to be started, where limited
	seq         atomic.Uint64
	part        Part
	stopping    atomic.Bool
	active      sync.WaitGroup
	parked      chan struct{}
}

func newClosedLoop(from, until, total int64, workers int, part Part) *closedLoop {
	l := &closedLoop{from: from, until: until, limited: total > 0, part: part, parked: make(chan struct{})}
	l.left.Store(part.share(total))
	l.active.Add(workers)
	go func() {
		l.active.Wait()
		close(l.parked)
	}()
	return l
}

func (l *closedLoop) next(c *transport.Call, now int64) bool {
	if l.stopping.Load() || now >= l.until || now >= l.from && l.limited && l.left.Add(-1) < 0 {
		l.active.Done()
		return false
	}
	c.Seq, c.Intended, c.Free = (l.seq.Add(1)-1)*max(l.part.Of, 1)+l.part.Index, now, now
	return true
}

func (l *closedLoop) stop(int64)                     { l.stopping.Store(true) }
func (l *closedLoop) close()                         { l.stopping.Store(true) }
func (l *closedLoop) eachUnsent(func(int64, uint64)) {}
func (l *closedLoop) cut() bool                      { return false }
func (l *closedLoop) leave()                         { l.active.Done() }
func (l *closedLoop) idle() <-chan struct{}          { return l.parked }
