package engine

import (
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// A worker of a closed loop whose call failed at once and within this process,
// as where there is no connection, pauses before the next: a loop of failures that
// never leave would measure nothing and take the server's core.
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
	calls   []int           // its workers
	started int64           // measured calls, and those that are over
	over    int64
	arrived int64 // the flows that these began, or never did
	lastEnd int64 // of a measured call
	warmup  int64
	lost    losses
	cut     bool
	stepShards
	paused map[*transport.Call]*time.Timer
}

var _ transport.Owner = (*shard)(nil)

// begin starts a worker.
func (s *shard) begin(c *transport.Call, now int64) {
	if s.run.feed.next(c, now) {
		s.dispatch(c)
	}
}

// Done records the call and starts the worker's next.
func (s *shard) Done(c *transport.Call) {
	if ended := s.run.cfg.Ended; ended != nil {
		ended(c)
	}
	spec := &s.run.methods[c.Method].Spec
	switch {
	case c.Code != codes.OK:
	case spec.Success != codes.OK:
		c.Code, c.Message = codes.DataLoss, fmt.Sprintf("it ended OK, and %v was expected", spec.Success)
	case c.MessagesReceived < spec.Answers:
		c.Code, c.Message = codes.DataLoss, "the stream ended without an answer"
	}
	s.mu.Lock()
	s.record(c)
	if p := &s.run.at[c.Worker]; p.sent == 0 {
		p.sent = c.Sent
	}
	if c.Code == spec.Success && !s.cut {
		if pause, more := s.run.follow(c); more {
			s.followLocked(c, pause)
			return
		}
	}
	s.endFlow(c, &s.sample)
	if c.Code != spec.Success && neverLeft(c) && s.run.cfg.Arrivals == nil && !s.cut {
		s.arriveLater(c)
		s.mu.Unlock()
		return
	}
	again := s.nextArrival(c, c.End)
	s.mu.Unlock()
	if again {
		s.send(c)
	}
}

// arriveLater makes c ready for its next flow after a pause.
func (s *shard) arriveLater(c *transport.Call) {
	s.pauseLocked(c, pause, func() bool { return s.nextArrival(c, transport.Now()) })
}

// nextArrival makes c ready for its next flow, if there is one for it.
func (s *shard) nextArrival(c *transport.Call, now int64) bool {
	again := s.run.feed.next(c, now)
	if again {
		s.arrive(c)
	}
	return again
}

// followLocked starts the next step of a flow, which c is by now, after a pause. It gives the lock up.
func (s *shard) followLocked(c *transport.Call, pause time.Duration) {
	if pause > 0 {
		s.followLater(c, pause)
		s.mu.Unlock()
		return
	}
	s.nextStep(c, c.End)
	s.mu.Unlock()
	s.send(c)
}

// followLater is followLocked with a pause, apart from it so that a step without one makes no closure.
func (s *shard) followLater(c *transport.Call, pause time.Duration) {
	s.pauseLocked(c, pause, func() bool {
		s.nextStep(c, transport.Now())
		return true
	})
}

// nextStep makes c ready for the next step of its flow.
func (s *shard) nextStep(c *transport.Call, now int64) {
	c.Intended, c.Free = now, now
	s.prepare(c)
}

// neverLeft says whether a call failed at once within this process: there was no connection, or nothing
// that could be sent. What a server answered, however quickly, is no such failure.
func neverLeft(c *transport.Call) bool {
	if c.Code == codes.OK || c.End-c.Sent >= atOnce {
		return false
	}
	return c.Local || c.Code == codes.Unavailable || c.MessagesSent == 0 && c.MessagesReceived == 0
}

// Message records a latency within a call.
func (s *shard) Message(c *transport.Call, of series.Series, ns int64) {
	if c.Intended < s.run.from {
		return
	}
	s.mu.Lock()
	s.rec.Message(of, ns)
	if step := s.step(c.Method); step != nil {
		step.Message(of, ns)
	}
	s.mu.Unlock()
}

// dispatch starts a call that the feed gave to a free worker.
func (s *shard) dispatch(c *transport.Call) {
	s.mu.Lock()
	s.arrive(c)
	s.mu.Unlock()
	s.send(c)
}

// prepare makes c ready for its next call, and counts it.
func (s *shard) prepare(c *transport.Call) {
	c.Reset()
	s.run.starts[c.Worker] = c.Intended
	if c.Intended < s.run.from {
		s.warmup++
		return
	}
	s.started++
	s.rec.Due(1)
	if step := s.step(c.Method); step != nil {
		step.Due(1)
	}
	if p := &s.run.at[c.Worker]; p.step == 0 {
		s.arrived++
		if flow := s.flow(p.flow); flow != nil {
			flow.Due(1)
		}
	}
}

