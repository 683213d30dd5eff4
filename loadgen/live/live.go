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
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// How often something is shown: on a terminal, and as plain lines.
const (
	redraw = 250 * time.Millisecond
	plain  = 5 * time.Second
)

// patience is how long Close waits for a terminal that nobody reads, as after ^S.
const patience = time.Second

// View writes what it is told to one place. Its methods may be called
// concurrently, and none but Close waits for what is written.
type View struct {
	w     io.Writer
	width func() int // of the terminal; nil where it is none

	mu    sync.Mutex
	run   *Run // being shown; nil where none is
	phase phase
	said  []string // lines that stay, and are still to be written
	step  string   // what an experiment does

	wake, stop, stopped chan struct{}

	// The writing goroutine's own: how many lines the next drawing replaces, what it last wrote of a step, and when.
	shown    int
	stepped  string
	lastStep time.Time
}

// New shows on w. It redraws in place where w is a terminal, and is nil, which
// says nothing, where quiet.
func New(w io.Writer, quiet bool) *View {
	if quiet {
		return nil
	}
	v := &View{w: w}
	every := plain
	// which knows no cursor
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
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
	v.wake, v.stop, v.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(v.stopped)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-v.stop:
				v.print(v.compose(false, true))
				return
			case <-v.wake:
				v.print(v.compose(false, false))
			case <-t.C:
				v.print(v.compose(true, false))
			}
		}
	}()
}

// Close ends the view, once, and takes away what it has drawn in place. What it is told after that nobody hears.
func (v *View) Close() {
	if v == nil {
		return
	}
	close(v.stop)
	patient := time.NewTimer(patience)
	defer patient.Stop()
	select {
	case <-v.stopped:
	case <-patient.C:
	}
}

// Logf writes a line that stays.
func (v *View) Logf(format string, args ...any) {
	if v == nil {
		return
	}
	v.update(func() {
		v.run, v.step = nil, ""
		v.said = append(v.said, "loadgen: "+fmt.Sprintf(format, args...))
	})
}

// Step tells what an experiment does now: the line of before is replaced or, where it is not a
// terminal, written every few seconds only.
func (v *View) Step(format string, args ...any) {
	if v == nil {
		return
	}
	v.update(func() { v.run, v.step = nil, "loadgen: "+fmt.Sprintf(format, args...) })
}

// update changes what is to be shown, and has it shown.
func (v *View) update(change func()) {
	v.mu.Lock()
	change()
	v.mu.Unlock()
	select {
	case v.wake <- struct{}{}:
	default: // it is awake
	}
}

// compose is what is to be written now. Tick says that time has passed: a run then goes on without being told.
func (v *View) compose(tick, last bool) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	if len(v.said) > 0 || last {
		b.WriteString(v.clear())
		for _, line := range v.said {
			b.WriteString(line + "\n")
		}
		v.said = nil
	}
	switch {
	case last:
	case v.width != nil && v.run != nil && (tick || b.Len() > 0):
		b.WriteString(v.draw(v.run.lines(v.phase, v.width())))
	case v.width != nil && v.step != "":
		b.WriteString(v.draw([]string{v.step}))
	case v.width == nil && v.run != nil && tick && (v.phase.name != measuring || v.run.seconds > 0):
		b.WriteString("loadgen: " + stripControls(v.run.line(v.phase)) + "\n")
	case v.width == nil && v.step != v.stepped && time.Since(v.lastStep) >= plain/2:
		v.stepped, v.lastStep = v.step, time.Now()
		if v.step != "" {
			b.WriteString(v.step + "\n")
		}
	}
	return b.String()
}

// draw puts lines in the place of those drawn before.
func (v *View) draw(lines []string) string {
	width := v.width()
	var b strings.Builder
	if v.shown > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.shown)
	}
	for _, l := range lines {
		b.WriteString("\r\x1b[K" + truncate(stripControls(l), width-1) + "\n")
	}
	if v.shown > len(lines) {
		b.WriteString("\x1b[J")
	}
	v.shown = len(lines)
	return b.String()
}

func (v *View) clear() string {
	if v.shown == 0 {
		return ""
	}
	up := fmt.Sprintf("\x1b[%dA\r\x1b[J", v.shown)
	v.shown = 0
	return up
}

// print writes; if nobody can be told, there is nobody to tell of it.
func (v *View) print(s string) {
	if s != "" {
		_, _ = io.WriteString(v.w, s)
	}
}

// stripControls makes text harmless to a terminal.
func stripControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// truncate leaves what has room in so many columns.
func truncate(s string, columns int) string {
	used := 0
	for i, r := range s {
		wide := columnsOf(r)
		// no room for it, or for the mark after it
		if used+wide > columns || used+wide == columns && i+len(string(r)) < len(s) {
			return s[:i] + strings.Repeat("…", min(1, max(0, columns-used)))
		}
		used += wide
	}
	return s
}

func columnsOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		if unicode.Is(unicode.Mn, r) {
			return 0
		}
		return 1
	}
}
