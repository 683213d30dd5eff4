//go:build !linux

package cores

import "io"

// StayAwake does nothing where the system has no idle class.
func StayAwake(stdin io.Reader) error {
	untilEnd(stdin)
	return nil
}
