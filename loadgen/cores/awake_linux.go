package cores

import (
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// schedIdle is Linux's SCHED_IDLE: such a thread runs only where no other wants to, and gives way at once.
const schedIdle = 5

// StayAwake is the body of that process: a thread of the idle class spins on each core, until stdin ends.
func StayAwake(stdin io.Reader) error {
	runtime.GOMAXPROCS(runtime.NumCPU() + 1) // one for who waits
	var over atomic.Bool
	ready := make(chan error, runtime.NumCPU())
	for core := range runtime.NumCPU() {
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			var set unix.CPUSet
			set.Set(core)
			err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: schedIdle}, 0)
			if err == nil {
				err = unix.SchedSetaffinity(0, &set)
			}
			if ready <- err; err != nil {
				return
			}
			for !over.Load() {
			}
		}()
	}
	for range runtime.NumCPU() {
		if err := <-ready; err != nil {
			over.Store(true)
			return fmt.Errorf("keep a core awake: %w", err)
		}
	}
	untilEnd(stdin)
	over.Store(true)
	return nil
}
