// Package metrics serves what a run measures to Prometheus while it goes on.
// It is told once a second; what a scrape costs is paid when one comes.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/genproto/googleapis/rpc/code"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/verdict"
)

// Server is the run's figures at /metrics. Its methods may be called concurrently.
type Server struct {
	// Addr is where it listens.
	Addr string

	http    *http.Server
	serving sync.WaitGroup

	mu       sync.Mutex
	counts   recorder.Counts
	codes    [recorder.CodeCount]int64
	series   map[series.Series]*population
	examples []Example
	inFlight int64
	censored int64
	oldest   int64
	verdict  verdict.Status
}

// Example is a call that stands for those that took about as long.
type Example struct {
	RequestID string
	Seconds   float64
	At        time.Time
}

// population is a series over the whole run so far.
type population struct {
	histogram *hdrhistogram.Histogram
	sum       int64
	since     time.Time
}

// Second is what one brought, and what is known of all.
type Second struct {
	*recorder.Snapshot
	// Examples are of the whole run so far.
	Examples []Example
	InFlight int64
	Verdict  verdict.Status
}

// Listen serves at addr, host:port or :port. The labels are of the run.
func Listen(ctx context.Context, addr string, labels map[string]string) (*Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve -metrics: %w", err)
	}
	s := &Server{Addr: l.Addr().String(), series: map[series.Series]*population{}}
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "grpcbench_run_info", Help: "The run that is going on.", ConstLabels: labels})
	info.Set(1)
	reg.MustRegister(s, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	s.serving.Go(func() { _ = s.http.Serve(l) }) // until it is closed
	return s, nil
}

// Close ends the serving.
func (s *Server) Close() error {
	err := s.http.Close()
	s.serving.Wait()
	if err != nil {
		return fmt.Errorf("end -metrics: %w", err)
	}
	return nil
}

// Tell adds a second. It keeps nothing of its snapshot.
func (s *Server) Tell(second Second) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Add(&second.Counts)
	for c, n := range second.Codes {
		s.codes[c] += n
	}
	s.examples, s.inFlight, s.verdict = second.Examples, second.InFlight, second.Verdict
	s.censored += second.Headline().CensoredCount()
	s.oldest = second.Oldest
	var dropped int64
	add := func(of series.Series, l *recorder.Latencies) {
		p := s.series[of]
		if p == nil {
			p = &population{histogram: recorder.NewHistogram(), since: time.Now()}
			s.series[of] = p
		}
		dropped += l.Histogram.MergeInto(p.histogram)
		p.sum += l.Sum
	}
	add(series.Response, second.Headline())
	for i, l := range second.Latencies {
		if of := series.Series(i); l != nil && of != series.Response { //nolint:gosec // few
			add(of, l)
		}
	}
	if dropped > 0 {
		return errors.New("serve -metrics: a histogram did not take all of a second")
	}
	return nil
}

// desc describes a metric of ours.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("grpcbench_"+name, help, labels, nil)
}

var (
	calls    = desc("calls_total", "Calls that are over, by gRPC code.", "code")
	due      = desc("calls_due_total", "Calls that were to be made.")
	late     = desc("calls_late_total", "Calls sent more than a millisecond after they were due.")
	lost     = desc("calls_lost_total", "Calls that were due and never sent, or cut off at the end.", "why")
	censored = desc("response_lower_censoredtotal", "Response times that are lower bounds: of calls that were never answered, or that their own deadline ended.")
	waiting  = desc("calls_waiting_oldest_seconds", "How long the oldest of the calls in flight has been waiting.")
	flying   = desc("calls_in_flight", "Calls that have started and are not over.")
	messages = desc("messages_total", "Messages, by direction.", "direction")
	bytes    = desc("message_bytes_total", "Bytes of messages before framing and compression, by direction.", "direction")
	status   = desc("verdict", "Whether the measurement can be believed so far: 1 for what holds.", "status")
	statuses = []verdict.Status{verdict.Valid, verdict.Suspect, verdict.Invalid}
)

// Describe implements prometheus.Collector; the series of a run are known only as they come.
func (s *Server) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *Server) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := func(d *prometheus.Desc, kind prometheus.ValueType, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, float64(v), labels...)
	}
	for c, n := range s.codes {
		if n > 0 || c == 0 {
			number(calls, prometheus.CounterValue, n, code.Code(c).String())
		}
	}
	number(due, prometheus.CounterValue, s.counts.Due)
	number(late, prometheus.CounterValue, s.counts.Late)
	number(lost, prometheus.CounterValue, s.counts.NeverSent, "never_sent")
	number(lost, prometheus.CounterValue, s.counts.Unfinished, "unfinished")
	number(censored, prometheus.CounterValue, s.censored)
	out <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(s.oldest)/1e9)
	number(flying, prometheus.GaugeValue, s.inFlight)
	number(messages, prometheus.CounterValue, s.counts.MessagesSent, "sent")
	number(messages, prometheus.CounterValue, s.counts.MessagesReceived, "received")
	number(bytes, prometheus.CounterValue, s.counts.BytesSent, "sent")
	number(bytes, prometheus.CounterValue, s.counts.BytesReceived, "received")
	for _, v := range statuses {
		holds := int64(0)
		if v == s.verdict {
			holds = 1
		}
		number(status, prometheus.GaugeValue, holds, string(v))
	}
	for of, p := range s.series {
		var examples []Example
		if of == series.Response {
			examples = s.examples
		}
		out <- newHistogram(desc(of.String()+"_seconds", of.Help()), p, examples)
	}
}
