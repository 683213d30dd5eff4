// Package recorder keeps what a run measured: HDR histograms in nanoseconds,
// counts, and exemplars, in memory that does not grow with the number of calls.
//
// Data flows so: each [Lane] has one writer at a time and takes calls and
// message latencies, without a lock, a channel or an allocation, into its step's
// tallies. Once a second the engine swaps each lane's tallies for empty ones and
// gives them to the [Recorder], which sums them up to one [Snapshot], hands that
// to its sink and adds it to the run's total. What other processes recorded comes
// in as snapshots too.
package recorder

import (
	"errors"

	"grpcbench/loadgen/series"
)

// Config says what a run records.
type Config struct {
	// OpenLoop runs have intended times of their own.
	OpenLoop bool
	// Messages are the series within calls that any of the run's calls has.
	Messages []series.Series
	// Steps are those of each step, where there are several. Flows say which flows are of several steps, and so are
	// recorded as a whole too.
	Steps [][]series.Series
	Flows []bool
	// PerWorker also keeps a histogram for each worker.
	PerWorker bool
	// Timeout is the calls' own deadline, in nanoseconds; 0 is none.
	Timeout int64
	// LateAfter is the lag, in nanoseconds, past which a call counts as late.
	LateAfter int64
	// Sink, where set, is given the snapshot of each span; it must not keep it.
	Sink func(*Snapshot) error
}

func (c *Config) series(messages []series.Series) []series.Series {
	s := []series.Series{series.Service}
	if c.OpenLoop {
		s = append(s, series.Response, series.Lag, series.Pacing)
	}
	return append(s, messages...)
}

// Recorder sums up what the lanes of a run recorded. Its methods are not for concurrent use.
type Recorder struct {
	cfg     Config
	lanes   []*Lane
	pending *Snapshot
	total   *Snapshot
	begun   bool
}

// New returns an empty recorder.
func New(cfg Config) *Recorder {
	r := &Recorder{cfg: cfg}
	r.pending, r.total = newSnapshot(&r.cfg), newSnapshot(&r.cfg)
	return r
}

// Add takes what the lane recorded before its last [Lane.Swap].
func (r *Recorder) Add(l *Lane) {
	f := l.spare
	r.pending.Waiting += f.waiting
	r.pending.Oldest = max(r.pending.Oldest, f.oldest)
	for i := range f.steps {
		if len(r.pending.Steps) > 0 {
			f.steps[i].addTo(r.pending.Steps[i])
		} else {
			f.steps[i].addTo(&r.pending.Part)
		}
	}
	for i, flow := range f.flows {
		if flow != nil {
			flow.addTo(r.pending.Flows[i])
		}
	}
	for w, h := range f.workers {
		if h.TotalCount() > 0 {
			r.pending.worker(w).Merge(h)
		}
	}
	f.reset()
}

// Merge takes a snapshot of another process of the same run. It fails as [Snapshot.Merge] does.
func (r *Recorder) Merge(s *Snapshot) error { return r.pending.Merge(s) }

// Flush ends the span from start to end, readings of the run's clock: what was
// added since the last Flush goes to the sink and into the total.
func (r *Recorder) Flush(start, end int64) error {
	p := r.pending
	p.Start, p.End = start, end
	r.total.Waiting, r.total.Oldest = 0, 0 // as it is now, not summed up
	err := errors.Join(p.sumSteps(), r.total.Merge(p))
	for _, l := range r.lanes {
		l.spare.raise(r.total)
	}
	if !r.begun {
		r.total.Start, r.begun = start, true
	}
	r.total.End = end
	if r.cfg.Sink != nil {
		err = errors.Join(err, r.cfg.Sink(p))
	}
	p.reset()
	return err
}

// Total is everything flushed so far.
func (r *Recorder) Total() *Snapshot { return r.total }
