//go:build unix

package message

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file into memory, to read it. Unmap lets it go.
func mapFile(name string) (m mapped, err error) {
	file, err := os.Open(name)
	if err != nil {
		return m, err //nolint:wrapcheck // it names the file
	}
	defer file.Close() //nolint:errcheck // it was only read
	info, err := file.Stat()
	if err != nil {
		return m, err //nolint:wrapcheck // it names the file
	}
	if !info.Mode().IsRegular() {
		return m, fmt.Errorf("%s: want a file", name)
	}
	if info.Size() > math.MaxInt {
		return m, fmt.Errorf("%s: %d bytes are too many for this system", name, info.Size())
	}
	m.unmap = func() error { return nil }
	if info.Size() == 0 {
		return m, nil
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return m, fmt.Errorf("map %s into memory: %w", name, err)
	}
	m.data = data
	m.unmap = func() error { return unix.Munmap(data) }
	page := os.Getpagesize()
	m.forget = func(from, to int) {
		from, to = from/page*page, to/page*page
		if to > from {
			_ = unix.Madvise(data[from:to], unix.MADV_DONTNEED) // it is advice: what is asked for again is read again
		}
	}
	return m, nil
}
