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

// lane owns the recorder of some connections' workers; it is their calls' [transport.Owner].
type lane struct {
	run *run

	mu      sync.Mutex // makes this the one writer of rec
	rec     *recorder.Lane
	sample  recorder.Sample // reused
	calls   []int           // its workers
	started int64           // measured calls, and those that are over
	over    int64
	arrived int64 // the flows that these began, or never did
	lastEnd int64 // of a measured call
	warmup  int64
	lost    losses
	cut     bool
	whole   recorder.Sample // of a flow that is over; reused
	paused  map[*transport.Call]*time.Timer
}

var _ transport.Owner = (*lane)(nil)

// begin starts a worker.
func (l *lane) begin(c *transport.Call, now int64) {
	if l.run.feed.next(c, now) {
		l.dispatch(c)
	}
}

// Done records the call and starts the worker's next.
func (l *lane) Done(c *transport.Call) {
	if ended := l.run.cfg.Ended; ended != nil {
		ended(c)
	}
	spec := &l.run.methods[c.Method].Spec
	switch {
	case c.Code != codes.OK:
	case spec.Success != codes.OK:
		c.Code, c.Message = codes.DataLoss, fmt.Sprintf("it ended OK, and %v was expected", spec.Success)
	case c.MessagesReceived < spec.Answers:
		c.Code, c.Message = codes.DataLoss, "the stream ended without an answer"
	}
	l.mu.Lock()
	l.record(c)
	if p := &l.run.at[l.run.worker(c)]; p.sent == 0 {
		p.sent = c.Sent
	}
	if c.Code == spec.Success && !l.cut {
		if pause, more := l.run.follow(c); more {
			l.followLocked(c, pause)
			return
		}
	}
	l.endFlow(c)
	if c.Code != spec.Success && neverLeft(c) && l.run.cfg.Arrivals == nil && !l.cut {
		l.startFlowLater(c)
		l.mu.Unlock()
		return
	}
	again := l.nextArrival(c, c.End)
	l.mu.Unlock()
	if again {
		l.send(c)
	}
}

// startFlowLater makes c ready for its next flow after a pause.
func (l *lane) startFlowLater(c *transport.Call) {
	l.pauseLocked(c, pause, func() bool { return l.nextArrival(c, transport.Now()) })
}

// nextArrival makes c ready for its next flow, if there is one for it.
func (l *lane) nextArrival(c *transport.Call, now int64) bool {
	again := l.run.feed.next(c, now)
	if again {
		l.startFlow(c)
	}
	return again
}

// followLocked starts the next step of a flow, which c is by now, after a pause. It gives the lock up.
func (l *lane) followLocked(c *transport.Call, pause time.Duration) {
	if pause > 0 {
		l.followLater(c, pause)
		l.mu.Unlock()
		return
	}
	l.nextStep(c, c.End)
	l.mu.Unlock()
	l.send(c)
}

// followLater is followLocked with a pause, apart from it so that a step without one makes no closure.
func (l *lane) followLater(c *transport.Call, pause time.Duration) {
	l.pauseLocked(c, pause, func() bool {
		l.nextStep(c, transport.Now())
		return true
	})
}

