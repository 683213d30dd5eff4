package live

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminal is as much of one as the view needs: what it shows, and what it was told that no view should tell.
type terminal struct {
	mu       sync.Mutex
	width    int
	rows     [][]rune // a cell each; 0 is the second half of a wide character
	row, col int
	wrapped  int // lines that did not fit
	wrong    []string
}

// columns of a character: those of East Asia are two wide.
func columns(r rune) int {
	if r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xff00 &&
		r <= 0xff60 || r >= 0x1f300 && r <= 0x1f64f {
		return 2
	}
	return 1
}

func (x *terminal) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for s := string(b); s != ""; {
		if rest, ok := strings.CutPrefix(s, "\x1b["); ok {
			i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
			if i < 0 {
				x.wrong = append(x.wrong, fmt.Sprintf("an escape sequence without an end: %q", s))
				break
			}
			x.escape(rest[:i], rest[i])
			s = rest[i+1:]
			continue
		}
		r := []rune(s)[0]
		s = s[len(string(r)):]
		switch {
		case r == '\n': // the driver makes it a new line, as it is set up to
			x.row, x.col = x.row+1, 0
			x.line()
		case r == '\r':
			x.col = 0
		case r < ' ' || r == 0x7f:
			x.wrong = append(x.wrong, fmt.Sprintf("control character %q", r))
		default:
			x.put(r)
		}
	}
	return len(b), nil
}

func (x *terminal) escape(number string, what byte) {
	n, _ := strconv.Atoi(number) // none is 0
	switch what {
	case 'A':
		if n < 1 || n > x.row {
			x.wrong = append(x.wrong, fmt.Sprintf("up by %q from line %d", number, x.row))
		}
		x.row = max(0, x.row-n)
	case 'K':
		if len(x.line()) > x.col {
			x.rows[x.row] = x.rows[x.row][:x.col]
		}
	case 'J':
		x.escape("", 'K')
		x.rows = x.rows[:x.row+1]
	default:
		x.wrong = append(x.wrong, fmt.Sprintf("escape sequence %s%c", number, what))
	}
}

func (x *terminal) line() []rune {
	for len(x.rows) <= x.row {
		x.rows = append(x.rows, nil)
	}
	return x.rows[x.row]
}

// put shows a character; one that has no room goes to the next line, as all terminals do.
func (x *terminal) put(r rune) {
	if x.col+columns(r) > x.width {
		x.wrapped++
		x.row, x.col = x.row+1, 0
	}
	for i := range columns(r) {
		line := x.line()
		for len(line) <= x.col {
			line = append(line, ' ')
		}
		line[x.col] = r
		if i > 0 {
			line[x.col] = 0
		}
		x.rows[x.row] = line
		x.col++
	}
}

