//go:build !unix

package result

import "os"

// alive says whether there is a process of that id: here a process that ended cannot be found.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}
