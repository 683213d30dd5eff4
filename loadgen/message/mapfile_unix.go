//go:build unix

package message

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file into memory, to read it. Unmap lets it go.
func mapFile(name string) (data []byte, unmap func() error, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // it names the file
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // it names the file
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: want a file", name)
	}
	if info.Size() == 0 {
		return nil, func() error { return nil }, nil
	}
	data, err = unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map %s into memory: %w", name, err)
	}
	return data, func() error { return unix.Munmap(data) }, nil
}
