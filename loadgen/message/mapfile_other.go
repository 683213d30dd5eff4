//go:build !unix

package message

import "os"

// mapFile reads a file: to map it would need another way on each system.
func mapFile(name string) (m mapped, err error) {
	m.data, err = os.ReadFile(name)
	m.unmap = func() error { return nil }
	return m, err //nolint:wrapcheck // it names the file
}