// nextStep makes c ready for the next step of its flow.
func (l *lane) nextStep(c *transport.Call, now int64) {
	c.Intended, c.Free = now, now
	l.prepare(c)
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
func (l *lane) Message(c *transport.Call, of series.Series, ns int64) {
	if c.Intended < l.run.from {
		return
	}
	l.mu.Lock()
	l.rec.Message(c.Method, of, ns)
	l.mu.Unlock()
}

// dispatch starts a call that the feed gave to a free worker.
func (l *lane) dispatch(c *transport.Call) {
	l.mu.Lock()
	l.startFlow(c)
	l.mu.Unlock()
	l.send(c)
}

// prepare makes c ready for its next call, and counts it.
func (l *lane) prepare(c *transport.Call) {
	c.Reset()
	l.run.starts[l.run.worker(c)] = c.Intended
	if c.Intended < l.run.from {
		l.warmup++
		return
	}
	l.started++
	l.rec.Due(c.Method)
	if p := &l.run.at[l.run.worker(c)]; p.step == 0 {
		l.arrived++
		l.rec.FlowDue(p.flow)
	}
}

// startFlow makes c ready for the first call of the flow that its arrival starts.
func (l *lane) startFlow(c *transport.Call) {
	l.run.begin(c)
	l.prepare(c)
}

// send starts a prepared call. It is called without the lock: Done may follow at once.
func (l *lane) send(c *transport.Call) {
	if l.run.conn(c).Start(c) != nil {
		l.mu.Lock()
		l.neverSent(c)
		l.mu.Unlock()
	}
}

// neverSent takes away a worker whose call could not be started.
func (l *lane) neverSent(c *transport.Call) {
	l.run.starts[l.run.worker(c)] = notWaiting
	if c.Intended >= l.run.from {
		l.over++
		now := transport.Now()
		l.rec.NeverSent(c.Method, now-c.Intended)
		l.loseFlow(c, now)
	}
	l.run.feed.leave()
}

// countUnsent counts an arrival that was due at a time, and that no worker was free for.
func (l *lane) countUnsent(at, now int64, seq uint64) {
	l.arrived++
	flow := l.run.flows.Flow(seq)
	step := l.run.flows.all[flow].Steps[0].Method
	l.rec.Due(step)
	l.rec.NeverSent(step, now-at)
	l.rec.FlowDue(flow)
	l.rec.FlowNeverSent(flow, now-at)
}

// pauseLocked has c made ready by next after a pause, unless the run is cut off before.
func (l *lane) pauseLocked(c *transport.Call, pause time.Duration, next func() bool) {
	if l.paused == nil {
		l.paused = map[*transport.Call]*time.Timer{}
	}
	l.paused[c] = time.AfterFunc(pause, func() {
		l.mu.Lock()
		_, still := l.paused[c]
		delete(l.paused, c)
		again := still && next() // else cutOff took it
		l.mu.Unlock()
		if again {
			l.send(c)
			l.run.conn(c).Flush()
		}
	})
}

// cutOff ends the lane before its connections close: calls that end from now
// on are unfinished, and no paused worker starts one.
func (l *lane) cutOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c, t := range l.paused {
		t.Stop()
		if l.run.at[l.run.worker(c)].step > 0 { // it waited for its next step
			l.loseFlow(c, transport.Now())
		}
		l.run.feed.next(c, transport.Now()) // which has none any more, and parks it
	}
	l.paused = nil
}

// record hands a measured call to the recorder.
func (l *lane) record(c *transport.Call) {
	l.run.starts[l.run.worker(c)] = notWaiting
	unfinished := l.cut && c.Code == codes.Canceled
	if unfinished && c.Sent == 0 { // the transport still held it back
		c.Sent = c.End
	}
	if c.Intended < l.run.from {
		if unfinished {
			l.lost.Warmup++
		}
		return
	}
	l.over++
	if !unfinished { // what was cut off is in no rate, so neither is the time it took to
		l.lastEnd = max(l.lastEnd, c.End)
	}
	l.sample = recorder.Sample{
		Worker: c.Worker, Seq: c.Seq, Step: c.Method, Success: l.run.methods[c.Method].Success,
		Intended: c.Intended, Free: c.Free, Held: c.Held, Sent: c.Sent, Done: c.End,
		Code: c.Code, Message: c.Message, Local: c.Local, Unfinished: unfinished,
		MessagesSent: c.MessagesSent, MessagesReceived: c.MessagesReceived,
		BytesSent: c.BytesSent, BytesReceived: c.BytesReceived,
		Awaited: c.Awaited, AwaitedDue: c.AwaitedDue,
		LoadReport: c.LoadReport,
	}
	l.rec.Call(&l.sample)
	l.lost.note(&l.sample, l.run.methods[c.Method].Send)
	switch end := &l.run.ends[l.run.worker(c)%len(l.run.conns)]; {
	case unfinished:
		end.Unfinished++
	case l.sample.Code == l.run.methods[c.Method].Success:
		end.OK++
	default:
		end.Failed++
	}
	l.run.probe.note(c)
}

// inFlight counts the measured calls that are started and not over.
func (l *lane) inFlight() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started - l.over
}

// swap begins the lane's next interval.
func (l *lane) swap(now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var waiting, oldest int64
	for _, w := range l.calls {
		if began := l.run.starts[w]; began != notWaiting {
			waiting++
			oldest = max(oldest, now-began)
		}
	}
	l.rec.Swap(waiting, oldest)
}
