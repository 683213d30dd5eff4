package recorder

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
)

// Exemplar is one call that stands for others.
type Exemplar struct {
	// Kind says why it was kept: "slow", "failed", "bucket" (the slowest of its latency bucket), or "unanswered".
	Kind       string
	Worker     uint16
	Step       int // see [Sample]
	Seq        uint64
	Code       codes.Code
	Message    string
	Intended   int64 // a reading of the run's clock
	Response   int64 // nanoseconds, as is Service
	Service    int64
	LoadReport string
	Local      bool // see [Sample]
}

// Kinds of exemplars.
const (
	Slow   = "slow"
	Failed = "failed"
	Bucket = "bucket"
	// Unanswered calls were cut off at the end; their times are their ages.
	Unanswered = "unanswered"
)

// compareSlowness orders by slowness, the slowest first. Of equals the first by its number goes first, so that which
// calls are kept does not depend on who recorded them.
func compareSlowness(a, b *Exemplar) int {
	return cmp.Or(cmp.Compare(b.Response, a.Response), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Worker, b.Worker))
}

// compareEnds orders by when calls ended, the first first.
func compareEnds(a, b *Exemplar) int {
	return cmp.Or(cmp.Compare(a.Intended+a.Response, b.Intended+b.Response), cmp.Compare(a.Seq, b.Seq),
		cmp.Compare(a.Worker, b.Worker))
}

const (
	slowest = 100 // kept of all calls
	first   = 5   // failures kept of each code, and calls without an answer
	// octaves: two buckets per power of two up to 2^42 ns, which is over an hour.
	buckets = 2 * 43
)

// exemplars keeps single calls at constant memory: the slowest, the first
// failures of each code, and the slowest of each half-octave of latency.
type exemplars struct {
	slow   slowHeap
	failed [CodeCount][]Exemplar
	bucket [buckets]Exemplar
	// unanswered are the oldest of those that were cut off, the oldest first.
	unanswered []Exemplar
	any        bool // whether there is one of them
	floors     floors
}

// floors are what a call must reach to be kept: what those have that were kept before, in this interval or an earlier
// one. So a run looks closely at a few thousand calls in all, not in each second.
type floors struct {
	slow   int64
	bucket [buckets]int64
}

// raise makes the floors those of all, which have been merged from what e kept, and others.
func (e *exemplars) raise(all *exemplars) {
	if len(all.slow) == slowest {
		e.floors.slow = all.slow[0].Response
	}
	for i := range all.bucket {
		e.floors.bucket[i] = all.bucket[i].Response
	}
}

// add offers a call; most are turned down by two comparisons with the floors.
func (e *exemplars) add(c *Sample, response int64, failed bool) {
	if c.Unfinished {
		e.addUnanswered(Exemplar{
			Kind: Unanswered, Worker: c.Worker, Step: c.Step, Seq: c.Seq, Code: c.Code,
			Intended: c.Intended, Response: response, Service: c.Done - c.Sent,
		})
		return
	}
	isBucket := response >= e.floors.bucket[bucketOf(response)]
	isSlow := response >= e.floors.slow
	of := &e.failed[0]
	isFailed := false
	if failed {
		of = &e.failed[min(int(c.Code), CodeCount-1)]
		isFailed = len(*of) < first || c.Intended+response <= (*of)[first-1].Intended+(*of)[first-1].Response
	}
	if !isBucket && !isSlow && !isFailed {
		return
	}
	x := Exemplar{
		Worker: c.Worker, Step: c.Step, Seq: c.Seq, Code: c.Code, Message: c.Message,
		Intended: c.Intended, Response: response, Service: c.Done - c.Sent, Local: c.Local,
	}
	if c.LoadReport != nil {
		x.LoadReport = strings.Clone(c.LoadReport()) // a part of a larger buffer, perhaps
	}
	if isBucket {
		e.addBucket(&x)
	}
	if isFailed {
		addFailed(of, x)
	}
	if isSlow {
		e.addSlow(x)
	}
	e.any = true
}

func (e *exemplars) addBucket(x *Exemplar) {
	i := bucketOf(x.Response)
	if b := &e.bucket[i]; b.Kind == "" || compareSlowness(x, b) < 0 {
		*b = *x
		b.Kind = Bucket
		e.floors.bucket[i] = x.Response
	}
}

// addFailed keeps x where it is one of the first of its code.
func addFailed(of *[]Exemplar, x Exemplar) {
	x.Kind = Failed
	i, _ := slices.BinarySearchFunc(*of, &x, func(e Exemplar, x *Exemplar) int { return compareEnds(&e, x) })
	*of = slices.Insert(*of, i, x)
	*of = (*of)[:min(len(*of), first)]
}

