// Package live shows people how a run goes while it does: redrawn in place on
// a terminal, else a plain line every few seconds. It is told what happened, at
// most once a second, and looks at nothing itself.
package live

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// How often something is shown: on a terminal, and as plain lines.
const (
	redraw = 250 * time.Millisecond
	plain  = 5 * time.Second
)

// View writes what it is told to one place. Its methods may be called concurrently.
type View struct {
	w     io.Writer
	width func() int // of the terminal; nil where it is none

	mu      sync.Mutex
	run     *Run // being shown; nil where none is
	phase   phase
	shown   int // lines that the next drawing replaces
	said    time.Time
	stop    chan struct{}
	stopped sync.WaitGroup
}

// New shows on w. It redraws in place where w is a terminal, and is nil, which
// says nothing, where quiet.
func New(w io.Writer, quiet bool) *View {
	if quiet {
		return nil
	}
	v := &View{w: w, stop: make(chan struct{})}
	every := plain
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		v.width = func() int {
			if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
				return width
			}
			return 80
		}
		every = redraw
	}
	v.start(every)
	return v
}

func (v *View) start(every time.Duration) {
	v.stopped.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-v.stop:
				return
			case <-t.C:
				v.tick()
			}
		}
	})
}

// Close ends the view, and takes away what it has drawn in place.
func (v *View) Close() {
	if v == nil {
		return
	}
	close(v.stop)
	v.stopped.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
}

// Say writes a line that stays.
func (v *View) Say(format string, args ...any) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
	v.run = nil
	v.print("loadgen: " + fmt.Sprintf(format, args...) + "\n")
}

// Step tells what an experiment does now: the line of before is replaced or, where it is not a
// terminal, written every few seconds only.
func (v *View) Step(format string, args ...any) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	line := "loadgen: " + fmt.Sprintf(format, args...)
	switch {
	case v.width != nil:
		v.draw([]string{line})
	case time.Since(v.said) >= plain/2:
		v.said = time.Now()
		v.print(line + "\n")
	}
}

// tick shows the run anew: the time goes on without being told.
func (v *View) tick() {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.run == nil:
	case v.width != nil:
		v.draw(v.run.lines(v.phase, v.width()))
	case v.phase.name == measuring && v.run.seconds == 0: // there is nothing to say yet
	default:
		v.print("loadgen: " + v.run.line(v.phase) + "\n")
	}
}

// draw puts lines in the place of those drawn before.
func (v *View) draw(lines []string) {
	width := v.width()
	var b strings.Builder
	if v.shown > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.shown)
	}
	for _, l := range lines {
		b.WriteString("\r\x1b[K" + cut(l, width-1) + "\n")
	}
	if v.shown > len(lines) {
		b.WriteString("\x1b[J")
	}
	v.shown = len(lines)
	v.print(b.String())
}

func (v *View) clear() {
	if v.shown > 0 {
		v.print(fmt.Sprintf("\x1b[%dA\r\x1b[J", v.shown))
		v.shown = 0
	}
}

// print writes; if nobody can be told, there is nobody to tell of it.
func (v *View) print(s string) { _, _ = io.WriteString(v.w, s) }

// cut leaves what has room in a line.
func cut(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:max(0, width-1)]) + "…"
}
