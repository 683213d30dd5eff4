package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"grpcbench/loadgen/quiet"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
)

// shape is a run to be made up.
type shape struct {
	id                 string
	seconds, perSecond int
	messages           []series.Series
	log                bool
}

// madeUp writes the folder of an open loop's run below root, as a load run does: a second at a time.
func madeUp(t *testing.T, root string, s shape) *result.Document {
	t.Helper()
	folder, err := result.NewFolder(filepath.Join(root, s.id), false)
	if err != nil {
		t.Fatal(err)
	}
	d := unary()
	d.RunID, d.Loop, d.Plan.Name, d.DurationNs = s.id, "open", "run "+s.id, int64(s.seconds)*1e9
	d.Latency, d.Series = map[string]result.Latency{}, nil
	var w bytes.Buffer
	log, err := result.NewHlog(&w, d.Started)
	if err != nil {
		t.Fatal(err)
	}
	rec := recorder.New(recorder.Config{OpenLoop: true, Messages: s.messages, Sink: func(iv *recorder.Snapshot) error {
		i := len(d.Series)
		h := iv.Headline()
		d.Series = append(d.Series, result.Point{
			TS: float64(i + 1), Sent: h.Count(), OK: h.Count(), P50Ns: h.Histogram.ValueAtPercentile(50),
			P99Ns: h.Histogram.ValueAtPercentile(99), MaxNs: h.Max,
		})
		start := d.Started.Add(time.Duration(i) * time.Second)
		return log.Interval(iv, s.id, start, start.Add(time.Second))
	}})
	lane := rec.NewLane()
	random := rand.New(rand.NewPCG(uint64(len(s.id)), uint64(s.id[len(s.id)-1])))
	spread := func(median, sigma float64) int64 { return int64(median * math.Exp(sigma*random.NormFloat64())) }
	for range s.seconds {
		for range s.perSecond {
			pacing := spread(2000, 1)
			lag := pacing + spread(500, 2)
			c := recorder.Sample{Intended: 1000, Free: 1000 + lag - pacing, Sent: 1000 + lag}
			c.Done = c.Sent + spread(150_000, 0.8)
			lane.Call(&c)
			for _, series := range s.messages {
				lane.Message(0, series, spread(50_000, 1))
			}
		}
		lane.Swap(0, 0)
		rec.Add(lane)
		if err := rec.Flush(1, 2); err != nil {
			t.Fatal(err)
		}
	}
	for s, l := range rec.Total().Latencies {
		if l != nil {
			d.Latency[series.Series(s).String()] = result.NewLatency(l)
		}
	}
	if err := folder.WriteDocument(d); err != nil {
		t.Fatal(err)
	}
	if s.log {
		if err := os.WriteFile(filepath.Join(folder.Path, result.HlogFile), w.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// figure is one of a page: its drawing, and its table with the head first.
type figure struct {
	svg  *html.Node
	rows [][]string
}

// figures are a page's by the run that they are of, and in it by their captions; those of an RPC's runs together are of
// "".
func figures(t *testing.T, page []byte) map[string]map[string]figure {
	t.Helper()
	found := map[string]map[string]figure{}
	for _, n := range elements(t, page) {
		if n.Data != "figure" {
			continue
		}
		var run, caption string
		for p := range n.Ancestors() {
			if p.Data == "section" && run == "" {
				for _, a := range p.Attr {
					run = a.Val
				}
			}
		}
		var f figure
		for e := range n.Descendants() {
			switch e.Data {
			case "figcaption":
				caption = text(e)
			case "svg":
				f.svg = e
			case "tr":
				var row []string
				for c := range e.ChildNodes() {
					row = append(row, text(c))
				}
				f.rows = append(f.rows, row)
			}
		}
		if found[run] == nil {
			found[run] = map[string]figure{}
		}
		if _, twice := found[run][caption]; twice {
			t.Errorf("run %q has two figures %q", run, caption)
		}
		found[run][caption] = f
	}
	return found
}

// htmlOf is the HTML report of a folder.
func htmlOf(t *testing.T, root string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write("html", "", &b, io.Discard, root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func keys[V any](m map[string]V) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func TestFigures(t *testing.T) {
	const percentiles, within, latency, calls, heat = "Latency by percentile", "Within the calls, by percentile",
		"Latency over time", "Calls over time", "Calls by latency over time"
	stream := []series.Series{series.FirstMessage, series.MessageRTT}
	for _, tt := range []struct {
		reason string
		shape  shape
		want   []string
	}{
		{"a run with its log", shape{"0000000a", 5, 300, nil, true}, []string{calls, heat, latency, percentiles}},
		{"a stream", shape{"0000000b", 5, 300, stream, true}, []string{calls, heat, latency, percentiles, within}},
		{
			"without its log there is no heat map",
			shape{"0000000c", 5, 300, nil, false},
			[]string{calls, latency, percentiles},
		},
		{
			"a stream without its log",
			shape{"0000000d", 5, 300, stream, false},
			[]string{calls, latency, percentiles, within},
		},
		{"a second has no course", shape{"0000000e", 1, 300, nil, true}, []string{percentiles}},
	} {
		root := t.TempDir()
		d := madeUp(t, root, tt.shape)
		found := figures(t, htmlOf(t, root))[d.RunID]
		slices.Sort(tt.want)
		if got := keys(found); !slices.Equal(got, tt.want) {
			t.Errorf("%s: figures %q, want %q", tt.reason, got, tt.want)
			continue
		}
		if head := found[percentiles].rows[0]; !slices.Equal(head,
			[]string{"percentile", "response", "service", "lag"}) {
			t.Errorf("%s: percentiles of %q", tt.reason, head)
		}
		p50, _ := d.Latency["response"].At(50)
		i := slices.IndexFunc(found[percentiles].rows, func(row []string) bool { return row[0] == "p50" })
		if i < 0 || !strings.HasPrefix(found[percentiles].rows[i][1], brief(p50.Ns)+" (") {
			t.Errorf("%s: the percentiles are %q, want a p50 of %s with its interval", tt.reason,
				found[percentiles].rows, brief(p50.Ns))
		}
		if n := tt.shape.seconds; n > 1 &&
			(len(found[latency].rows) != n+1 || len(found[calls].rows) != n+1 ||
				found[calls].rows[1][1] != strconv.Itoa(tt.shape.perSecond)) {
			t.Errorf("%s: latencies at %d times, calls %q, want %d times of %d calls", tt.reason,
				len(found[latency].rows)-1, found[calls].rows, n, tt.shape.perSecond)
		}
		if rows := found[heat].rows; rows != nil &&
			(len(rows) != 6 || !strings.HasPrefix(rows[1][1], "300 calls, p50 ")) {
			t.Errorf("%s: the map's columns are %q, want five of 300 calls", tt.reason, rows)
		}
		if within, ok := found[within]; ok &&
			!slices.Equal(within.rows[0], []string{"percentile", "first_message", "message_rtt"}) {
			t.Errorf("%s: within the calls: %q", tt.reason, within.rows[0])
		}
	}
}

// brief is how a report writes nanoseconds that are between 100 µs and 1 ms.
func brief(ns int64) string { return fmt.Sprintf("%.0f µs", float64(ns)/1e3) }

// Runs of an RPC are shown side by side, no more in a figure than can be told apart.
func TestFiguresTogether(t *testing.T) {
	for runs, want := range map[int][]int{1: nil, 2: {2}, 8: {8}, 9: {8, 1}} {
		var docs []*result.Document
		for i := range runs {
			d := unary()
			d.RunID, d.Plan.Name = fmt.Sprintf("%08x", i), fmt.Sprintf("run %d", i)
			docs = append(docs, d)
		}
		var curves []int
		for _, n := range elements(t, shown(t, "html", docs...)) {
			if n.Data == "figure" && strings.HasPrefix(text(n), "Search: response by percentile") {
				for e := range n.Descendants() {
					if e.Data == "ul" {
						curves = append(curves, strings.Count(text(e), "run "))
					}
				}
			}
		}
		if !slices.Equal(curves, want) {
			t.Errorf("%d runs: figures of %v curves, want %v", runs, curves, want)
		}
	}
}

// Of an hour neighbours are put together, and nothing of it is lost: neither a call nor the worst second.
func TestFiguresOfALongRun(t *testing.T) {
	for _, seconds := range []int{59, 60, 61, 119, 3600, 3601} {
		d := unary()
		d.Series = nil
		for i := range seconds {
			d.Series = append(d.Series, result.Point{
				TS: float64(i + 1), Sent: 100, OK: 100, P50Ns: 120_000,
				P99Ns: 250_000, MaxNs: 300_000,
			})
		}
		d.Series[seconds/2].MaxNs, d.Series[seconds/2].P50Ns = 7_000_000_000, 200_000
		d.Series[seconds-1].Sent, d.Series[seconds-1].OK, d.Series[seconds-1].Failed = 90, 0, 90
		found := figures(t, shown(t, "html", d))[d.RunID]
		latency, calls := found["Latency over time"].rows, found["Calls over time"].rows
		if n := len(latency) - 1; n > 60 || n < min(seconds, 30) || len(calls) != len(latency) {
			t.Errorf("%d seconds: %d columns of latencies and %d of calls, want at most 60", seconds, n, len(calls)-1)
		}
		if !slices.ContainsFunc(latency, func(row []string) bool { return row[1] == "200 µs" && row[3] == "7.00 s" }) {
			t.Errorf("%d seconds: the worst of them is not shown", seconds)
		}
		var sent, last float64
		for _, row := range calls[1:] {
			at, err := strconv.ParseFloat(strings.TrimSuffix(row[0], " s"), 64)
			perSecond, err2 := strconv.ParseFloat(row[1], 64)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			sent += (at - last) * perSecond
			last = at
		}
		if want := float64(100*seconds - 10); math.Abs(sent-want) > 0.001*want ||
			!slices.Equal(calls[0], []string{"time", "calls/s", "ok/s", "failed/s"}) {
			t.Errorf("%d seconds: the columns %q hold %.0f calls, want %.0f", seconds, calls[0], sent, want)
		}
	}
}

// Of a heat map's columns, too, and each tells of all its seconds.
func TestHeatMapOfALongRun(t *testing.T) {
	root := t.TempDir()
	d := madeUp(t, root, shape{"0000000a", 70, 20, nil, true})
	rows := figures(t, htmlOf(t, root))[d.RunID]["Calls by latency over time"].rows
	if len(rows)-1 > 60 || len(rows)-1 < 30 {
		t.Errorf("%d columns of 70 seconds, want at most 60", len(rows)-1)
	}
	calls := 0
	for _, row := range rows[1:] {
		n, err := strconv.Atoi(strings.Fields(row[1])[0])
		if err != nil {
			t.Fatal(err)
		}
		calls += n
	}
	if first := rows[1]; calls != 70*20 || first[0] != "0 to 2 s" {
		t.Errorf("the columns, of which the first is %q, tell of %d calls, want %d", first, calls, 70*20)
	}
}

// A log that cannot be read is told, and the rest shown; none is no fault.
func TestFiguresOfABrokenLog(t *testing.T) {
	root := t.TempDir()
	d := madeUp(t, root, shape{"0000000a", 2, 20, nil, true})
	log := filepath.Join(root, d.RunID, result.HlogFile)
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, bytes.Replace(whole, []byte("HIST"), []byte("HOST"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := report.Write("html", "", &page, io.Discard, root); err != nil ||
		!strings.Contains(page.String(), "no course of it is shown: read "+log) {
		t.Errorf("a broken log: %v, want a report that names it", err)
	}
	if err := os.WriteFile(log, whole[:len(whole)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := report.Write("html", "", io.Discard, io.Discard, root); err != nil {
		t.Errorf("a log that was cut short: %v", err)
	}
}

// raced says that the test was built with the race detector, under which times mean nothing.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings,
		func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// Twenty runs of 30 s each become a page in under 2 s and 3 MB.
func TestReportOfManyRuns(t *testing.T) {
	runs, perSecond, most, mostBytes := 20, 2000, 2*time.Second, 3_000_000
	if raced() { // under which all of this takes a minute: a part of the runs, and of the bytes
		runs, mostBytes = runs/5, mostBytes/5
	}
	root := t.TempDir()
	for i := range runs {
		madeUp(t, root, shape{fmt.Sprintf("%08x", i), 30, perSecond, nil, true})
	}
	start := time.Now()
	size := len(htmlOf(t, root))
	took := time.Since(start)
	if size > mostBytes || size < runs*10_000 {
		t.Errorf("the page of %d runs has %d bytes, want at most %d", runs, size, mostBytes)
	}
	switch {
	case testing.Short():
		t.Skipf("the time, %v, does not count: -short", took)
	case raced():
		t.Skipf("the time, %v, does not count: the race detector is on", took)
	}
	for range 2 { // another test may run beside it: the best of three counts
		start = time.Now()
		htmlOf(t, root)
		took = min(took, time.Since(start))
	}
	if took > most {
		quiet.Errorf(t, "%d runs took %v, want at most %v", runs, took, most)
	}
	t.Logf("%d runs: %d bytes in %v", runs, size, took)
}
