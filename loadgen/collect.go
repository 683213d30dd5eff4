package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// How far the heap of a load run may grow before it is collected: to five times what lives, which is a few MiB and the
// ballast. At Go's default a fifth of the CPU of a call over grpc is the collector's, and each collection wakes the
// runtime's monitor thread, which then polls for some milliseconds.
const (
	gcPercent   = 400
	ballastSize = 8 << 20
)

// collectSeldom has the garbage collector run seldom until it is released, unless GOGC says how often. Its ballast is
// never touched, and so takes no memory, but counts as living. A larger gcPercent in its place would also multiply a
// heap that is large already.
func collectSeldom() (release func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(gcPercent)
	ballast := make([]byte, ballastSize)
	return func() {
		runtime.KeepAlive(ballast)
		debug.SetGCPercent(before)
	}
}
