package child

import "syscall"

// OwnGroup keeps a console's Ctrl-C, which goes to our process group, from the child.
func OwnGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
