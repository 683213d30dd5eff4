//go:build !linux

package cores

// Pin does nothing where the system has no such call.
func Pin(int, ...int) error { return nil }
