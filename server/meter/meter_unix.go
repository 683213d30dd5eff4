//go:build unix

package meter

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// Spent tells what the calling process used.
func Spent() (Spending, error) {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return Spending{}, fmt.Errorf("read this process's resource usage: %w", err)
	}
	unit := int64(1024) // of ru_maxrss, but on Apple's systems
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		unit = 1
	}
	return Spending{
		User: time.Duration(ru.Utime.Nano()), System: time.Duration(ru.Stime.Nano()),
		// 32 bits wide on 32-bit systems
		MaxRSS: int64(ru.Maxrss) * unit, Switches: int64(ru.Nvcsw) + int64(ru.Nivcsw), //nolint:unconvert
	}, nil
}
