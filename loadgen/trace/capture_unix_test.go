//go:build unix

package trace_test

import "golang.org/x/sys/unix"

// redirect makes the process's own stdout and stderr those of fd, until undo.
func redirect(fd int) (undo func(), err error) {
	var kept [2]int
	undo = func() {
		for i, own := range []int{1, 2} {
			if kept[i] > 0 {
				_ = dup2(kept[i], own)
				_ = unix.Close(kept[i])
			}
		}
	}
	for i, own := range []int{1, 2} {
		if kept[i], err = unix.Dup(own); err != nil {
			return undo, err
		}
		if err := dup2(fd, own); err != nil {
			return undo, err
		}
	}
	return undo, nil
}
