//go:build !unix

package trace_test

import "errors"

// redirect needs file descriptors that can be replaced.
func redirect(int) (undo func(), err error) { return func() {}, errors.ErrUnsupported }
