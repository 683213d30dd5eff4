package engine

import (
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/transport"
)

// A worker whose call failed at once, because there is no connection, pauses
// before the next: a loop of failures that never leave this process would
// measure nothing and take the server's core.
const (
	atOnce = int64(time.Millisecond)
	pause  = 10 * time.Millisecond
)

// shard owns the recorder of some connections' workers; it is their calls' [transport.Owner].
type shard struct {
	run *run

	mu      sync.Mutex // makes this the one writer of rec
	rec     *recorder.Shard
	sample  recorder.Sample // reused
	lastEnd int64           // of a measured call
	warmup  int64
	cut     bool
	paused  map[*transport.Call]*time.Timer
}

var _ transport.Owner = (*shard)(nil)

// first starts a worker's first call.
func (s *shard) first(c *transport.Call, now int64) {
	s.mu.Lock()
	ok := s.prepare(c, now)
	s.mu.Unlock()
	s.send(c, ok)
}

// Done records the call and starts the worker's next.
func (s *shard) Done(c *transport.Call) {
	s.mu.Lock()
	s.record(c)
	noConnection := c.Code == codes.Unavailable && c.End-c.Sent < atOnce
	ok := s.prepare(c, c.End)
	if ok && noConnection {
		s.pauseLocked(c)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.send(c, ok)
}

// Message records a latency within a call.
func (s *shard) Message(c *transport.Call, series transport.Series, ns int64) {
	if c.Intended < s.run.from {
		return
	}
	of := recorder.FirstMessage
	if series == transport.MessageRTT {
		of = recorder.MessageRTT
	}
	s.mu.Lock()
	s.rec.Message(of, ns)
	s.mu.Unlock()
}

// prepare makes c the worker's next call; false where there is none.
func (s *shard) prepare(c *transport.Call, now int64) bool {
	if s.cut || s.run.stopping.Load() || now >= s.run.until {
		return false
	}
	measured := now >= s.run.from
	if measured && s.run.cfg.Total > 0 && s.run.left.Add(-1) < 0 {
		return false
	}
	c.Reset()
	c.Seq, c.Intended = s.run.seq.Add(1)-1, now
	if measured {
		s.rec.Due(1)
	} else {
		s.warmup++
	}
	return true
}

// send starts a prepared call, or ends the worker. It is called without the lock: Done may follow at once.
func (s *shard) send(c *transport.Call, ok bool) {
	if ok {
		if s.run.conn(c).Start(c) == nil {
			return
		}
		s.mu.Lock()
		s.neverSent(c)
		s.mu.Unlock()
	}
	s.run.active.Done()
}

func (s *shard) neverSent(c *transport.Call) {
	if c.Intended >= s.run.from {
		s.rec.NeverSent(1)
	}
}

// pauseLocked starts c after the pause, unless the run is cut off before.
func (s *shard) pauseLocked(c *transport.Call) {
	if s.paused == nil {
		s.paused = map[*transport.Call]*time.Timer{}
	}
	s.paused[c] = time.AfterFunc(pause, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, ok := s.paused[c]; !ok {
			return // cutOff took it
		}
		delete(s.paused, c)
		c.Intended = max(c.Intended, transport.Now())
		if s.run.conn(c).Start(c) != nil {
			s.neverSent(c)
			s.run.active.Done()
		}
	})
}

// cutOff ends the shard before its connections close: calls that end from now
// on are unfinished, and no paused worker starts one.
func (s *shard) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	for c, t := range s.paused {
		t.Stop()
		s.neverSent(c)
		s.run.active.Done()
	}
	s.paused = nil
}

// record hands a measured call to the recorder.
func (s *shard) record(c *transport.Call) {
	if c.Intended < s.run.from {
		return
	}
	s.lastEnd = max(s.lastEnd, c.End)
	s.sample = recorder.Sample{
		Worker: c.Worker, Seq: c.Seq,
		Intended: c.Intended, Sent: c.Sent, Done: c.End,
		Code: c.Code, Message: c.Message, Unfinished: s.cut && c.Code == codes.Canceled,
		MessagesSent: c.MessagesSent, MessagesReceived: c.MessagesReceived,
		BytesSent: c.BytesSent, BytesReceived: c.BytesReceived,
		LoadReport: c.LoadReport,
	}
	s.rec.Call(&s.sample)
}

// take takes the shard's current interval out.
func (s *shard) take() *recorder.Interval {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rec.Take()
}
