package engine

import (
	"time"

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
	now := transport.Now()
	for _, l := range r.lanes {
		l.swap(now)
		r.rec.Add(l.rec) // without the lane's lock: its calls go on
	}
	err := r.rec.Flush(r.flushed, end)
	r.flushed = end
	return err
}
