package engine

import (
	"math"
	"time"

	"grpcbench/loadgen/mix"
	"grpcbench/loadgen/transport"
)

// Flow is what an arrival starts: steps, one after the other, of which a failed one is the last.
type Flow struct {
	// Weight is the flow's share of the arrivals, in proportion to the others'.
	Weight float64
	Steps  []Step
}

// Step is one call of a flow.
type Step struct {
	Method int           // of [Config.Methods]
	Pause  time.Duration // between its end and the next step's start
}

// Draw draws which flow an arrival starts, by its number.
type Draw struct {
	all  []Flow
	ends []uint64 // where in 64 bits each flow's part ends
	seed uint64
}

// NewDraw draws from flows by their weights; none is one flow of the first method.
func NewDraw(all []Flow, seed uint64) Draw {
	if len(all) == 0 {
		all = []Flow{{Weight: 1, Steps: []Step{{}}}}
	}
	f := Draw{all: all, ends: make([]uint64, len(all)), seed: seed}
	var sum, so float64
	for _, flow := range all {
		sum += flow.Weight
	}
	for i, flow := range all {
		so += flow.Weight
		f.ends[i] = uint64(min(so/sum*(1<<64), math.MaxUint64-1024)) //nolint:gosec // bounded
	}
	f.ends[len(all)-1] = math.MaxUint64
	return f
}

// Flow is the flow of an arrival: drawn by its number alone, so that it is the same however many
// workers there are.
func (f *Draw) Flow(seq uint64) int {
	if len(f.all) == 1 {
		return 0
	}
	z := mix.Mix(mix.Mix(f.seed) + seq*mix.Golden)
	for i, end := range f.ends {
		if z <= end {
			return i
		}
	}
	return len(f.ends) - 1
}

// position is where in its flow a worker is.
type position struct {
	flow, step int
	intended   int64 // of the flow
	sent       int64 // of its first step
}

// stepBits is where in a call's number the step stands, so that each step has a request id of its own; below is the
// arrival's.
const stepBits = 40

// begin makes c the first step of the flow that its arrival starts.
func (r *run) begin(c *transport.Call) {
	p := &r.at[r.worker(c)]
	*p = position{flow: r.flows.Flow(c.Seq), intended: c.Intended}
	c.Method = r.flows.all[p.flow].Steps[0].Method
}

// follow makes c the next step of its flow, after the pause. It is false at the flow's end.
func (r *run) follow(c *transport.Call) (pause time.Duration, ok bool) {
	p := &r.at[r.worker(c)]
	steps := r.flows.all[p.flow].Steps
	if p.step+1 >= len(steps) {
		return 0, false
	}
	pause = steps[p.step].Pause
	p.step++
	c.Method = steps[p.step].Method
	c.Seq = c.Seq&(1<<stepBits-1) | uint64(p.step)<<stepBits //nolint:gosec // few
	return pause, true
}

// loseFlow counts the flow that c is in as one that never came to its end.
func (l *lane) loseFlow(c *transport.Call, now int64) {
	if p := &l.run.at[l.run.worker(c)]; p.intended >= l.run.from {
		l.rec.FlowNeverSent(p.flow, now-p.intended)
	}
}

// endFlow records a flow that is over, in which c, recorded just now, was the last call.
func (l *lane) endFlow(c *transport.Call) {
	p := &l.run.at[l.run.worker(c)]
	if p.intended < l.run.from || !l.rec.RecordsFlow(p.flow) {
		return
	}
	l.whole = l.sample
	l.whole.Intended, l.whole.Free, l.whole.Held, l.whole.LoadReport = p.intended, p.intended, 0, nil
	l.whole.Sent = p.sent
	l.whole.Seq = c.Seq & (1<<stepBits - 1)
	l.rec.Flow(p.flow, &l.whole)
}
