// Package pace sleeps precisely: below the millisecond that Go's timers round
// to, and without spinning unless asked to.
package pace

import (
	"container/heap"
	"sync"
	"time"
)

// SpinUntil sleeps until shortly before now reads at, and then reads it until it does.
func SpinUntil(now func() int64, at int64) {
	SleepUntil(now, at-int64(wakes))
	for now() < at {
	}
}

// Alarm wakes many sleepers, each at its time, from one thread. Its methods may
// be called concurrently.
type Alarm struct {
	now func() int64

	mu   sync.Mutex
	due  sleepers
	wake chan struct{} // the next time is sooner than it was
	quit chan struct{}
	done chan struct{}
}

// sleeper is to be woken at a time.
type sleeper struct {
	at   int64
	ring func()
}

// NewAlarm starts an alarm by the clock now, in nanoseconds; Stop ends it.
func NewAlarm(now func() int64) *Alarm {
	a := &Alarm{now: now, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// At calls ring, which must not block for long, once the clock reads at.
func (a *Alarm) At(at int64, ring func()) {
	a.mu.Lock()
	sooner := len(a.due) == 0 || at < a.due[0].at
	heap.Push(&a.due, sleeper{at, ring})
	a.mu.Unlock()
	if sooner {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// Stop ends the alarm; nobody is woken any more.
func (a *Alarm) Stop() {
	close(a.quit)
	<-a.done
}

// precisely is the last part of a wait, which is slept through and cannot be interrupted.
const precisely = time.Millisecond

func (a *Alarm) run() {
	defer close(a.done)
	defer Precise()()
	for {
		next, some := a.ring()
		var early <-chan time.Time
		left := time.Duration(next-a.now()) - precisely
		if some && left <= 0 {
			SleepUntil(a.now, next)
			continue
		}
		var t *time.Timer
		if some {
			t = time.NewTimer(left)
			early = t.C
		}
		select {
		case <-early:
		case <-a.wake:
		case <-a.quit:
			if t != nil {
				t.Stop()
			}
			return
		}
		if t != nil {
			t.Stop()
		}
	}
}

// ring wakes whoever is due and returns the next time.
func (a *Alarm) ring() (next int64, some bool) {
	for {
		a.mu.Lock()
		if len(a.due) == 0 {
			a.mu.Unlock()
			return 0, false
		}
		if next = a.due[0].at; next > a.now() {
			a.mu.Unlock()
			return next, true
		}
		s, _ := heap.Pop(&a.due).(sleeper)
		a.mu.Unlock()
		s.ring() // without the lock: it may ask for its next time
	}
}

// sleepers is a heap, the soonest first.
type sleepers []sleeper

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].at < s[j].at }
func (s sleepers) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

func (s *sleepers) Push(x any) {
	if v, ok := x.(sleeper); ok {
		*s = append(*s, v)
	}
}

func (s *sleepers) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}
