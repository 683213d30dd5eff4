package result

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
)

// Hlog writes interval histograms in HdrHistogram's log format, version 1.3,
// which the Java tools read too: values in nanoseconds, the total untagged, each
// series tagged <series>@<request-id prefix>. Every call writes whole lines, so a
// log that was cut short is readable up to there.
type Hlog struct {
	log  *hdrhistogram.HistogramLogWriter
	base int64 // ms
}

// NewHlog writes the log's head. Times in it count from begin, cut to the second.
func NewHlog(w io.Writer, begin time.Time) (*Hlog, error) {
	l := &Hlog{log: hdrhistogram.NewHistogramLogWriter(w), base: begin.Truncate(time.Second).UnixMilli()}
	l.log.SetBaseTime(l.base) // a whole second: the library writes no fraction of it
	for _, write := range []func() error{
		l.log.OutputLogFormatVersion,
		func() error { return l.log.OutputStartTime(l.base) },
		func() error { return l.log.OutputBaseTime(l.base) },
		l.log.OutputLegend,
	} {
		if err := write(); err != nil {
			return nil, fmt.Errorf("begin the histogram log: %w", err)
		}
	}
	return l, nil
}

// Interval writes what happened from start to end: the headline as the total,
// then every series the interval has.
func (l *Hlog) Interval(iv *recorder.Interval, prefix string, start, end time.Time) error {
	if err := l.write(iv.Headline().Histogram, "", start, end); err != nil {
		return err
	}
	if iv.Latencies[recorder.Response] == nil { // a closed loop's response is its service
		if err := l.write(iv.Headline().Histogram, recorder.Response.String()+"@"+prefix, start, end); err != nil {
			return err
		}
	}
	for s, lat := range iv.Latencies {
		if lat == nil {
			continue
		}
		if err := l.write(lat.Histogram, recorder.Series(s).String()+"@"+prefix, start, end); err != nil {
			return err
		}
	}
	return nil
}

// Worker writes one worker's response times over the whole run.
func (l *Hlog) Worker(h *hdrhistogram.PackedHistogram, prefix string, start, end time.Time) error {
	dense := recorder.NewHistogram()
	h.MergeInto(dense)
	return l.write(dense, recorder.Response.String()+"@"+prefix, start, end)
}

// tagPattern is what a tag may be; the library's own check lets a lone separator, or one at an end, through.
var tagPattern = regexp.MustCompile(`^[^, \r\n]+$`)

var errTag = errors.New("a histogram's tag may hold no comma, space or line break")

func (l *Hlog) write(h *hdrhistogram.Histogram, tag string, start, end time.Time) error {
	if tag != "" && !tagPattern.MatchString(tag) {
		return fmt.Errorf("%w: %q", errTag, tag)
	}
	h.SetTag(tag)
	h.SetStartTimeMs(start.UnixMilli())
	h.SetEndTimeMs(end.UnixMilli())
	if err := l.log.OutputIntervalHistogram(h); err != nil {
		return fmt.Errorf("write to the histogram log: %w", err)
	}
	return nil
}

// ReadHlog calls each for every interval histogram of a log, in order. Start
// and end times are absolute, in milliseconds.
func ReadHlog(r io.Reader, each func(*hdrhistogram.Histogram) error) error {
	log := hdrhistogram.NewHistogramLogReader(r)
	for {
		h, err := log.NextIntervalHistogram()
		if err != nil {
			return fmt.Errorf("read the histogram log: %w", err)
		}
		if h == nil {
			return nil
		}
		if err := each(h); err != nil {
			return err
		}
	}
}
