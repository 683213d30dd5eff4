package pace

import (
	"errors"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Precise makes the calling goroutine's sleeps precise, until undo. Go's own
// timers round waits of under a millisecond up to one while the process idles
// in epoll (golang/go#44343); a thread of its own in clock_nanosleep, with the
// kernel's timer slack of 50 us set to 1 ns, wakes some tens of microseconds
// late.
//
// A thread in a system call keeps its processor (P) from the scheduler until the
// runtime's monitor takes it away, which it may do as late as 10 ms after. So a
// sleeper brings a processor of its own, or the answers of a quiet run would
// find none to be read by.
func Precise() (undo func()) {
	bring(1)
	slacken := lowerSlack()
	return func() {
		slacken()
		bring(-1)
	}
}

// mostSleepers bounds the processors that sleepers bring.
const mostSleepers = 8

var processors struct {
	sync.Mutex
	sleepers, brought int
}

// bring changes the number of sleepers, and GOMAXPROCS with it.
func bring(n int) {
	processors.Lock()
	defer processors.Unlock()
	processors.sleepers += n
	if want := min(processors.sleepers, mostSleepers); want != processors.brought {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + want - processors.brought)
		processors.brought = want
	}
}

// lowerSlack gives the calling goroutine a thread of its own without timer slack, until undo.
func lowerSlack() (undo func()) {
	runtime.LockOSThread()
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) != nil {
		return runtime.UnlockOSThread // later, but no less correct: lag tells how late
	}
	return func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0) // the thread goes back to the runtime
		runtime.UnlockOSThread()
	}
}

// wakes is how late a sleep may wake, roughly.
const wakes = 60 * time.Microsecond

// SleepUntil returns when now, a clock in nanoseconds, reads at, or a little later.
func SleepUntil(now func() int64, at int64) {
	for {
		left := at - now()
		if left <= 0 {
			return
		}
		ts := unix.NsecToTimespec(left)
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil); err != nil && !errors.Is(err, unix.EINTR) {
			time.Sleep(time.Duration(left))
		}
	}
}
