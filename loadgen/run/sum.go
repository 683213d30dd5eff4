package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
)

// sum is the run of all shards: it lays side by side what each recorded in a second, and has it recorded as one run's.
// Its methods may be called concurrently.
type sum struct {
	mu      sync.Mutex
	run     *run // of all: its recorder and its files
	abort   func(reason string)
	aborted string
	shards  []shardSum
	seconds map[int]*recorder.Snapshot // not recorded yet, by their number
	next    int                        // the first of them
	flushed int64                      // nanoseconds from the window's start that are recorded
	ended   bool                       // its files are written
	failed  error                      // why something could not be recorded or written
	known   map[string]result.Exemplar // by request id: what shards told of calls
}

// shardSum is what is known of one shard.
type shardSum struct {
	host   string
	next   int // its first second that is not here
	over   bool
	total  *recorder.Snapshot
	report *result.ShardReport
	lost   error
	// interrupted says that it ended by itself before the others.
	interrupted bool
	lostAt      float64 // seconds
}

// mostApart is how many seconds a shard may be behind another before these are recorded without it; what comes late is
// of the second that is next.
const mostApart = 3

// newSum is the sum of the run that r is shard 0 of.
func newSum(r *run, host string, abort func(string)) *sum {
	s := &sum{
		run:   &run{workload: r.workload, steps: r.steps, id: r.id, view: r.view, shown: r.shown, round: r.round},
		abort: abort, shards: make([]shardSum, r.plan.Shard.Count),
	}
	s.shards[0].host = host
	return s
}

// open opens the run's own folder, and begins to record.
func (s *sum) open(p plan.Plan) error {
	s.run.plan = p
	s.run.target = result.Target{Addr: p.Addr}
	if err := s.run.open(); err != nil {
		return err
	}
	s.record()
	return s.run.folder.WriteDocument(s.run.unfinishedDocument())
}

// record makes the recorder of all.
func (s *sum) record() {
	r := s.run
	config := recorder.Config{OpenLoop: r.plan.Open(), Messages: r.messageSeries(), PerWorker: r.plan.PerWorker}
	r.recordSteps(&config)
	s.seconds = map[int]*recorder.Snapshot{}
	s.known = map[string]result.Exemplar{}
	for i := range s.shards {
		s.shards[i].total = recorder.New(config).Total()
	}
	config.Sink = r.recordInterval
	r.rec = recorder.New(config)
}

// begin says when the window begins.
func (s *sum) begin(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.wall = func(ns int64) time.Time { return at.Add(time.Duration(ns)) }
}

// second takes what a shard recorded in its index-th interval.
func (s *sum) second(shard, index int, text json.RawMessage) {
	var snapshot recorder.Snapshot
	err := json.Unmarshal(text, &snapshot)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.shards[shard].total.Merge(&snapshot)
	}
	if err != nil {
		s.loseLocked(shard, fmt.Errorf("its second %d cannot be read: %w", index, err))
		return
	}
	s.shards[shard].next = index + 1
	s.shards[shard].lostAt = float64(snapshot.End) / 1e9
	at := max(index, s.next)
	if s.seconds[at] == nil {
		s.seconds[at] = &snapshot
	} else if err := s.seconds[at].Merge(&snapshot); err == nil {
		s.seconds[at].End = max(s.seconds[at].End, snapshot.End)
	} else {
		s.failed = errors.Join(s.failed, err)
	}
	s.flush(false)
}

// flush records the seconds that all shards have told of, or that some are far ahead of; all of them at the end.
func (s *sum) flush(end bool) {
	for len(s.seconds) > 0 {
		least, most := int(^uint(0)>>1), 0
		for _, sh := range s.shards {
			if !sh.over {
				least = min(least, sh.next)
			}
			most = max(most, sh.next)
		}
		if !end && least <= s.next && most-s.next <= mostApart {
			return
		}
		if second := s.seconds[s.next]; second != nil {
			delete(s.seconds, s.next)
			from := s.flushed
			s.flushed = max(from, second.End)
			s.failed = errors.Join(s.failed, s.run.rec.Merge(second), s.run.rec.Flush(from, s.flushed))
			s.checkAbort()
		}
		s.next++
	}
}

// checkAbort stops the run where a limit of -abort-on is passed.
func (s *sum) checkAbort() {
	if s.aborted == "" && s.abort != nil {
		s.aborted = s.run.findAbort()
		if s.aborted != "" {
			go s.abort(s.aborted) // which tells shards whose messages wait for this lock
		}
	}
}

// report takes what a shard says at its end.
func (s *sum) report(shard int, text json.RawMessage) {
	report := &result.ShardReport{}
	err := json.Unmarshal(text, report)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && report.Document == nil {
		err = errors.New("it has no document")
	}
	if err != nil {
		s.loseLocked(shard, fmt.Errorf("its report cannot be read: %w", err))
		return
	}
	s.shards[shard].report, s.shards[shard].over = report, true
	for _, x := range report.Document.Exemplars {
		s.known[x.RequestID] = x
	}
	for _, step := range report.Document.Steps {
		for _, x := range step.Exemplars {
			s.known[x.RequestID] = x
		}
	}
	s.flush(false)
}

// lose is told of a shard that nothing more comes from.
func (s *sum) lose(shard int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loseLocked(shard, err)
}

func (s *sum) loseLocked(shard int, err error) {
	sh := &s.shards[shard]
	if sh.over {
		return
	}
	sh.lost, sh.over = err, true
	s.run.view.Logf("shard %d is lost after %.0f s: %v", shard, sh.lostAt, err)
	s.flush(false)
}
