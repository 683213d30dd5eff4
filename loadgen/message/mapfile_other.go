//go:build !unix

package message

import "os"

// mapFile reads a file: to map it would need another way on each system.
func mapFile(name string) (data []byte, unmap func() error, err error) {
	data, err = os.ReadFile(name)
	return data, func() error { return nil }, err //nolint:wrapcheck // it names the file
}
