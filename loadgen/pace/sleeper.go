package pace

import (
	"sync/atomic"
	"time"
)

// Sleeper sleeps for one goroutine at a time, and may be woken by others. Where the system has nothing more precise it
// goes by Go's timers.
type Sleeper struct {
	now     func() int64
	precise *timerfd // nil where there is none
	timer   *time.Timer
	lead    lead
	woken   atomic.Bool
	wake    chan struct{} // for a sleep by timer
}

// Probe shows how late a descriptor that is ready is noticed: it sleeps by the poller alone, as those who wait for an
// answer do. Its methods are for one goroutine.
type Probe struct {
	now  func() int64
	wait *timerfd
}

// NewProbe returns a probe by the clock now, in nanoseconds, whose owner closes it; nil where the system has none.
func NewProbe(now func() int64) *Probe {
	t := newTimerfd()
	if t == nil {
		return nil
	}
	return &Probe{now: now, wait: t}
}

// Sleep sleeps for d, and returns how much later it woke, in nanoseconds.
func (p *Probe) Sleep(d time.Duration) (late int64) {
	at := p.now() + int64(d)
	for left := int64(d); left > 0; left = at - p.now() {
		p.wait.set(left)
		if !p.wait.wait() {
			time.Sleep(time.Duration(left))
		}
		p.wait.forgive() // it wants no second timer
	}
	return p.now() - at
}

// Close releases what the probe holds.
func (p *Probe) Close() { p.wait.close() }

// NewSleeper returns a sleeper by the clock now, in nanoseconds; its owner closes it.
func NewSleeper(now func() int64) *Sleeper {
	return &Sleeper{now: now, precise: newTimerfd(), wake: make(chan struct{}, 1)}
}

// Until returns when the clock reads at, or a little later; or before that, and then it is false, once Wake was called.
func (s *Sleeper) Until(at int64) bool {
	for {
		left := at - s.now()
		if left <= int64(short) && s.precise != nil {
			for s.now() < at {
			}
			return true
		}
		if left <= 0 {
			return true
		}
		if s.precise != nil {
			s.precise.set(max(1, left-s.lead.ns))
		}
		if s.woken.Swap(false) { // Wake sets this first, so none is lost
			return false
		}
		if s.precise != nil && s.precise.wait() {
			s.lead.update(s.now() - at)
			continue
		}
		s.wait(time.Duration(left))
	}
}

// short is a wait that is not worth a sleep.
const short = 10 * time.Microsecond

// lead is by how much sooner a sleep is to end than it should, for a wake-up takes time: the least that any of the last
// ones took, so that hardly any ends too soon.
type lead struct {
	ns, least int64
	waits     int
}

const (
	leadWaits = 64
	mostLead  = int64(100 * time.Microsecond)
)

// update hears how late a sleep ended, in nanoseconds, with the lead that it had.
func (l *lead) update(late int64) {
	took := max(0, late+l.ns)
	if l.waits == 0 || took < l.least {
		l.least = took
	}
	l.waits++
	if l.waits == leadWaits {
		l.ns, l.waits = min(l.least, mostLead), 0
	}
}

// SpinUntil is Until that sleeps until shortly before the clock reads at, and then reads it until it does.
func (s *Sleeper) SpinUntil(at int64) bool {
	if !s.Until(at - int64(wakes)) {
		return false
	}
	for s.now() < at {
	}
	return true
}

// Wake ends the present sleep, or the next one where there is none.
func (s *Sleeper) Wake() {
	s.woken.Store(true)
	if s.precise != nil {
		s.precise.interrupt()
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close releases what the sleeper holds; nobody may sleep by it any more.
func (s *Sleeper) Close() {
	if s.precise != nil {
		s.precise.close()
	}
}

// wait is a sleep by Go's timer.
func (s *Sleeper) wait(d time.Duration) {
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	select {
	case <-s.timer.C:
	case <-s.wake:
	}
	s.timer.Stop()
}
