package recorder

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
)

// Exemplar is one call that stands for others.
type Exemplar struct {
	// Kind says why it was kept: "slow", "failed", or "bucket" (the slowest of its latency bucket).
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

// outdo makes x the slower of the two, where there is another.
func (x *Exemplar) outdo(o *Exemplar) {
	if o.Kind != "" && (x.Kind == "" || o.Response > x.Response) {
		*x = *o
	}
}

const (
	slowest = 100 // kept of all calls
	first   = 5   // failures kept of each code
	// octaves: two buckets per power of two up to 2^42 ns, which is over an hour.
	buckets = 2 * 43
)

// exemplars keeps single calls at constant memory: the slowest, the first
// failures of each code, and the slowest of each half-octave of latency.
type exemplars struct {
	slow   []Exemplar // a heap, the least slow of them first
	failed [CodeCount][]Exemplar
	bucket [buckets]Exemplar
	// unanswered are the oldest of those that were cut off, the oldest first.
	unanswered []Exemplar
}

// add offers a call; most are turned down by two comparisons.
func (e *exemplars) add(c *Sample, response int64, failed bool) {
	if c.Unfinished {
		e.addUnanswered(c, response)
		return
	}
	b := &e.bucket[bucketOf(response)]
	isBucket := response > b.Response || b.Kind == ""
	isSlow := len(e.slow) < slowest || response > e.slow[0].Response
	isFailed := failed && len(e.failed[min(int(c.Code), CodeCount-1)]) < first
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
		*b = x
		b.Kind = Bucket
	}
	if isFailed {
		f := &e.failed[min(int(c.Code), CodeCount-1)]
		*f = append(*f, x)
		(*f)[len(*f)-1].Kind = Failed
	}
	if isSlow {
		x.Kind = Slow
		e.push(x)
	}
}

// addUnanswered keeps the call where it is one of the oldest.
func (e *exemplars) addUnanswered(c *Sample, age int64) {
	e.unanswered = append(e.unanswered, Exemplar{
		Kind: Unanswered, Worker: c.Worker, Step: c.Step, Seq: c.Seq, Code: c.Code,
		Intended: c.Intended, Response: age, Service: c.Done - c.Sent,
	})
	slices.SortStableFunc(e.unanswered, func(a, b Exemplar) int { return cmp.Compare(b.Response, a.Response) })
	e.unanswered = e.unanswered[:min(len(e.unanswered), first)]
}

// push puts x into the heap, and the least slow out where it is full.
func (e *exemplars) push(x Exemplar) {
	if len(e.slow) < slowest {
		e.slow = append(e.slow, x)
		for i := len(e.slow) - 1; i > 0; {
			parent := (i - 1) / 2
			if e.slow[parent].Response <= e.slow[i].Response {
				break
			}
			e.slow[parent], e.slow[i] = e.slow[i], e.slow[parent]
			i = parent
		}
		return
	}
	e.slow[0] = x
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(e.slow) {
			return
		}
		if right := child + 1; right < len(e.slow) && e.slow[right].Response < e.slow[child].Response {
			child = right
		}
		if e.slow[i].Response <= e.slow[child].Response {
			return
		}
		e.slow[i], e.slow[child] = e.slow[child], e.slow[i]
		i = child
	}
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

// Exemplars merges the shards' exemplars: the oldest of the calls that were never
// answered, up to most of the slowest calls, the first failures of each code, and from the given latency up the slowest call
// of each half-octave, slowest first within each kind.
func (r *Recorder) Exemplars(most int, from int64) []Exemplar {
	var unanswered, slow, failed, bucket []Exemplar
	for _, s := range r.shards {
		unanswered = append(unanswered, s.exemplars.unanswered...)
		slow = append(slow, s.exemplars.slow...)
	}
	bySlowness := func(a, b Exemplar) int { return cmp.Compare(b.Response, a.Response) }
	slices.SortStableFunc(slow, bySlowness)
	slow = slow[:min(len(slow), most)]
	slices.SortStableFunc(unanswered, bySlowness)
	unanswered = unanswered[:min(len(unanswered), first)]
	for code := range CodeCount {
		var of []Exemplar
		for _, s := range r.shards {
			of = append(of, s.exemplars.failed[code]...)
		}
		slices.SortStableFunc(of, func(a, b Exemplar) int { return cmp.Compare(a.Intended, b.Intended) })
		failed = append(failed, of[:min(len(of), first)]...)
	}
	for i := range buckets {
		var top Exemplar
		for _, s := range r.shards {
			top.outdo(&s.exemplars.bucket[i])
		}
		if top.Kind != "" && top.Response >= from {
			bucket = append(bucket, top)
		}
	}
	slices.SortStableFunc(bucket, bySlowness)
	return slices.Concat(unanswered, slow, failed, bucket)
}