// addUnanswered keeps the call where it is one of the oldest.
func (e *exemplars) addUnanswered(x Exemplar) {
	e.any = true
	i, _ := slices.BinarySearchFunc(e.unanswered, &x,
		func(e Exemplar, x *Exemplar) int { return compareSlowness(&e, x) })
	e.unanswered = slices.Insert(e.unanswered, i, x)
	e.unanswered = e.unanswered[:min(len(e.unanswered), first)]
}

// addSlow puts x into the heap where it is one of the slowest, and the least slow out where it is full.
func (e *exemplars) addSlow(x Exemplar) {
	x.Kind = Slow
	switch {
	case len(e.slow) < slowest:
		e.slow = append(e.slow, x)
		heap.Fix(&e.slow, len(e.slow)-1)
	case compareSlowness(&x, &e.slow[0]) < 0:
		e.slow[0] = x
		heap.Fix(&e.slow, 0)
	}
	if len(e.slow) == slowest {
		e.floors.slow = max(e.floors.slow, e.slow[0].Response)
	}
}

// slowHeap is a heap of container/heap, the least slow first. It is grown by append and Fix: Push would allocate.
type slowHeap []Exemplar

func (h slowHeap) Len() int           { return len(h) }
func (h slowHeap) Less(i, j int) bool { return compareSlowness(&h[i], &h[j]) > 0 }
func (h slowHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (*slowHeap) Push(any)            {}
func (*slowHeap) Pop() any            { return nil }

// each calls do for every exemplar.
func (e *exemplars) each(do func(*Exemplar)) {
	if !e.any {
		return
	}
	for i := range e.slow {
		do(&e.slow[i])
	}
	for code := range e.failed {
		for i := range e.failed[code] {
			do(&e.failed[code][i])
		}
	}
	for i := range e.bucket {
		if e.bucket[i].Kind != "" {
			do(&e.bucket[i])
		}
	}
	for i := range e.unanswered {
		do(&e.unanswered[i])
	}
}

// take offers an exemplar of another's. It fails for a kind that there is not.
func (e *exemplars) take(x *Exemplar) error {
	e.any = true
	switch x.Kind {
	case Slow:
		if len(e.slow) < slowest || x.Response >= e.slow[0].Response {
			e.addSlow(*x)
		}
	case Failed:
		addFailed(&e.failed[min(int(x.Code), CodeCount-1)], *x)
	case Bucket:
		e.addBucket(x)
	case Unanswered:
		e.addUnanswered(*x)
	default:
		return fmt.Errorf("no exemplar is of the kind %q", x.Kind)
	}
	return nil
}

// merge offers all that o kept.
func (e *exemplars) merge(o *exemplars) {
	o.each(func(x *Exemplar) { _ = e.take(x) }) // all are of some kind
}

func (e *exemplars) reset() {
	if !e.any {
		return
	}
	clear(e.slow) // they hold text
	e.slow, e.unanswered = e.slow[:0], e.unanswered[:0]
	for code := range e.failed {
		e.failed[code] = e.failed[code][:0]
	}
	clear(e.bucket[:])
	e.any = false
}

// bucketOf is the half-octave of ns: the halves of an octave are equally wide in ns, and parted at 1.5 times its start.
func bucketOf(ns int64) int {
	if ns <= 1 {
		return 0
	}
	octave := bits.Len64(uint64(ns)) - 1
	half := int(uint64(ns)>>(octave-1)) & 1
	return min(2*octave+half, buckets-1)
}

// Exemplars are the oldest of the calls that were never answered, up to most of the slowest calls, the first failures
// of each code, and from the given latency up, in nanoseconds, the slowest call of each half-octave: slowest first
// within each kind, failures by code and the first first.
func (p *Part) Exemplars(most int, from int64) []Exemplar {
	e := &p.exemplars
	slow := slices.Clone(e.slow)
	slices.SortFunc(slow, func(a, b Exemplar) int { return compareSlowness(&a, &b) })
	var bucket []Exemplar
	for _, x := range slices.Backward(e.bucket[:]) {
		if x.Kind != "" && x.Response >= from {
			bucket = append(bucket, x)
		}
	}
	return slices.Concat(e.unanswered, slow[:min(len(slow), most)], slices.Concat(e.failed[:]...), bucket)
}

// Slowest are the slowest calls of each half-octave of latency, the fastest first.
func (p *Part) Slowest() []Exemplar {
	return slices.DeleteFunc(slices.Clone(p.exemplars.bucket[:]), func(x Exemplar) bool { return x.Kind == "" })
}
