package metrics

import (
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/code"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
)

// part is what is known of a step, or of a flow as a whole, over the run so far.
type part struct {
	name     string
	counts   recorder.Counts
	codes    [recorder.CodeCount]int64
	series   [series.Count]*population
	censored int64
	examples []Example
}

// population is a series over the whole run so far.
type population struct {
	histogram *hdrhistogram.PackedHistogram
	sum       int64
	since     time.Time
}

func newParts(names []string) (all []*part) {
	for _, name := range names {
		all = append(all, &part{name: name})
	}
	return all
}

// add adds what a second brought.
func (p *part) add(o *recorder.Part) error {
	p.counts.Add(&o.Counts)
	for c, n := range o.Codes {
		p.codes[c] += n
	}
	p.censored += o.Headline().CensoredCount()
	dropped := p.population(series.Response).add(o.Headline())
	for i, l := range o.Latencies {
		if s := series.Series(i); l != nil && s != series.Response { //nolint:gosec // few
			dropped += p.population(s).add(l)
		}
	}
	if dropped > 0 {
		return errors.New("serve -metrics: a histogram did not take all of a second")
	}
	return nil
}

func (p *part) population(s series.Series) *population {
	if p.series[s] == nil {
		p.series[s] = &population{histogram: recorder.NewPacked(), since: time.Now()}
	}
	return p.series[s]
}

func (p *population) add(l *recorder.Latencies) (dropped int64) {
	p.sum += l.Sum
	return p.histogram.Merge(l.Histogram)
}

// collect tells of a step.
func (p *part) collect(out chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	p.collectCodes(out, calls)
	count(due, p.counts.Due, p.name)
	count(late, p.counts.Late, p.name)
	count(lost, p.counts.NeverSent, p.name, "never_sent")
	count(lost, p.counts.Unfinished, p.name, "unfinished")
	count(censored, p.censored, p.name)
	count(messages, p.counts.MessagesSent, "sent", p.name)
	count(messages, p.counts.MessagesReceived, "received", p.name)
	count(bytes, p.counts.BytesSent, "sent", p.name)
	count(bytes, p.counts.BytesReceived, "received", p.name)
	for i, population := range p.series {
		if population == nil {
			continue
		}
		s := series.Series(i) //nolint:gosec // few
		var examples []Example
		if s == series.Response {
			examples = p.examples
		}
		out <- newHistogram(desc(s.String()+"_seconds", s.Help(), "step"), population, examples, p.name)
	}
}

// collectFlow tells of a flow, where it is of several steps.
func (p *part) collectFlow(out chan<- prometheus.Metric) {
	if p.series[series.Response] == nil {
		return
	}
	p.collectCodes(out, flowsOver)
	out <- prometheus.MustNewConstMetric(flowsDue, prometheus.CounterValue, float64(p.counts.Due), p.name)
	out <- newHistogram(flowsResponse, p.series[series.Response], nil, p.name)
}

// collectCodes tells of the codes that there were, and of OK.
func (p *part) collectCodes(out chan<- prometheus.Metric, d *prometheus.Desc) {
	for c, n := range p.codes {
		if n > 0 || c == 0 {
			// few
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), code.Code(c).String(),
				p.name) //nolint:gosec
		}
	}
}
