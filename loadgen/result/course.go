package result

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Course is how a run went, as its histogram log tells it.
type Course struct {
	// Spans are the response times, a second each, in order.
	Spans []Span
	// Parts are the same of each of several steps, and flows of several, by their tag.
	Parts map[string][]Span
	// Series are the latencies of the whole run by their series, the response among them.
	Series map[string]*hdrhistogram.Histogram
}

// Part is a step's or a flow's course.
func (c *Course) Part(name string) []Span { return c.Parts[partTag(name)] }

// Span is what was recorded in a stretch of the run.
type Span struct {
	Start, End time.Duration // since the first span's start
	// Counts are how many calls took how long, by rising latency; of those that are equal to the histogram's
	// precision the longest stands for all.
	Counts []Count
}

// Count is how many calls took Ns nanoseconds.
type Count struct{ Ns, N int64 }

// ReadCourse reads the histogram log of a run's folder. A log that was cut short is read up to there.
func ReadCourse(folder string) (*Course, error) {
	path := filepath.Join(folder, HlogFile)
	all, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the histogram log: %w", err)
	}
	c := &Course{Series: map[string]*hdrhistogram.Histogram{}, Parts: map[string][]Span{}}
	var begin int64
	err = ReadHlog(bytes.NewReader(needed(all)), func(h *hdrhistogram.Histogram) error {
		series, _, _ := strings.Cut(h.Tag(), "@")
		if series == "" {
			if len(c.Spans) == 0 {
				begin = h.StartTimeMs()
			}
			c.Spans = append(c.Spans, span(h, begin))
			series = "response"
		} else if strings.HasPrefix(series, "response(") {
			c.Parts[series] = append(c.Parts[series], span(h, begin))
			return nil
		}
		total := c.Series[series]
		if total == nil {
			total = hdrhistogram.New(h.LowestTrackableValue(), h.HighestTrackableValue(), int(h.SignificantFigures()))
			c.Series[series] = total
		}
		if dropped := total.Merge(h); dropped > 0 {
			return fmt.Errorf("a histogram of %s holds %d values that the first does not", series, dropped)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// needed leaves out what is not needed to tell how the run went: the response's second copy, under its tag, which
// the workers' histograms carry too, and a last line that was cut short.
func needed(log []byte) (kept []byte) {
	for line := range bytes.Lines(log) {
		if bytes.HasSuffix(line, []byte("\n")) && !bytes.HasPrefix(line, []byte("Tag=response@")) {
			kept = append(kept, line...)
		}
	}
	return kept
}

func span(h *hdrhistogram.Histogram, begin int64) Span {
	return Span{
		Start:  time.Duration(h.StartTimeMs()-begin) * time.Millisecond,
		End:    time.Duration(h.EndTimeMs()-begin) * time.Millisecond,
		Counts: counts(h),
	}
}

// counts are those of a histogram's buckets that hold any.
func counts(h *hdrhistogram.Histogram) []Count {
	var all []Count
	for _, b := range h.Distribution() {
		if b.Count > 0 {
			all = append(all, Count{Ns: b.To, N: b.Count})
		}
	}
	return all
}
