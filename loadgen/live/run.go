package live

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// Run shows one load run. Its methods are called as things happen, and do not wait for anyone to read; of a nil Run
// they show nothing.
type Run struct {
	view    *View
	name    string
	offered float64 // calls per second; 0 where the loop is closed
	seconds int     // told so far
	last    Second
	p99     []int64
	codes   map[string]int64
	ok      int64
}

// Second is what happened in one, and the verdict on all so far.
type Second struct {
	result.Point
	Length   time.Duration // about a second
	Messages int64
	InFlight int64
	Codes    map[string]int64
	Verdict  verdict.Verdict
	// Parts are the steps, and the flows of several, where there is more than one step.
	Parts []Part
}

// Part is what a second brought of a step, or of a flow as a whole.
type Part struct {
	Name         string
	OK, Failed   int64
	P50Ns, P99Ns int64
	Censored     int64 // as of a [result.Point]
}

// phase is what a run is about.
type phase struct {
	name   string
	began  time.Time
	length time.Duration // 0 where nobody knows
}

// The phases, as they are told.
const (
	warming   = "warming up"
	measuring = "measuring"
	draining  = "draining"
	sending   = "sending the traces"
	writing   = "writing the results"
)

// Run shows a run of that name from now on. It is nil, which shows nothing, where v is.
func (v *View) Run(name string, offered float64) *Run {
	if v == nil {
		return nil
	}
	return &Run{view: v, name: name, offered: offered, codes: map[string]int64{}}
}

// Warming tells that the warm-up has begun.
func (r *Run) Warming(length time.Duration) { r.enter(warming, length) }

// Measuring tells that the measured window has begun; a length of 0 is not known.
func (r *Run) Measuring(length time.Duration) { r.enter(measuring, length) }

// Draining tells that nothing is started any more.
func (r *Run) Draining(most time.Duration) { r.enter(draining, most) }

// Sending tells that the calls are over, and traces are sent.
func (r *Run) Sending() { r.enter(sending, 0) }

// Writing tells that the calls are over.
func (r *Run) Writing() { r.enter(writing, 0) }

func (r *Run) enter(name string, length time.Duration) {
	if r == nil {
		return
	}
	r.view.update(func() { r.view.run, r.view.phase, r.view.step = r, phase{name, time.Now(), length}, "" })
}

// Second tells what one brought.
func (r *Run) Second(s Second) {
	if r == nil {
		return
	}
	r.view.mu.Lock()
	defer r.view.mu.Unlock()
	r.seconds++
	r.last = s
	r.p99 = append(r.p99, s.P99Ns)
	r.ok += s.OK
	for code, n := range s.Codes {
		r.codes[code] += n
	}
}

// lines are what a terminal shows.
func (r *Run) lines(p phase, width int) []string {
	lines := []string{fmt.Sprintf("%s  %s %s", r.name, p.name, p.progress(min(30, width/3)))}
	if r.seconds == 0 {
		return lines
	}
	s := r.last
	perSecond := func(n int64) float64 { return float64(n) / max(s.Length.Seconds(), 1e-3) }
	rate := number.Rate(perSecond(s.OK+s.Failed)) + "/s"
	if r.offered > 0 {
		rate += " of " + number.Rate(r.offered) + "/s offered"
	}
	calls := number.Count(r.ok) + " ok"
	if failed := r.failures(); failed != "" {
		calls += ", failed: " + failed
	}
	if waiting := s.waiting(); waiting != "" {
		lines = append(lines, "  waiting   "+waiting)
	}
	return append(append(lines,
		fmt.Sprintf("  rate      %s, %s in flight, %s messages/s", rate, number.Count(s.InFlight),
			number.Rate(perSecond(s.Messages))),
		"  calls     "+calls,
		fmt.Sprintf("  response  %s  %s", s.response(), sparkline(r.p99, max(8, min(60, width-48)))),
		"  so far    "+strings.ToUpper(string(s.Verdict.Status))+reasons(s.Verdict),
	), r.parts()...)
}

// mostParts is how many steps and flows a terminal shows: more would scroll.
const mostParts = 12