// screen is what stands there, from the first line to that of the cursor.
func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var b strings.Builder
	for _, row := range x.rows {
		b.WriteString(strings.TrimRight(strings.ReplaceAll(string(row), "\x00", ""), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// on starts a view on a terminal.
func on(x *terminal) *View {
	v := &View{w: x, width: x.columns, stop: make(chan struct{})}
	v.start(redraw)
	return v
}

func (x *terminal) columns() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.width
}

func (x *terminal) resize(columns int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.width = columns
}

// sound fails where the terminal was used as no view should.
func (x *terminal) sound(t *testing.T) {
	t.Helper()
	if len(x.wrong) > 0 {
		t.Errorf("the terminal was told %q", x.wrong)
	}
	if x.wrapped > 0 {
		t.Errorf("%d lines did not fit the terminal's %d columns, which the next drawing does not know", x.wrapped,
			x.width)
	}
	if x.col != 0 {
		t.Errorf("the cursor is left in column %d", x.col)
	}
}

func (x *terminal) shows(t *testing.T, when, want string) {
	t.Helper()
	if diff := cmp.Diff(want, x.screen()); diff != "" {
		t.Errorf("%s the screen shows (-want +got):\n%s", when, diff)
	}
}

// second is one of 100 calls, some of which failed.
func second(p99 time.Duration, failed map[string]int64) Second {
	s := Second{
		Point:  result.Point{OK: 100, P50Ns: int64(p99) / 2, P99Ns: int64(p99)},
		Length: time.Second, Messages: 200, InFlight: 3, Codes: map[string]int64{},
		Verdict: verdict.Verdict{Status: verdict.Valid},
	}
	for code, n := range failed {
		s.Codes[code] = n
		s.OK -= n
		s.Failed += n
	}
	s.Codes["OK"] = s.OK
	return s
}

func TestPhasesOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &terminal{width: 80}
		v := on(x)
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		v.Logf("Search over grpc")
		synctest.Wait()
		x.shows(t, "before the run", "loadgen: Search over grpc")
		r := v.Run("Search", 200)
		r.Warming(time.Second)
		pass(500 * time.Millisecond)
		x.shows(t, "half-way through the warm-up",
			"loadgen: Search over grpc\nSearch  warming up ━━━━━━━━━━━━━───────────── 500ms of 1s")
		pass(500 * time.Millisecond)
		r.Measuring(4 * time.Second)
		pass(250 * time.Millisecond)
		x.shows(t, "before the first second is over",
			"loadgen: Search over grpc\nSearch  measuring ━───────────────────────── 200ms of 4s")
		pass(750 * time.Millisecond)
		r.Second(second(8*time.Millisecond, nil))
		pass(250 * time.Millisecond)
		x.shows(t, "after a second", `loadgen: Search over grpc
Search  measuring ━━━━━━━━────────────────── 1.2s of 4s
  rate      100/s of 200/s offered, 3 in flight, 200 messages/s
  calls     100 ok
  response  p50 4.00 ms, p99 8.00 ms  █
  so far    VALID`)
		pass(750 * time.Millisecond)
		worse := second(4*time.Millisecond, map[string]int64{"UNAVAILABLE": 2, "DEADLINE_EXCEEDED": 7, "INTERNAL": 2})
		worse.Length = 500 * time.Millisecond
		worse.Verdict = verdict.Verdict{
			Status:  verdict.Suspect,
			Reasons: []string{"the machine stood still", "another", "a third"},
		}
		r.Second(worse)
		pass(250 * time.Millisecond)
		x.shows(t, "after two seconds", `loadgen: Search over grpc
Search  measuring ━━━━━━━━━━━━━━──────────── 2.2s of 4s
  rate      200/s of 200/s offered, 3 in flight, 400 messages/s
  calls     189 ok, failed: DEADLINE_EXCEEDED 7, INTERNAL 2, UNAVAILABLE 2
  response  p50 2.00 ms, p99 4.00 ms  █▅
  so far    SUSPECT: the machine stood still (and 2 more)`)
		r.Draining(5 * time.Second)
		pass(2500 * time.Millisecond)
		if got := x.screen(); !strings.Contains(got, "Search  draining ━━━━━━━━━━━━━───────────── 2.5s of 5s\n") ||
			!strings.Contains(got, "189 ok") {
			t.Errorf("while it drains the screen shows:\n%s", got)
		}
		r.Writing()
		pass(3 * time.Second)
		if got := x.screen(); !strings.Contains(got, "Search  writing the results for 3s\n") {
			t.Errorf("while it writes the screen shows:\n%s", got)
		}
		v.Close()
		x.shows(t, "at the end", "loadgen: Search over grpc")
		x.sound(t)
	})
}

