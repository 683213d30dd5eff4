package engine

import (
	"slices"
	"sync/atomic"

	"grpcbench/loadgen/transport"
)

// A probe samples sliceCount stretches of sliceLen consecutive calls, spread
// evenly over the measured part of a run.
const (
	sliceCount = 10
	sliceLen   = 2000
)

// Slice is what became of consecutive calls, in the order of their sequence numbers.
type Slice struct {
	// Sent are readings of transport.Now, Response nanoseconds.
	Sent, Response []int64
}

// probe notes the calls of its slices without a lock: each has a place of its own.
type probe struct {
	first atomic.Uint64 // 1 + the sequence number of the first measured call
	part  Part
	every uint64 // calls from the start of a slice to that of the next
	notes []note
}

type note struct{ sent, response atomic.Int64 }

// newProbe expects the rate of calls to be about even; a closed loop's is not known before, so its
// slices follow each other.
func newProbe(expected int64, part Part) *probe {
	p := &probe{part: part, every: sliceLen, notes: make([]note, sliceCount*sliceLen)}
	if expected > 0 {
		p.every = max(sliceLen, uint64(expected)/sliceCount)
	}
	return p
}

// note keeps c where it falls into a slice.
func (p *probe) note(c *transport.Call) {
	if c.Seq>>stepBits > 0 { // a later step of a flow: no arrival
		return
	}
	seq := c.Seq / max(p.part.Of, 1) // consecutive ones of this part
	base := p.base(seq)
	if seq < base {
		return
	}
	k := seq - base
	slice, i := k/p.every, k%p.every
	if slice >= sliceCount || i >= sliceLen {
		return
	}
	n := &p.notes[slice*sliceLen+i]
	n.sent.Store(c.Sent)
	n.response.Store(max(1, c.End-c.Intended))
}

// base is the first measured call: the first that ended says it, and a few that started before it are not looked at.
func (p *probe) base(seq uint64) uint64 {
	if first := p.first.Load(); first > 0 {
		return first - 1
	}
	p.first.CompareAndSwap(0, seq+1)
	return p.first.Load() - 1
}

// slices returns the slices that have calls.
func (p *probe) slices() []Slice {
	var all []Slice
	for notes := range slices.Chunk(p.notes, sliceLen) {
		var s Slice
		for i := range notes {
			if r := notes[i].response.Load(); r > 0 {
				s.Sent = append(s.Sent, notes[i].sent.Load())
				s.Response = append(s.Response, r)
			}
		}
		if len(s.Sent) > 0 {
			all = append(all, s)
		}
	}
	return all
}