// parts are a line a step and flow, where there are several.
func (r *Run) parts() (lines []string) {
	parts := r.last.Parts
	wide := 0
	for _, p := range parts[:min(len(parts), mostParts)] {
		wide = max(wide, min(len(p.Name), 24))
	}
	for i, p := range parts {
		if i == mostParts {
			return append(lines, fmt.Sprintf("    and %d more", len(parts)-i))
		}
		seconds := max(r.last.Length.Seconds(), 1e-3)
		line := fmt.Sprintf("    %-*s  %s/s", wide, truncate(p.Name, 24), number.Rate(float64(p.OK+p.Failed)/seconds))
		if p.OK+p.Failed+p.Censored > 0 {
			line += ", " + percentiles(p.P50Ns, p.P99Ns, p.Censored > 0)
		}
		if p.Failed > 0 {
			line += ", failed " + number.Count(p.Failed)
		}
		lines = append(lines, line)
	}
	return lines
}

// line says the same where lines stay.
func (r *Run) line(p phase) string {
	if p.name != measuring {
		return fmt.Sprintf("%s: %s %s", r.name, p.name, p.times())
	}
	s := r.last
	line := fmt.Sprintf("%s: %s, %s/s, %s in flight, %s, %s ok", r.name, p.times(),
		number.Rate(float64(s.OK+s.Failed)/max(s.Length.Seconds(), 1e-3)), number.Count(s.InFlight), s.response(),
		number.Count(r.ok))
	if waiting := s.waiting(); waiting != "" {
		line += ", " + waiting
	}
	if failed := r.failures(); failed != "" {
		line += ", failed: " + failed
	}
	return line + ", so far " + strings.ToUpper(string(s.Verdict.Status))
}

// waiting tells of calls that have been waiting for long.
func (s Second) waiting() string {
	if s.OldestNs < int64(time.Second) {
		return ""
	}
	return fmt.Sprintf("%s waiting, oldest %s", number.Count(s.Waiting), number.Duration(s.OldestNs))
}

// response are the percentiles of the second's calls, where any was over.
func (s Second) response() string {
	if s.OK+s.Failed+s.Unfinished == 0 {
		return "no call was over"
	}
	return percentiles(s.P50Ns, s.P99Ns, s.Censored > 0)
}

func percentiles(p50, p99 int64, atLeast bool) string {
	sign := ""
	if atLeast {
		sign = "≥ "
	}
	return fmt.Sprintf("p50 %s%s, p99 %s%s", sign, number.Duration(p50), sign, number.Duration(p99))
}

// failures are the codes that are not OK, most frequent first.
func (r *Run) failures() string {
	names := slices.SortedFunc(maps.Keys(r.codes), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.codes[b], r.codes[a]), strings.Compare(a, b))
	})
	names = slices.DeleteFunc(names, func(name string) bool { return name == "OK" || r.codes[name] == 0 })
	for i, name := range names {
		names[i] = name + " " + number.Count(r.codes[name])
	}
	return strings.Join(names, ", ")
}

func reasons(v verdict.Verdict) string {
	if len(v.Reasons) == 0 {
		return ""
	}
	more := ""
	if len(v.Reasons) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(v.Reasons)-1)
	}
	return ": " + v.Reasons[0] + more
}

// times are how long the phase has lasted, and will.
func (p phase) times() string {
	elapsed := time.Since(p.began)
	if p.length == 0 {
		return fmt.Sprintf("for %v", elapsed.Truncate(time.Second))
	}
	elapsed = min(elapsed, p.length)
	unit := time.Second
	if p.length < 10*time.Second {
		unit /= 10
	}
	return fmt.Sprintf("%v of %v", elapsed.Truncate(unit), p.length.Round(unit))
}

// progress is a bar and the times.
func (p phase) progress(width int) string {
	if p.length == 0 {
		return p.times()
	}
	full := int(float64(width) * min(1, time.Since(p.began).Seconds()/p.length.Seconds()))
	return strings.Repeat("━", full) + strings.Repeat("─", width-full) + " " + p.times()
}

// sparkline draws the last values, each as high as its share of the largest of them.
func sparkline(values []int64, width int) string {
	values = values[max(0, len(values)-width):]
	steps := []rune("▁▂▃▄▅▆▇█")
	most := max(1, slices.Max(values))
	line := make([]rune, len(values))
	for i, v := range values {
		line[i] = steps[min(int64(len(steps))-1, max(0, v)*int64(len(steps))/most)]
	}
	return string(line)
}
