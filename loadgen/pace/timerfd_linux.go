package pace

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// wakes is how late a sleep may wake, roughly.
const wakes = 60 * time.Microsecond

// timerfd is a timer of the kernel's, as a file.
//
// Go's own timers round waits of under a millisecond up to one while the process idles in epoll (golang/go#44343). A
// timerfd is a descriptor for which epoll itself returns, some tens of microseconds after the time that it was set to.
// So nobody holds a thread, nor a processor (P) of Go's scheduler, to sleep: a thread that sleeps in a system call
// keeps its P until the runtime's monitor takes it away, and the monitor then looks about every 20 us for a while,
// which costs more than the calls of a run do.
//
// Nobody looks at epoll while every P is busy, but at Go's timers. So once some sleeps ended late, those after them
// have such a timer too, as the file's deadline, and end by whichever comes first. Always to have one would wake the
// runtime's poller for each sleep, to tell it of a new time.
type timerfd struct {
	file  *os.File
	read  func(ready func(fd uintptr) bool) error
	ready func(fd uintptr) bool
	// left is what the wait takes, in nanoseconds; 0 once the timer is set.
	left int64
	// until is when the wait is to end, on Go's own clock. late grows with waits that ended too late and shrinks with
	// others; twofold is how many more waits have both timers.
	until         time.Time
	late, twofold int
}

const (
	// tooLate is how late a wait ends where nobody looks at epoll.
	tooLate = time.Millisecond
	// Three waits of thirty are tooMany, and stand for the next manyWaits: so few of a busy process are late for want
	// of a second timer.
	lateWeight, tooMany = 10, 20
	manyWaits           = 5000
)

// newTimerfd returns nil where the process has no descriptors left.
func newTimerfd() *timerfd {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil
	}
	t := &timerfd{file: os.NewFile(uintptr(fd), "timerfd")}
	raw, err := t.file.SyscallConn()
	if err != nil || t.file.SetReadDeadline(time.Time{}) != nil { // it is none that the poller takes
		_ = t.file.Close()
		return nil
	}
	t.read = raw.Read
	// The timer is set once the poller listens, or it might miss a short one. Nothing needs to be read: to set the
	// timer again takes back that it has expired.
	t.ready = func(fd uintptr) bool {
		if t.left == 0 {
			return true
		}
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(t.left)}
		t.left = 0
		return unix.TimerfdSettime(int(fd), 0, &spec, nil) != nil
	}
	return t
}

// set has the next wait end in so many nanoseconds, more than 0.
func (t *timerfd) set(left int64) {
	t.until = time.Now().Add(time.Duration(left))
	if t.twofold > 0 {
		t.twofold--
		_ = t.file.SetReadDeadline(t.until)
	}
	t.left = left
}

// wait is false where it could not wait.
func (t *timerfd) wait() bool {
	err := t.read(t.ready)
	t.judge(time.Since(t.until))
	if err == nil {
		return true
	}
	_ = t.file.SetReadDeadline(time.Time{}) // it has passed, and would end every wait
	return os.IsTimeout(err)
}

// judge hears how late a wait ended.
func (t *timerfd) judge(late time.Duration) {
	switch {
	case t.twofold > 0:
	case late <= tooLate:
		t.late = max(0, t.late-1)
	default:
		t.late += lateWeight
		if t.late > tooMany {
			t.late, t.twofold = 0, manyWaits
		}
	}
}

// forgive forgets waits that ended late, so that none has both timers.
func (t *timerfd) forgive() { t.late = 0 }

// interrupt ends a wait that was set before.
func (t *timerfd) interrupt() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) }

func (t *timerfd) close() { _ = t.file.Close() } // a timer: there is nothing to lose
