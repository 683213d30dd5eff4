//go:build !linux

package pace

import "time"

// Precise has nothing to do where Go's own timers are as good as it gets.
func Precise() (undo func()) { return func() {} }

// wakes is how late a sleep may wake, roughly.
const wakes = time.Millisecond

// SleepUntil returns when now, a clock in nanoseconds, reads at, or a little later.
func SleepUntil(now func() int64, at int64) { time.Sleep(time.Duration(at - now())) }
