//go:build !linux

package pace

import "time"

// wakes is how late a sleep may wake, roughly.
const wakes = time.Millisecond

// timerfd is Linux's.
type timerfd struct{}

func newTimerfd() *timerfd { return nil }

func (*timerfd) set(int64)  {}
func (*timerfd) wait() bool { return false }
func (*timerfd) forgive()   {}
func (*timerfd) interrupt() {}
func (*timerfd) close()     {}