// Times go no further than planned, though the phase may.
func TestTimesOfAPhase(t *testing.T) {
	for _, tt := range []struct {
		reason        string
		length, after time.Duration
		want          string
	}{
		{"not begun", 30 * time.Second, 0, "0s of 30s"},
		{"whole seconds of a long phase", 30 * time.Second, 12_990 * time.Millisecond, "12s of 30s"},
		{"tenths of a short one", 9900 * time.Millisecond, 1250 * time.Millisecond, "1.2s of 9.9s"},
		{"minutes", 90 * time.Minute, 61 * time.Second, "1m1s of 1h30m0s"},
		{"longer than planned", 10 * time.Second, 11 * time.Second, "10s of 10s"},
		{"nobody knows how long", 0, 61_999 * time.Millisecond, "for 1m1s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := phase{measuring, time.Now(), tt.length}
			time.Sleep(tt.after)
			if got := p.times(); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.reason, got, tt.want)
			}
			for width := range 40 {
				bar, _, _ := strings.Cut(p.progress(width), " ")
				if n := len([]rune(bar)); tt.length > 0 && n != width {
					t.Errorf("%s: a bar of %d is %d wide: %q", tt.reason, width, n, bar)
				}
			}
		})
	}
}

// Whatever is shown, and however narrow it is: nothing wraps, so nothing is left behind.
func TestLinesFitTheTerminal(t *testing.T) {
	for _, width := range []int{1, 2, 3, 10, 20, 23, 24, 25, 40, 79, 80, 81, 89, 90, 91, 120, 200} {
		synctest.Test(t, func(t *testing.T) {
			x := &terminal{width: width}
			v := on(x)
			r := v.Run(strings.Repeat("a long name ", 5), 1e9)
			r.Warming(time.Second)
			time.Sleep(time.Second)
			r.Measuring(100 * time.Second)
			for i := range 70 { // more than a sparkline has room for
				s := second(time.Duration(i)*time.Millisecond,
					map[string]int64{
						"UNAVAILABLE": 1, "DEADLINE_EXCEEDED": 2, "RESOURCE_EXHAUSTED": 3,
						"FAILED_PRECONDITION": 4,
					})
				s.Verdict = verdict.Verdict{
					Status:  verdict.Invalid,
					Reasons: []string{strings.Repeat("many words ", 30)},
				}
				r.Second(s)
				time.Sleep(time.Second)
			}
			v.Step("%s", strings.Repeat("a step of many words ", 20))
			v.Close()
			x.sound(t)
			x.shows(t, fmt.Sprintf("of %d columns, at the end", width), "")
		})
	}
}

// A drawing that is due at the very end comes before it, or not at all.
func TestNothingIsDrawnAfterClose(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			x := &terminal{width: 80}
			v := on(x)
			v.Run("Search", 0).Measuring(time.Minute)
			time.Sleep(2 * redraw)
			v.Close()
			synctest.Wait()
			x.shows(t, "after Close", "")
		})
	}
}

// A terminal that somebody makes wider or narrower is asked each time.
func TestWidthChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &terminal{width: 40}
		v := on(x)
		r := v.Run("Search", 0)
		r.Measuring(100 * time.Second)
		for i := range 60 {
			r.Second(second(time.Duration(i)*time.Millisecond, nil))
		}
		time.Sleep(redraw)
		synctest.Wait()
		narrow := x.screen()
		x.resize(120)
		time.Sleep(redraw)
		synctest.Wait()
		if wide := x.screen(); len(wide) <= len(narrow) || strings.Contains(wide, "…") {
			t.Errorf("40 columns:\n%s\n120 columns:\n%s", narrow, wide)
		}
		v.Close()
		x.sound(t)
	})
}

// Characters of two columns are in many names; a line of them that wraps leaves one behind at each drawing.
func TestWideCharacters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &terminal{width: 40}
		v := on(x)
		v.Run("基準測試：搜尋服務的回應時間", 0).Measuring(10 * time.Second)
		time.Sleep(2 * time.Second)
		v.Close()
		x.sound(t)
		x.shows(t, "at the end", "")
	})
}

// A label with a line break, or with an escape sequence, is one line all the same.
func TestControlCharactersInAName(t *testing.T) {
	for _, name := range []string{"two\nlines", "over\rwritten", "red \x1b[31m", "a\ttab"} {
		synctest.Test(t, func(t *testing.T) {
			x := &terminal{width: 40}
			v := on(x)
			v.Run(name, 0).Measuring(10 * time.Second)
			time.Sleep(2 * time.Second)
			v.Close()
			x.sound(t)
			x.shows(t, fmt.Sprintf("after a run named %q", name), "")
		})
	}
}

func TestSayAndStepOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &terminal{width: 60}
		v := on(x)
		v.Logf("one of %d", 2)
		v.Step("a long step, of many words")
		v.Step("short")
		synctest.Wait()
		x.shows(t, "after two steps", "loadgen: one of 2\nloadgen: short")
		time.Sleep(time.Minute)
		synctest.Wait()
		x.shows(t, "after a while", "loadgen: one of 2\nloadgen: short")
		r := v.Run("Search", 0)
		r.Measuring(10 * time.Second)
		r.Second(second(time.Millisecond, nil))
		time.Sleep(redraw)
		synctest.Wait()
		if got := x.screen(); strings.Contains(got, "short") || strings.Count(got, "\n") != 5 {
			t.Errorf("a run after a step:\n%s", got)
		}
		v.Logf("two of 2")
		synctest.Wait()
		x.shows(t, "after something is said of a run", "loadgen: one of 2\nloadgen: two of 2")
		time.Sleep(time.Minute)
		synctest.Wait()
		x.shows(t, "long after it", "loadgen: one of 2\nloadgen: two of 2")
		// The next run is shown by fewer lines than this one was: none of this one's may stay.
		r.Measuring(10 * time.Second)
		time.Sleep(redraw)
		synctest.Wait()
		if got := x.screen(); strings.Count(got, "\n") != 6 {
			t.Errorf("the run is not shown anew:\n%s", got)
		}
		v.Run("GetUser", 0).Measuring(10 * time.Second)
		time.Sleep(redraw)
		synctest.Wait()
		x.shows(t, "with the next run",
			"loadgen: one of 2\nloadgen: two of 2\nGetUser  measuring ──────────────────── 0s of 10s")
		v.Close()
		x.shows(t, "at the end", "loadgen: one of 2\nloadgen: two of 2")
		x.sound(t)
	})
}

// pipe is what is written where there is no terminal.
type pipe struct {
	mu  sync.Mutex
	all strings.Builder
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Write(b)
}

// take is what was written since the last one.
func (p *pipe) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.all.Reset()
	return p.all.String()
}

func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pipe{}
		v := New(b, false)
		wrote := func(d time.Duration, want string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if diff := cmp.Diff(want, b.take()); diff != "" {
				t.Errorf("it wrote (-want +got):\n%s", diff)
			}
		}
		v.Logf("Search over grpc")
		wrote(0, "loadgen: Search over grpc\n")
		wrote(4*time.Second, "")
		r := v.Run("Search", 200)
		r.Warming(12 * time.Second)
		wrote(2*time.Second, "loadgen: Search: warming up 1s of 12s\n")
		wrote(5*time.Second, "loadgen: Search: warming up 6s of 12s\n")
		r.Measuring(30 * time.Second)
		wrote(6*time.Second, "") // no second is over: nothing is known
		for range 3 {
			r.Second(second(8*time.Millisecond, nil))
		}
		wrote(3*time.Second, "loadgen: Search: 9s of 30s, 100/s, 3 in flight, p50 4.00 ms, p99 8.00 ms, 300 ok, so "+
			"far VALID\n")
		r.Second(second(8*time.Millisecond, map[string]int64{"UNAVAILABLE": 1, "INTERNAL": 9}))
		wrote(5*time.Second, "loadgen: Search: 14s of 30s, 100/s, 3 in flight, p50 4.00 ms, p99 8.00 ms, 390 ok, "+
			"failed: INTERNAL 9, UNAVAILABLE 1, so far VALID\n")
		r.Draining(20 * time.Second)
		wrote(5*time.Second, "loadgen: Search: draining 5s of 20s\n")
		r.Writing()
		wrote(5*time.Second, "loadgen: Search: writing the results for 5s\n")
		v.Close()
		wrote(time.Minute, "")
	})
}

