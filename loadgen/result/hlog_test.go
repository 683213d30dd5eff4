package result_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
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

// begin is not a whole second, which is all that the log's head can say.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)

const head = `#[Histogram log format version 1.3]
#[StartTime: 1767323045 (seconds since epoch), 2026-01-02T03:04:05Z]
#[BaseTime: 1767323045 (seconds since epoch)]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
`

// line is an interval line, as Java's HistogramLogScanner reads it.
var line = regexp.MustCompile(`^(Tag=[^, \r\n]+,)?\d+\.\d+,\d+\.\d+,\d+\.\d+,HIST[0-9A-Za-z+/]+=*$`)

// wholeLines fails a test when something else than whole lines is written at once.
type wholeLines struct {
	t *testing.T
	bytes.Buffer
}

func (w *wholeLines) Write(p []byte) (int, error) {
	if !bytes.HasSuffix(p, []byte("\n")) {
		w.t.Errorf("a part of a line was written by itself: %q", p)
	}
	return w.Buffer.Write(p)
}

func newLog(t *testing.T) (*result.Hlog, *wholeLines) {
	t.Helper()
	w := &wholeLines{t: t}
	l, err := result.NewHlog(w, begin)
	if err != nil {
		t.Fatal(err)
	}
	return l, w
}

// interval is a snapshot with values in each of its series.
func interval(cfg recorder.Config, values ...int64) *recorder.Snapshot {
	r := recorder.New(cfg)
	s := r.NewLane()
	for _, v := range values {
		s.Call(&recorder.Sample{Intended: 1000, Sent: 1000 + v/10, Done: 1000 + v})
		for _, series := range cfg.Messages {
			s.Message(0, series, v/2)
		}
	}
	s.Swap(0, 0)
	r.Add(s)
	_ = r.Flush(0, 1)
	return r.Total()
}

