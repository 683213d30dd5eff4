package recorder

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/series"
)

// Lane records the calls of some workers. It has one writer at a time: its
// methods are never called concurrently, but that [Recorder.Add] may run beside all of them except Swap.
type Lane struct {
	cfg        *Config
	cur, spare *frame
}

// frame is what a lane recorded in one interval.
type frame struct {
	steps           []recording // one a step, also where there is only one
	flows           []*recording
	workers         map[uint16]*hdrhistogram.PackedHistogram // nil without PerWorker
	waiting, oldest int64
}

// NewLane returns a lane whose tallies the recorder takes.
func (r *Recorder) NewLane() *Lane {
	l := &Lane{cfg: &r.cfg, cur: newFrame(&r.cfg), spare: newFrame(&r.cfg)}
	r.lanes = append(r.lanes, l)
	return l
}

func newFrame(c *Config) *frame {
	f := &frame{}
	steps := c.Steps
	if len(steps) == 0 {
		steps = [][]series.Series{c.Messages}
	}
	f.steps = make([]recording, len(steps))
	for i, messages := range steps {
		f.steps[i].init(c, messages)
	}
	for _, several := range c.Flows {
		var flow *recording
		if several {
			flow = &recording{}
			flow.init(c, nil)
		}
		f.flows = append(f.flows, flow)
	}
	if c.PerWorker {
		f.workers = map[uint16]*hdrhistogram.PackedHistogram{}
	}
	return f
}

func (f *frame) reset() {
	for i := range f.steps {
		f.steps[i].reset()
	}
	for _, flow := range f.flows {
		if flow != nil {
			flow.reset()
		}
	}
	for _, h := range f.workers {
		h.Reset()
	}
}

// raise makes the floors of what is kept those of the whole run so far.
func (f *frame) raise(total *Snapshot) {
	for i := range f.steps {
		if len(total.Steps) > 0 {
			f.steps[i].exemplars.raise(&total.Steps[i].exemplars)
		} else {
			f.steps[i].exemplars.raise(&total.exemplars)
		}
	}
	for i, flow := range f.flows {
		if flow != nil {
			flow.exemplars.raise(&total.Flows[i].exemplars)
		}
	}
}

// Due counts a call of a step that is to be made.
func (l *Lane) Due(step int) { l.cur.steps[step].counts.Due++ }

// NeverSent counts a call of a step that was due so many nanoseconds ago and never left: of its times that is known
// alone.
func (l *Lane) NeverSent(step int, age int64) { l.cur.steps[step].neverSent(l.cfg, age) }

// Lost counts a call of a step that was begun, and of which nobody heard again: its process is gone.
func (l *Lane) Lost(step int) { l.cur.steps[step].lost(l.cfg) }

// Call records a call that is over. A code that gRPC does not know becomes UNKNOWN in c too, and c.Censored is set.
func (l *Lane) Call(c *Sample) {
	response := l.cur.steps[c.Step].call(l.cfg, c)
	if l.cur.workers != nil {
		h := l.cur.workers[c.Worker]
		if h == nil {
			h = NewPacked()
			l.cur.workers[c.Worker] = h
		}
		_ = h.RecordValue(min(max(response, 0), highest)) // what does not fit is counted as overflow already
	}
}

// Message records one latency within a call of a step, in nanoseconds.
func (l *Lane) Message(step int, s series.Series, ns int64) { l.cur.steps[step].record(s, ns) }

// FlowDue counts a flow that is due. It and the next two do nothing for a flow of one step, whose call is the flow.
func (l *Lane) FlowDue(flow int) {
	if f := l.flow(flow); f != nil {
		f.counts.Due++
	}
}

// FlowNeverSent counts a flow that was due so many nanoseconds ago and did not come to its end.
func (l *Lane) FlowNeverSent(flow int, age int64) {
	if f := l.flow(flow); f != nil {
		f.neverSent(l.cfg, age)
	}
}

// FlowLost counts a flow that was begun, and of which nobody heard again.
func (l *Lane) FlowLost(flow int) {
	if f := l.flow(flow); f != nil {
		f.lost(l.cfg)
	}
}

// Flow records a flow that is over, as a call from its intended start to its last call's end.
func (l *Lane) Flow(flow int, c *Sample) {
	if f := l.flow(flow); f != nil {
		f.call(l.cfg, c)
	}
}

// RecordsFlow says whether a flow is recorded as a whole.
func (l *Lane) RecordsFlow(flow int) bool { return l.flow(flow) != nil }

func (l *Lane) flow(i int) *recording {
	if i >= len(l.cur.flows) {
		return nil
	}
	return l.cur.flows[i]
}

// Swap begins a new interval; what was recorded until now is for [Recorder.Add], which is to be called before the next
// Swap. So many calls wait for their end, the first of them for oldest nanoseconds.
func (l *Lane) Swap(waiting, oldest int64) {
	l.cur.waiting, l.cur.oldest = waiting, oldest
	for i := range l.cur.steps {
		l.spare.steps[i].exemplars.floors = l.cur.steps[i].exemplars.floors
	}
	l.cur, l.spare = l.spare, l.cur
}
