//go:build race

package socket

// watched says that the race detector watches: it takes what goes over a socket as an order of events only where Go's
// own package syscall reads and writes it.
const watched = true