// read reads a log to its end.
func read(t *testing.T, log string) (all []*hdrhistogram.Histogram) {
	t.Helper()
	if err := result.ReadHlog(strings.NewReader(log),
		func(h *hdrhistogram.Histogram) error { all = append(all, h); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// dense is a packed histogram with room for every bucket.
func dense(packed *hdrhistogram.PackedHistogram) *hdrhistogram.Histogram {
	h := recorder.NewHistogram()
	packed.MergeInto(h)
	return h
}

// sameBuckets compares two histograms count by count.
func sameBuckets(a, b *hdrhistogram.Histogram) bool {
	return slices.Equal(a.Export().Counts, b.Export().Counts)
}

func tags(all []*hdrhistogram.Histogram) (of []string) {
	for _, h := range all {
		of = append(of, h.Tag())
	}
	return of
}

func TestHlogLines(t *testing.T) {
	log, w := newLog(t)
	if got := w.String(); got != head {
		t.Errorf("the head is\n%s\nwant\n%s", got, head)
	}
	for i := range 3 {
		start := begin.Add(time.Duration(i) * time.Second)
		if err := log.Interval(interval(recorder.Config{}, 5_000_000), "deadbeef", start,
			start.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	got := strings.Split(strings.TrimSuffix(strings.TrimPrefix(w.String(), head), "\n"), "\n")
	for i, l := range got {
		if !line.MatchString(l) {
			t.Errorf("line %d is %q", i, l)
		}
	}
	if want := "2.678900,1.000000,4."; !strings.HasPrefix(got[6], want) {
		t.Errorf("the third interval begins %q, want %s: seconds since the base time, length, the largest in ms",
			got[6], want)
	}
}

// The total stands untagged, once; each series stands beside it.
func TestHlogTags(t *testing.T) {
	stream := []series.Series{series.FirstMessage, series.MessageRTT}
	for _, tt := range []struct {
		reason string
		cfg    recorder.Config
		want   []string
	}{
		{
			"a closed loop's response is its service",
			recorder.Config{},
			[]string{"", "response@deadbeef", "service@deadbeef"},
		},
		{
			"a stream",
			recorder.Config{Messages: stream},
			[]string{"", "response@deadbeef", "service@deadbeef", "first_message@deadbeef", "message_rtt@deadbeef"},
		},
		{
			"an open loop",
			recorder.Config{OpenLoop: true},
			[]string{"", "response@deadbeef", "service@deadbeef", "lag@deadbeef", "pacing@deadbeef"},
		},
	} {
		log, w := newLog(t)
		if err := log.Interval(interval(tt.cfg, 100, 200), "deadbeef", begin, begin.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		all := read(t, w.String())
		if diff := cmp.Diff(tt.want, tags(all)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
		if !sameBuckets(all[1], all[0]) {
			t.Errorf("%s: the total is not the response", tt.reason)
		}
	}
}

// HD-1: a million values, in 60 intervals and a tag for each series, are read back to the last one.
func TestHlogRoundTrip(t *testing.T) {
	const intervals, calls = 60, 200_000
	log, w := newLog(t)
	type span struct{ start, end int64 }
	var spans []span
	length := 1_000_700 * time.Microsecond
	rec := recorder.New(recorder.Config{OpenLoop: true, Sink: func(iv *recorder.Snapshot) error {
		start := begin.Add(time.Duration(len(spans)) * length)
		spans = append(spans, span{start.UnixMilli(), start.Add(length).UnixMilli()})
		return log.Interval(iv, "deadbeef", start, start.Add(length))
	}})
	lane := rec.NewLane()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range calls {
		lag := int64(1000 * math.Exp(random.NormFloat64()))
		lane.Call(&recorder.Sample{Sent: lag, Done: lag + int64(100_000*math.Exp(2*random.NormFloat64()))})
		if i%(calls/intervals) == 0 && len(spans) < intervals-1 || i == calls-1 {
			lane.Swap(0, 0)
			rec.Add(lane)
			if err := rec.Flush(1, 2); err != nil {
				t.Fatal(err)
			}
		}
	}
	merged, seen := map[string]*hdrhistogram.Histogram{}, map[string]int{}
	for _, h := range read(t, w.String()) {
		want := spans[seen[h.Tag()]]
		if off := max(abs(h.StartTimeMs()-want.start), abs(h.EndTimeMs()-want.end)); off > 1 {
			t.Errorf("%q, interval %d: from %d to %d, want %d to %d", h.Tag(), seen[h.Tag()], h.StartTimeMs(),
				h.EndTimeMs(), want.start, want.end)
		}
		seen[h.Tag()]++
		if merged[h.Tag()] == nil {
			merged[h.Tag()] = recorder.NewHistogram()
		}
		if dropped := merged[h.Tag()].Merge(h); dropped != 0 {
			t.Errorf("%d values dropped", dropped)
		}
	}
	total := rec.Total()
	for tag, want := range map[string]*recorder.Latencies{
		"": total.Latencies[series.Response], "response@deadbeef": total.Latencies[series.Response],
		"service@deadbeef": total.Latencies[series.Service], "lag@deadbeef": total.Latencies[series.Lag],
	} {
		if seen[tag] != intervals || merged[tag] == nil || want.Count() != calls {
			t.Errorf("%q: %d intervals of %d values, want %d of %d", tag, seen[tag], want.Count(), intervals, calls)
		} else if !sameBuckets(merged[tag], dense(want.Histogram)) {
			t.Errorf("%q is not what was written, bucket by bucket", tag)
		}
	}
}

func abs(n int64) int64 { return max(n, -n) }

// HD-4: a tag that would break its line is refused, and the log stays readable.
func TestHlogRefusesTags(t *testing.T) {
	log, w := newLog(t)
	for _, prefix := range []string{"a ", " a", "a b", "a,b", "a,", ",", " ", "a\n", "\n", "a\rb", "\r\n"} {
		if err := log.Interval(interval(recorder.Config{}, 1), prefix, begin, begin.Add(time.Second)); err == nil {
			t.Errorf("an interval with the prefix %q was written", prefix)
		}
		if err := log.Worker(hdrhistogram.NewPacked(1, hour, 3), prefix, begin, begin.Add(time.Second)); err == nil {
			t.Errorf("a worker with the prefix %q was written", prefix)
		}
	}
	for _, h := range read(t, w.String()) {
		if h.Tag() != "" {
			t.Errorf("the log has the tag %q", h.Tag())
		}
	}
}

func TestHlogWorker(t *testing.T) {
	log, w := newLog(t)
	packed := hdrhistogram.NewPacked(1, hour, 3)
	want := recorder.NewHistogram()
	for _, v := range []int64{0, 1, 77, 123_456_789, hour} {
		if err := errors.Join(packed.RecordValue(v), want.RecordValue(v)); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Worker(packed, "deadbeef-0007", begin, begin.Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	all := read(t, w.String())
	if diff := cmp.Diff([]string{"response@deadbeef-0007"}, tags(all)); diff != "" {
		t.Fatalf("tags (-want +got):\n%s", diff)
	}
	if !sameBuckets(all[0], want) {
		t.Errorf("read %d values, %d to %d, not what was written", all[0].TotalCount(), all[0].Min(), all[0].Max())
	}
	if start, end := all[0].StartTimeMs(), all[0].EndTimeMs(); abs(start-begin.UnixMilli()) > 1 ||
		abs(end-start-10_000) > 1 {
		t.Errorf("from %d to %d, want 10 s from %d", start, end, begin.UnixMilli())
	}
}

// fullDisk takes n bytes.
type fullDisk struct{ n int }

var errFull = errors.New("no space left on device")

func (w *fullDisk) Write(p []byte) (int, error) {
	w.n -= len(p)
	if w.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestHlogTellsTheWritersError(t *testing.T) {
	for n := range len(head) {
		if _, err := result.NewHlog(&fullDisk{n}, begin); !errors.Is(err, errFull) {
			t.Fatalf("a head of %d bytes on a disk of %d: %v", len(head), n, err)
		}
	}
	log, err := result.NewHlog(&fullDisk{len(head)}, begin)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Interval(interval(recorder.Config{}, 1), "deadbeef", begin, begin); !errors.Is(err, errFull) {
		t.Errorf("an interval on a full disk: %v", err)
	}
}

// Steps and flows of several have lines of their own, and the course by them.
func TestHlogOfSteps(t *testing.T) {
	cfg := recorder.Config{Steps: make([][]series.Series, 2), Flows: []bool{false, true}}
	r := recorder.New(cfg)
	l := r.NewLane()
	for step := range 2 {
		for range step + 1 {
			l.Call(&recorder.Sample{Step: step, Done: 1000})
		}
	}
	l.Flow(1, &recorder.Sample{Done: 3000})
	l.Swap(0, 0)
	r.Add(l)
	if err := r.Flush(0, 1); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file, err := os.Create(filepath.Join(folder, result.HlogFile))
	if err != nil {
		t.Fatal(err)
	}
	log, err := result.NewHlog(file, begin)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		start := begin.Add(time.Duration(i) * time.Second)
		if err := log.Interval(r.Total(), "deadbeef", start, start.Add(time.Second), "log in, or up", "Search",
			"browse", "buy"); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"", "response@deadbeef", "service@deadbeef", "response(log_in__or_up)@deadbeef",
		"response(Search)@deadbeef", "response(buy)@deadbeef",
	}
	if diff := cmp.Diff(want, tags(read(t, string(text)))[:6]); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	course, err := result.ReadCourse(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, calls := range map[string]int64{"log in, or up": 1, "Search": 2, "buy": 1, "browse": 0} {
		for _, s := range course.Part(name) {
			if total(s.Counts) != calls {
				t.Errorf("%s: %d calls in a second, want %d", name, total(s.Counts), calls)
			}
		}
		if spans := len(course.Part(name)); spans != 2 && calls > 0 {
			t.Errorf("%s: %d seconds, want 2", name, spans)
		}
	}
}
