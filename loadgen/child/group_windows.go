package child

import "syscall"

// ownGroup keeps a console's Ctrl-C, which goes to our process group, from the child.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