// Lines that stay are no place for a step every few milliseconds.
func TestPlainSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pipe{}
		v := New(b, false)
		for i := range 1000 {
			v.Step("step %d", i)
			time.Sleep(10 * time.Millisecond)
		}
		v.Close()
		got := b.take()
		if n := strings.Count(got, "\n"); n < 2 || n > 5 || !strings.HasPrefix(got, "loadgen: step 0\n") {
			t.Errorf("of 1,000 steps in ten seconds it wrote:\n%s", got)
		}
	})
}

// What goes to a file or a pipe has no escape sequence in it.
func TestNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	v := New(file, false)
	r := v.Run("Search", 0)
	r.Measuring(time.Minute)
	r.Second(second(time.Millisecond, nil))
	v.print(v.compose(true, false))
	v.Step("a step")
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(file.Name()); err != nil || strings.Contains(string(text), "a step") {
			break // before it is written, what is said would end the step
		}
	}
	v.Logf("a line")
	v.Close()
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); strings.ContainsAny(got, "\x1b\r") || strings.Count(got, "\n") != 3 ||
		strings.Count(got, "loadgen: ") != 3 {
		t.Errorf("to a file went %q", got)
	}
}

func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		v := New(&b, true)
		if v != nil {
			t.Errorf("a quiet view is %v, want nil", v)
		}
		v.Logf("a line")
		v.Step("a step")
		r := v.Run("Search", 10)
		r.Warming(time.Second)
		r.Measuring(time.Second)
		r.Second(second(time.Millisecond, nil))
		r.Draining(time.Second)
		r.Writing()
		time.Sleep(time.Minute)
		v.Close()
		if r != nil || b.Len() > 0 {
			t.Errorf("the run is %v, and %q was written", r, &b)
		}
	})
}

type failing struct{ writes int }

func (f *failing) Write([]byte) (int, error) {
	f.writes++
	return 0, errors.New("broken pipe")
}

// That nobody can be told ends nothing.
func TestWriterThatFails(t *testing.T) {
	for _, width := range []func() int{nil, func() int { return 80 }} {
		synctest.Test(t, func(t *testing.T) {
			f := &failing{}
			v := &View{w: f, width: width, stop: make(chan struct{})}
			v.start(redraw)
			v.Logf("a line")
			r := v.Run("Search", 0)
			r.Measuring(time.Minute)
			r.Second(second(time.Millisecond, nil))
			time.Sleep(10 * redraw)
			v.Step("a step")
			v.Close()
			if f.writes < 10 {
				t.Errorf("it wrote %d times", f.writes)
			}
		})
	}
}

// stuck is a terminal that somebody stopped with ^S, or a pipe whose reader sleeps.
type stuck struct {
	once           sync.Once
	begun, release chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.release
	return len(b), nil
}

// The run's methods "do not wait for anyone to read": the engine calls them, and would stand still.
func TestARunDoesNotWaitForTheTerminal(t *testing.T) {
	s := &stuck{begun: make(chan struct{}), release: make(chan struct{})}
	v := &View{w: s, width: func() int { return 80 }}
	v.start(time.Millisecond)
	r := v.Run("Search", 0)
	r.Measuring(time.Minute)
	var wait sync.WaitGroup
	<-s.begun
	told := make(chan struct{})
	wait.Go(func() {
		r.Second(second(time.Millisecond, nil))
		r.Draining(time.Second)
		close(told)
	})
	select {
	case <-told:
	case <-time.After(time.Second):
		t.Error("the run stands still as long as nobody reads its terminal")
	}
	closed := time.Now()
	v.Close()
	if took := time.Since(closed); took > 2*patience {
		t.Errorf("to close the view took %v", took)
	}
	close(s.release)
	wait.Wait()
	<-v.stopped
}

