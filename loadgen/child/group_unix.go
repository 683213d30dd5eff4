//go:build unix

package child

import "syscall"

// OwnGroup keeps signals to our process group from the child.
func OwnGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
