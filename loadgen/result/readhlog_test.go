package result_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
)

func TestReadHlogStopsWithItsCaller(t *testing.T) {
	log, w := newLog(t)
	if err := log.Interval(interval(recorder.Config{}, 1, 2, 3), "deadbeef", begin,
		begin.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	n := 0
	err := result.ReadHlog(strings.NewReader(w.String()), func(*hdrhistogram.Histogram) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("after %d histograms: %v, want one, and the caller's error", n, err)
	}
}

// A run that is killed leaves a log cut anywhere: up to there it is what was written.
func TestHlogCutAnywhere(t *testing.T) {
	log, w := newLog(t)
	for i, prefix := range []string{"deadbeef-0001", "deadbeef-0002"} { // a line each
		h := hdrhistogram.NewPacked(1, hour, 3)
		if err := h.RecordValues(int64(2000*(i+1)), 3); err != nil {
			t.Fatal(err)
		}
		if err := log.Worker(h, prefix, begin, begin.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	whole := w.String()
	want := read(t, whole)
	for cut := range len(whole) {
		lines := strings.Count(whole[:cut], "\n") - strings.Count(head, "\n") // written as a whole
		n := 0
		err := result.ReadHlog(strings.NewReader(whole[:cut]), func(h *hdrhistogram.Histogram) error {
			if n >= len(want) || h.Tag() != want[n].Tag() || !sameBuckets(h, want[n]) {
				t.Errorf("cut at %d of %d, histogram %d is not what was written", cut, len(whole), n)
			}
			n++
			return nil
		})
		if n < lines {
			t.Errorf("cut at %d of %d: read %d of %d whole lines, then %v", cut, len(whole), n, lines, err)
		}
		if err != nil && whole[cut-1] == '\n' {
			t.Errorf("cut at %d, the end of a line: %v", cut, err)
		}
	}
}

// FuzzReadHlog: whatever a file holds, reading it ends, and without a panic.
func FuzzReadHlog(f *testing.F) {
	var whole bytes.Buffer
	log, err := result.NewHlog(&whole, begin)
	if err != nil {
		f.Fatal(err)
	}
	if err := log.Interval(interval(recorder.Config{}, 1000, 2000), "deadbeef", begin,
		begin.Add(time.Second)); err != nil {
		f.Fatal(err)
	}
	rows := strings.SplitAfter(strings.TrimPrefix(whole.String(), head), "\n")
	for _, s := range []string{
		"", "\n", head, whole.String(), whole.String()[:whole.Len()-9], rows[0], "Tag=" + rows[0], "Tag=\n", "Tag=,\n",
		"#[StartTime: \n", "#[BaseTime: .. \n",
		",,,\n", "0,0,0,\n", "1e9,1,1,HIST\n", "-1.5,2,3,HISTFAAA\n",
		strings.Replace(whole.String(), "HIST", "HIST====", 1), "\x00\xff\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		err := result.ReadHlog(bytes.NewReader(data), func(h *hdrhistogram.Histogram) error {
			n++
			if h.TotalCount() < 0 || h.Min() > h.Max() {
				t.Errorf("histogram %d: %d values, %d to %d", n, h.TotalCount(), h.Min(), h.Max())
			}
			return nil
		})
		if lines := bytes.Count(data, []byte("\n")) + 1; n > lines {
			t.Errorf("%d histograms in %d lines (%v)", n, lines, err)
		}
	})
}
