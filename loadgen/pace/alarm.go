package pace

import (
	"container/heap"
	"math"
	"sync"
)

// Alarm wakes many sleepers, each at its time, from one goroutine. Its methods may
// be called concurrently.
type Alarm struct {
	now     func() int64
	sleeper *Sleeper

	mu       sync.Mutex
	due      sleepers
	stopping bool
	done     chan struct{}
}

// sleeper is to be woken at a time.
type sleeper struct {
	at   int64
	ring func()
}

// NewAlarm starts an alarm by the clock now, in nanoseconds; Stop ends it.
func NewAlarm(now func() int64) *Alarm {
	a := &Alarm{now: now, sleeper: NewSleeper(now), done: make(chan struct{})}
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
		a.sleeper.Wake()
	}
}

// Stop ends the alarm; nobody is woken any more.
func (a *Alarm) Stop() {
	a.mu.Lock()
	a.stopping = true
	a.mu.Unlock()
	a.sleeper.Wake()
	<-a.done
	a.sleeper.Close()
}

func (a *Alarm) run() {
	defer close(a.done)
	for {
		next, stopping := a.runDue()
		if stopping {
			return
		}
		a.sleeper.Until(next)
	}
}

// runDue wakes whoever is due and returns the next time, which is far away where nobody waits.
func (a *Alarm) runDue() (next int64, stopping bool) {
	for {
		a.mu.Lock()
		if a.stopping || len(a.due) == 0 {
			defer a.mu.Unlock()
			return math.MaxInt64, a.stopping
		}
		next = a.due[0].at
		if next > a.now() {
			a.mu.Unlock()
			return next, false
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
