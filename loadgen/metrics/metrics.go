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

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/verdict"
)

// Server is the run's figures at /metrics. Its methods may be called concurrently.
type Server struct {
	// Addr is where it listens.
	Addr string

	http    *http.Server
	serving sync.WaitGroup

	mu       sync.Mutex
	steps    []*part
	flows    []*part // those of several steps
	inFlight int64
	oldest   int64
	verdict  verdict.Status
}

// Example is a call that stands for those that took about as long.
type Example struct {
	Step      int
	RequestID string
	Seconds   float64
	At        time.Time
}

// Second is what one brought, and what is known of all.
type Second struct {
	*recorder.Snapshot
	// Examples are of the whole run so far.
	Examples []Example
	InFlight int64
	Verdict  verdict.Status
}

// Listen serves at addr, host:port or :port. The labels are of the run; steps and flows are named as a snapshot's
// stand.
func Listen(ctx context.Context, addr string, labels map[string]string, steps, flows []string) (*Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve -metrics: %w", err)
	}
	s := &Server{Addr: l.Addr().String(), steps: newParts(steps), flows: newParts(flows)}
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "grpcbench_run_info", Help: "The run that is going on.",
		ConstLabels: labels,
	})
	info.Set(1)
	reg.MustRegister(s, info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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

// Add adds a second. It keeps nothing of its snapshot.
func (s *Server) Add(second Second) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight, s.verdict, s.oldest = second.InFlight, second.Verdict, second.Oldest
	steps := second.Steps
	if len(steps) == 0 {
		steps = []*recorder.Part{&second.Part}
	}
	var err error
	for i, p := range steps {
		err = errors.Join(err, s.steps[i].add(p))
		s.steps[i].examples = s.steps[i].examples[:0]
	}
	for i, p := range second.Flows {
		if p != nil {
			err = errors.Join(err, s.flows[i].add(p))
		}
	}
	for _, x := range second.Examples {
		s.steps[x.Step].examples = append(s.steps[x.Step].examples, x)
	}
	return err
}

// desc describes a metric of ours.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("grpcbench_"+name, help, labels, nil)
}

var (
	calls    = desc("calls_total", "Calls that are over, by gRPC code.", "code", "step")
	due      = desc("calls_due_total", "Calls that were to be made.", "step")
	late     = desc("calls_late_total", "Calls sent more than a millisecond after they were due.", "step")
	lost     = desc("calls_lost_total", "Calls that were due and never sent, or cut off at the end.", "step", "why")
	censored = desc("response_lower_bounds_total", "Response times that are lower bounds: of calls that were never "+
		"answered, or that their own deadline ended.", "step")
	waiting  = desc("calls_waiting_oldest_seconds", "How long the oldest of the calls in flight has been waiting.")
	flying   = desc("calls_in_flight", "Calls that have started and are not over.")
	messages = desc("messages_total", "Messages, by direction.", "direction", "step")
	bytes    = desc("message_bytes_total", "Bytes of messages before framing and compression, by direction.",
		"direction", "step")
	status   = desc("verdict", "Whether the measurement can be believed so far: 1 for what holds.", "status")
	statuses = []verdict.Status{verdict.Valid, verdict.Suspect, verdict.Invalid}

	flowsOver = desc("flows_total", "Flows of several steps that are over, by the gRPC code that ended them.",
		"code", "flow")
	flowsDue      = desc("flows_due_total", "Flows of several steps that were to be begun.", "flow")
	flowsResponse = desc("flow_response_seconds", "Time from a flow's intended start to the end of its last step.",
		"flow")
)

// Describe implements prometheus.Collector; the series of a run are known only as they come.
func (s *Server) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *Server) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.steps {
		p.collect(out)
	}
	for _, p := range s.flows {
		p.collectFlow(out)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(waiting, float64(s.oldest)/1e9)
	gauge(flying, float64(s.inFlight))
	for _, v := range statuses {
		holds := 0.0
		if v == s.verdict {
			holds = 1
		}
		gauge(status, holds, string(v))
	}
}
