package run

import (
	"time"

	"golang.org/x/sys/unix"
)

// suspended is how long the machine has been suspended since it was started: the run's own clock stands still then,
// and another goes on.
func suspended() time.Duration {
	var with, without unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &with) != nil ||
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &without) != nil {
		return 0
	}
	return time.Duration(with.Nano() - without.Nano())
}
