package result

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
)

// Hlog writes interval histograms in HdrHistogram's log format, version 1.3,
// which the Java tools read too: values in nanoseconds, the total untagged, each
// series tagged <series>@<request-id prefix>, and the response times of each of several
// steps, and of each flow of several, tagged response(<name>)@<request-id prefix>. Every call writes whole lines, so a
// log that was cut short is readable up to there.
type Hlog struct {
	w    io.Writer
	base time.Time
	enc  encoder
	line []byte
}

// NewHlog writes the log's head. Times in it count from begin, cut to the second.
func NewHlog(w io.Writer, begin time.Time) (*Hlog, error) {
	l := &Hlog{w: w, base: begin.Truncate(time.Second)} // a whole second: the library writes no fraction of it
	log := hdrhistogram.NewHistogramLogWriter(w)
	for _, write := range []func() error{
		log.OutputLogFormatVersion,
		func() error { return log.OutputStartTime(l.base.UnixMilli()) },
		func() error { return log.OutputBaseTime(l.base.UnixMilli()) },
		log.OutputLegend,
	} {
		if err := write(); err != nil {
			return nil, fmt.Errorf("begin the histogram log: %w", err)
		}
	}
	return l, nil
}

// Interval writes what happened from start to end: the headline as the total,
// then every series the interval has, then the steps and the flows, which have those names, where there are several.
func (l *Hlog) Interval(iv *recorder.Snapshot, prefix string, start, end time.Time, names ...string) error {
	if err := l.write(iv.Headline().Histogram, start, end, "", series.Response.String()+"@"+prefix); err != nil {
		return err
	}
	for s, lat := range iv.Latencies {
		if lat == nil || series.Series(s) == series.Response {
			continue
		}
		if err := l.write(lat.Histogram, start, end, series.Series(s).String()+"@"+prefix); err != nil {
			return err
		}
	}
	for i, part := range slices.Concat(iv.Steps, iv.Flows) {
		if part == nil {
			continue
		}
		if err := l.write(part.Headline().Histogram, start, end, partTag(names[i])+"@"+prefix); err != nil {
			return err
		}
	}
	return nil
}

// partTag is the tag of a step's or a flow's response times, before the prefix.
func partTag(name string) string {
	return series.Response.String() + "(" + unfit.ReplaceAllString(name, "_") + ")"
}

var unfit = regexp.MustCompile(`[, \r\n@]`)

// Worker writes one worker's response times over the whole run.
func (l *Hlog) Worker(h *hdrhistogram.PackedHistogram, prefix string, start, end time.Time) error {
	return l.write(h, start, end, series.Response.String()+"@"+prefix)
}

// tagPattern is what a tag may be.
var tagPattern = regexp.MustCompile(`^[^, \r\n]+$`)

var errTag = errors.New("a histogram's tag may hold no comma, space or line break")

// write writes a histogram of the recorder's geometry once under each of the tags, a line at a time.
func (l *Hlog) write(h *hdrhistogram.PackedHistogram, start, end time.Time, tags ...string) error {
	payload, err := l.enc.encode(h)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		l.line = l.line[:0]
		if tag != "" {
			if !tagPattern.MatchString(tag) {
				return fmt.Errorf("%w: %q", errTag, tag)
			}
			l.line = append(append(append(l.line, "Tag="...), tag...), ',')
		}
		// Seconds, seconds and, by the Java tools' custom, milliseconds.
		l.line = fmt.Appendf(l.line, "%f,%f,%f,%s\n", start.Sub(l.base).Seconds(), end.Sub(start).Seconds(),
			float64(h.Max())/1e6, payload)
		if _, err := l.w.Write(l.line); err != nil {
			return fmt.Errorf("write to the histogram log: %w", err)
		}
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