// arrive makes c ready for the first call of the flow that its arrival starts.
func (s *shard) arrive(c *transport.Call) {
	s.run.begin(c)
	s.prepare(c)
}

// send starts a prepared call. It is called without the lock: Done may follow at once.
func (s *shard) send(c *transport.Call) {
	if s.run.conn(c).Start(c) != nil {
		s.mu.Lock()
		s.neverSent(c)
		s.mu.Unlock()
	}
}

// neverSent takes away a worker whose call could not be started.
func (s *shard) neverSent(c *transport.Call) {
	s.run.starts[c.Worker] = notWaiting
	if c.Intended >= s.run.from {
		s.over++
		now := transport.Now()
		s.rec.NeverSent(now - c.Intended)
		if step := s.step(c.Method); step != nil {
			step.NeverSent(now - c.Intended)
		}
		s.loseFlow(c, now)
	}
	s.run.feed.leave()
}

// owe counts an arrival that was due at a time, and that no worker was free for.
func (s *shard) owe(at, now int64, seq uint64) {
	s.arrived++
	flow := s.run.flows.of(seq)
	for _, w := range []*recorder.Shard{s.rec, s.step(s.run.flows.all[flow].Steps[0].Method), s.flow(flow)} {
		if w != nil {
			w.Due(1)
			w.NeverSent(now - at)
		}
	}
}

// pauseLocked has c made ready by next after a pause, unless the run is cut off before.
func (s *shard) pauseLocked(c *transport.Call, pause time.Duration, next func() bool) {
	if s.paused == nil {
		s.paused = map[*transport.Call]*time.Timer{}
	}
	s.paused[c] = time.AfterFunc(pause, func() {
		s.mu.Lock()
		_, still := s.paused[c]
		delete(s.paused, c)
		again := still && next() // else cutOff took it
		s.mu.Unlock()
		if again {
			s.send(c)
			s.run.conn(c).Flush()
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
		if s.run.at[c.Worker].step > 0 { // it waited for its next step
			s.loseFlow(c, transport.Now())
		}
		s.run.feed.next(c, transport.Now()) // which has none any more, and parks it
	}
	s.paused = nil
}

// record hands a measured call to the recorder.
func (s *shard) record(c *transport.Call) {
	s.run.starts[c.Worker] = notWaiting
	unfinished := s.cut && c.Code == codes.Canceled
	if unfinished && c.Sent == 0 { // the transport still held it back
		c.Sent = c.End
	}
	if c.Intended < s.run.from {
		if unfinished {
			s.lost.Warmup++
		}
		return
	}
	s.over++
	if !unfinished { // what was cut off is in no rate, so neither is the time it took to
		s.lastEnd = max(s.lastEnd, c.End)
	}
	s.sample = recorder.Sample{
		Worker: c.Worker, Seq: c.Seq, Step: c.Method, Success: s.run.methods[c.Method].Success,
		Intended: c.Intended, Free: c.Free, Held: c.Held, Sent: c.Sent, Done: c.End,
		Code: c.Code, Message: c.Message, Local: c.Local, Unfinished: unfinished,
		MessagesSent: c.MessagesSent, MessagesReceived: c.MessagesReceived,
		BytesSent: c.BytesSent, BytesReceived: c.BytesReceived,
		Awaited: c.Awaited, AwaitedDue: c.AwaitedDue,
		LoadReport: c.LoadReport,
	}
	if step := s.step(c.Method); step != nil {
		step.Call(&s.sample)
	}
	s.rec.Call(&s.sample)
	s.lost.note(&s.sample, s.run.methods[c.Method].Send)
	switch end := &s.run.ends[int(c.Worker)%len(s.run.conns)]; {
	case unfinished:
		end.Unfinished++
	case s.sample.Code == s.run.methods[c.Method].Success:
		end.OK++
	default:
		end.Failed++
	}
	s.run.probe.note(c)
}

// arrivals counts the flows that measured calls began, and those that were due and never did.
func (s *shard) arrivals() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived
}

// inFlight counts the measured calls that are started and not over.
func (s *shard) inFlight() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started - s.over
}

// takeFrom takes the current interval of one of a step's or a flow's writers out.
func (s *shard) takeFrom(w *recorder.Shard) *recorder.Interval {
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.Take(0, 0)
}

// take takes the shard's current interval out.
func (s *shard) take(now int64) *recorder.Interval {
	s.mu.Lock()
	defer s.mu.Unlock()
	var waiting, oldest int64
	for _, w := range s.calls {
		if began := s.run.starts[w]; began != notWaiting {
			waiting++
			oldest = max(oldest, now-began)
		}
	}
	return s.rec.Take(waiting, oldest)
}
