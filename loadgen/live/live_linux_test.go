package live

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a real one, of so many columns: the test's end of it, and the program's.
func openTerminal(t *testing.T, columns uint16) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	fd := int(ours.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { theirs.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: 24}); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// A real terminal is known as one, by its real width; and the kernel's line discipline makes of the output what the
// fake one does.
func TestNewOnATerminal(t *testing.T) {
	ours, theirs := openTerminal(t, 57)
	x := &terminal{width: 57}
	var raw strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, err := ours.Read(b)
			raw.Write(b[:n])
			if err != nil || strings.Contains(raw.String(), "the end\r\n") {
				return
			}
		}
	})
	v := New(theirs, false)
	r := v.Run(strings.Repeat("a long name ", 10), 0)
	r.Measuring(10 * time.Second)
	r.Second(second(time.Millisecond, nil))
	time.Sleep(3 * redraw)
	v.Logf("the end")
	v.Close()
	reading.Wait()
	if _, err := x.Write([]byte(raw.String())); err != nil {
		t.Fatal(err)
	}
	x.sound(t)
	x.shows(t, "at the end", "loadgen: the end")
	if n := strings.Count(raw.String(), "\x1b[5A"); n < 2 {
		t.Errorf("it was drawn over %d times in three quarters of a second: %q", n, raw.String())
	}
}