// Everything at once; the race detector looks on.
func TestConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &terminal{width: 100}
		v := on(x)
		var wait sync.WaitGroup
		for i := range 4 {
			r := v.Run("run "+strconv.Itoa(i), 10)
			wait.Go(func() {
				r.Warming(time.Second)
				time.Sleep(time.Second)
				r.Measuring(10 * time.Second)
				for range 10 {
					r.Second(second(time.Millisecond, map[string]int64{"INTERNAL": 1}))
					time.Sleep(100 * time.Millisecond)
				}
				r.Draining(time.Second)
				r.Writing()
			})
			wait.Go(func() {
				for range 20 {
					v.Step("step")
					time.Sleep(50 * time.Millisecond)
					v.Logf("line %d", i)
				}
			})
		}
		wait.Wait()
		v.Close()
		x.sound(t)
		if got := x.screen(); strings.Count(got, "\n") != 79 || strings.Count(got, "loadgen: line ") != 80 {
			t.Errorf("of 80 lines that were said there stand:\n%s", got)
		}
	})
}

func TestSparkline(t *testing.T) {
	for _, tt := range []struct {
		reason string
		values []int64
		width  int
		want   string
	}{
		{"one value is the largest", []int64{5}, 8, "█"},
		{"each step", []int64{0, 1, 2, 3, 4, 5, 6, 7, 8}, 20, "▁▂▃▄▅▆▇██"},
		{"seconds without a call", []int64{0, 0, 0}, 8, "▁▁▁"},
		{"the last ones, scaled by themselves", []int64{1_000_000, 1, 8}, 2, "▂█"},
		{"a clock that ran back", []int64{-5, 8}, 8, "▁█"},
		{"an hour", []int64{3_600_000_000_000, 1}, 8, "█▁"},
	} {
		if got := sparkline(tt.values, tt.width); got != tt.want {
			t.Errorf("%s: %v in %d columns is %q, want %q", tt.reason, tt.values, tt.width, got, tt.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		reason, s string
		width     int
		want      string
	}{
		{"it fits", "four", 4, "four"},
		{"it does not", "fours", 4, "fou…"},
		{"characters, not bytes", "äöüß", 4, "äöüß"},
		{"no character is halved", "äöüßé", 4, "äöü…"},
		{"hardly any room", "four", 1, "…"},
		{"nothing to cut", "", 0, ""},
	} {
		if got := truncate(tt.s, tt.width); got != tt.want {
			t.Errorf("%s: cut(%q, %d) = %q, want %q", tt.reason, tt.s, tt.width, got, tt.want)
		}
	}
}

// A run of several steps has a line for each, as many as a terminal has room for.
func TestStepsOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &terminal{width: 80}
		v := on(x)
		r := v.Run("shop", 0)
		r.Measuring(4 * time.Second)
		s := second(8*time.Millisecond, nil)
		s.Parts = []Part{
			{Name: "Search", OK: 70, P50Ns: 1e6, P99Ns: 2e6},
			{Name: "auth.Auth/Login", OK: 20, Failed: 10, P50Ns: 3e6, P99Ns: 4e6, Censored: 1},
			{Name: "a name that is by far too long for its column"},
		}
		for range mostParts {
			s.Parts = append(s.Parts, Part{Name: "more", OK: 1, P50Ns: 1e6, P99Ns: 1e6})
		}
		r.Second(s)
		time.Sleep(redraw)
		synctest.Wait()
		want := "    Search                    70.0/s, p50 1.00 ms, p99 2.00 ms\n" +
			"    auth.Auth/Login           30.0/s, p50 ≥ 3.00 ms, p99 ≥ 4.00 ms, failed 10\n" +
			"    a name that is by far t…  0.00/s\n" + strings.Repeat("    more                      1.00/s, p50 "+
			"1.00 ms, p99 1.00 ms\n", mostParts-3) + "    and 3 more"
		_, got, _ := strings.Cut(x.screen(), "VALID\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("of the steps the screen shows (-want +got):\n%s", diff)
		}
		v.Close()
		x.sound(t)
	})
}
