package main

import (
	"os"
	"runtime/debug"
)

// How far the heap of a load run may grow before it is collected: to five times what lives, which is a few MiB and the
// ballast. At Go's default a fifth of the CPU of a call over grpc is the collector's, and each collection wakes the
// runtime's monitor thread, which then polls for some milliseconds.
const (
	gcPercent   = 400
	ballastSize = 8 << 20
)

// ballast is never touched, and so takes no memory; it counts as living. A larger gcPercent would multiply a heap that
// is large as well.
var ballast []byte

// collectSeldom has the garbage collector run seldom, unless GOGC says how often.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		ballast = make([]byte, ballastSize)
	}
}
