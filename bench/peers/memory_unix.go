//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory is the largest resident set of a process that ended, in bytes.
func peakMemory(p *os.ProcessState) float64 {
	ru, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" { // tell bytes
		return float64(ru.Maxrss)
	}
	return float64(ru.Maxrss) * 1024
}
