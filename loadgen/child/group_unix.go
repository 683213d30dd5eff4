//go:build unix

package child

import "syscall"

// ownGroup keeps signals to our process group from the child.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
