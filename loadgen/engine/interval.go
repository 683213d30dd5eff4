package engine

import (
	"errors"
	"time"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/transport"
)

// record flushes an interval for each second while wait says so.
func (r *run) record(wait func(second <-chan time.Time) bool) error {
	var failed error
	for {
		t := time.NewTimer(time.Duration(r.flushed + int64(time.Second) - transport.Now()))
		again := wait(t.C)
		t.Stop()
		if !again {
			return failed
		}
		if err := r.flush(r.flushed + int64(time.Second)); err != nil && failed == nil {
			failed = err // the run goes on: what was measured is still worth having
		}
	}
}

// flush ends the interval that began with the last one.
func (r *run) flush(end int64) error {
	var errs error
	now := transport.Now()
	for _, s := range r.shards {
		errs = errors.Join(errs, r.rec.Add(s.take(now)))
	}
	errs = errors.Join(errs, r.rec.Flush(r.flushed, end), r.flushBy(end))
	r.flushed = end
	return errs
}

// flushBy does the same of each step's and flow's recorder.
func (r *run) flushBy(end int64) (errs error) {
	flush := func(rec *recorder.Recorder, writer func(*shard) *recorder.Shard) {
		for _, s := range r.shards {
			errs = errors.Join(errs, rec.Add(s.takeFrom(writer(s))))
		}
		errs = errors.Join(errs, rec.Flush(r.flushed, end))
	}
	for i, rec := range r.cfg.By.Steps {
		flush(rec, func(s *shard) *recorder.Shard { return s.steps[i] })
	}
	for i, rec := range r.cfg.By.Flows {
		if rec != nil {
			flush(rec, func(s *shard) *recorder.Shard { return s.flows[i] })
		}
	}
	return errs
}
