package pace

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Precise makes the calling goroutine's sleeps precise, until undo. Go's own
// timers round waits of under a millisecond up to one while the process idles
// in epoll (golang/go#44343); a thread of its own in clock_nanosleep, with the
// kernel's timer slack of 50 us set to 1 ns, wakes some tens of microseconds
// late.
func Precise() (undo func()) {
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
