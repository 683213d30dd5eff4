//go:build unix

package contract

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// Spent tells what the calling process used since it began: CPU time outside the kernel and in it, and its largest
// resident set in bytes.
func Spent() (user, system time.Duration, maxRSS int64, err error) {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0, 0, 0, fmt.Errorf("read this process's resource usage: %w", err)
	}
	unit := int64(1024) // of ru_maxrss, but on Apple's systems
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		unit = 1
	}
	return time.Duration(ru.Utime.Nano()), time.Duration(ru.Stime.Nano()), int64(ru.Maxrss) * unit, nil //nolint:unconvert // 32 bits wide on 32-bit systems
}
