package transport

import (
	"errors"
	"strings"
	"syscall"
)

// localErrnos are what this machine lacks for a call.
var localErrnos = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS,
	syscall.ENOMEM,
}

// IsLocal says whether err is for want of something of this machine's, such as a file descriptor or a port, so that no
// server had a part in it.
func IsLocal(err error) bool {
	for _, errno := range localErrnos {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// IsLocalText is [IsLocal] where only the text of an error is left, of an attempt to connect that ended so.
func IsLocalText(text string) bool {
	text = strings.TrimRight(text, `"`)
	for _, errno := range localErrnos {
		if strings.HasSuffix(text, ": "+errno.Error()) {
			return true
		}
	}
	return false
}
