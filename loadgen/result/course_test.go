package result_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
)

// loggedIn is a run's folder with that log.
func loggedIn(t *testing.T, log string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, result.HlogFile), []byte(log), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// course reads a log that can be read.
func course(t *testing.T, log string) *result.Course {
	t.Helper()
	c, err := result.ReadCourse(loggedIn(t, log))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seconds logs intervals of values, each of a second and the last of half of one.
func seconds(t *testing.T, l *result.Hlog, cfg recorder.Config, values ...[]int64) {
	t.Helper()
	for i, of := range values {
		start, length := begin.Add(time.Duration(i)*time.Second), time.Second
		if i == len(values)-1 {
			length /= 2
		}
		if err := l.Interval(interval(cfg, of...), "deadbeef", start, start.Add(length)); err != nil {
			t.Fatal(err)
		}
	}
}

func total(counts []result.Count) (n int64) {
	for _, c := range counts {
		n += c.N
	}
	return n
}

func TestCourse(t *testing.T) {
	for _, tt := range []struct {
		reason string
		cfg    recorder.Config
		// of is the part of a call that its response is: a closed loop's begins when it is sent.
		of     float64
		series []string
	}{
		{"a closed loop", recorder.Config{}, 0.9, []string{"response", "service"}},
		{"an open loop", recorder.Config{OpenLoop: true}, 1, []string{"lag", "pacing", "response", "service"}},
		{
			"a stream",
			recorder.Config{Messages: []series.Series{series.FirstMessage, series.MessageRTT}},
			0.9,
			[]string{"first_message", "message_rtt", "response", "service"},
		},
	} {
		log, w := newLog(t)
		seconds(t, log, tt.cfg, []int64{1000, 1000, 2_000_000}, nil, []int64{5000})
		c := course(t, w.String())
		var spans [][2]time.Duration
		for _, s := range c.Spans {
			spans = append(spans, [2]time.Duration{s.Start, s.End})
		}
		if diff := cmp.Diff([][2]time.Duration{
			{0, time.Second},
			{time.Second, 2 * time.Second},
			{2 * time.Second, 2500 * time.Millisecond},
		}, spans); diff != "" {
			t.Errorf("%s: spans (-want +got):\n%s", tt.reason, diff)
		}
		// A bucket is told by its end: within the histogram's precision of what was recorded.
		for i, want := range [][]result.Count{{{1000, 2}, {2_000_000, 1}}, nil, {{5000, 1}}} {
			if !slices.EqualFunc(c.Spans[i].Counts, want, func(got, want result.Count) bool {
				ns := float64(want.Ns) * tt.of
				return got.N == want.N && float64(got.Ns) >= ns && float64(got.Ns) <= ns*1.001+1
			}) {
				t.Errorf("%s: span %d counts %v, want %v", tt.reason, i, c.Spans[i].Counts, want)
			}
		}
		var series []string
		for name, h := range c.Series {
			series = append(series, name)
			if h.TotalCount() != 4 {
				t.Errorf("%s: %s has %d values of the whole run, want 4", tt.reason, name, h.TotalCount())
			}
		}
		slices.Sort(series)
		if !slices.Equal(series, tt.series) {
			t.Errorf("%s: series %q, want %q", tt.reason, series, tt.series)
		}
	}
}

// The sum of a log is what its intervals hold, bucket by bucket.
func TestCourseSumsUp(t *testing.T) {
	log, w := newLog(t)
	want := recorder.NewHistogram()
	var values [][]int64
	for i := range int64(20) {
		of := []int64{0, 1, 100 + i, 1_000_000 * i, hour}
		values = append(values, of)
		for _, v := range of {
			if err := want.RecordValue(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	seconds(t, log, recorder.Config{OpenLoop: true}, values...)
	c := course(t, w.String())
	if !sameBuckets(c.Series["response"], want) {
		t.Errorf("the response has %d values, want the %d that were logged", c.Series["response"].TotalCount(),
			want.TotalCount())
	}
	for i, s := range c.Spans {
		if !slices.IsSortedFunc(s.Counts, func(a, b result.Count) int { return int(a.Ns - b.Ns) }) ||
			total(s.Counts) != int64(len(values[i])) {
			t.Errorf("span %d: %v, want the %d values by rising latency", i, s.Counts, len(values[i]))
		}
	}
}

// Workers' histograms are of the calls that the seconds have too: they count once.
func TestCourseOfWorkers(t *testing.T) {
	log, w := newLog(t)
	seconds(t, log, recorder.Config{}, []int64{1000, 2000}, []int64{3000, 4000})
	without := course(t, w.String())
	for i, prefix := range []string{"deadbeef-0001", "deadbeef-0002"} {
		h := hdrhistogram.NewPacked(1, hour, 3)
		if err := h.RecordValues(int64(1000*(2*i+1)), 2); err != nil {
			t.Fatal(err)
		}
		if err := log.Worker(h, prefix, begin, begin.Add(1500*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	with := course(t, w.String())
	if diff := cmp.Diff(without.Spans, with.Spans); diff != "" {
		t.Errorf("the workers' lines are spans (-without +with):\n%s", diff)
	}
	for name := range with.Series {
		if without.Series[name] == nil || !sameBuckets(with.Series[name], without.Series[name]) {
			t.Errorf("%s: %d values with the workers' lines", name, with.Series[name].TotalCount())
		}
	}
}

// A run that is killed leaves a log cut anywhere: it is told up to the last whole line.
func TestCourseCutAnywhere(t *testing.T) {
	log, w := newLog(t)
	seconds(t, log, recorder.Config{}, []int64{1000}, []int64{2000, 3000})
	whole := w.String()
	want := course(t, whole)
	dir := loggedIn(t, "")
	for cut := range len(whole) {
		if err := os.WriteFile(filepath.Join(dir, result.HlogFile), []byte(whole[:cut]), 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := result.ReadCourse(dir)
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", cut, len(whole), err)
		}
		lines := strings.Split(whole[:cut], "\n")
		spans := 0
		for _, l := range lines[:len(lines)-1] {
			if l != "" && l[0] >= '0' && l[0] <= '9' { // the total has no tag
				spans++
			}
		}
		if diff := cmp.Diff(want.Spans[:spans], c.Spans,
			cmp.Transformer("nil", func(s []result.Span) []result.Span {
				return append([]result.Span{},
					s...)
			})); diff != "" {
			t.Fatalf("cut at %d of %d, after %d spans (-want +got):\n%s", cut, len(whole), spans, diff)
		}
	}
}

func TestCourseRefuses(t *testing.T) {
	if _, err := result.ReadCourse(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without a log: %v, want that it does not exist", err)
	}
	log, w := newLog(t)
	seconds(t, log, recorder.Config{}, []int64{1000})
	for reason, text := range map[string]string{
		"a payload that is none":      strings.Replace(w.String(), "HIST", "HISTHIST", 1),
		"a time that is none":         head + "soon,1.0,1.0,HIST\n",
		"a payload that is not ASCII": head + "1.0,1.0,1.0,\x00\xff\n",
	} {
		dir := loggedIn(t, text)
		if c, err := result.ReadCourse(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %+v and %v, want an error that names the file", reason, c, err)
		}
	}
	for reason, text := range map[string]string{"an empty file": "", "only a head": head, "only a comment": "#none\n"} {
		if c := course(t, text); len(c.Spans) > 0 || len(c.Series) > 0 {
			t.Errorf("%s: %+v, want nothing", reason, c)
		}
	}
}

// FuzzReadCourse: whatever a file holds, reading it ends, without a panic, and no span counts what the whole does not.
func FuzzReadCourse(f *testing.F) {
	var whole bytes.Buffer
	log, err := result.NewHlog(&whole, begin)
	if err != nil {
		f.Fatal(err)
	}
	if err := log.Interval(interval(recorder.Config{OpenLoop: true}, 1000, 2000), "deadbeef", begin,
		begin.Add(time.Second)); err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		"", head, whole.String(), whole.String()[:whole.Len()-9], "Tag=@,1,1,1,HIST\n",
		"Tag=response@\n", "1,1,1,\n",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, result.HlogFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := result.ReadCourse(dir)
		if err != nil {
			return
		}
		var n int64
		for _, s := range c.Spans {
			n += total(s.Counts)
		}
		if h := c.Series["response"]; h != nil && n > h.TotalCount() {
			t.Errorf("the spans hold %d calls, the run %d", n, h.TotalCount())
		}
	})
}
