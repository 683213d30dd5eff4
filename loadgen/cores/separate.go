package cores

import (
	"os"
	"runtime"
)

// Separate gives the target a core and this process another, where there are two,
// and keeps both from sleeping. The scheduler's choice of who wakes where, and
// the time that a core takes to wake up, move a call by more than most
// interceptors cost.
func Separate(target int) (undo func(), err error) {
	awake, err := KeepAwake() // before this process is pinned, which it would inherit
	if err != nil {
		return nil, err
	}
	if runtime.NumCPU() < 2 {
		return awake, nil
	}
	if err := Pin(target, 0); err != nil {
		awake()
		return nil, err
	}
	if err := Pin(os.Getpid(), 1); err != nil {
		awake()
		return nil, err
	}
	return func() {
		awake()
		all := make([]int, runtime.NumCPU())
		for i := range all {
			all[i] = i
		}
		_ = Pin(os.Getpid(), all...) // the experiment is made
	}, nil
}
