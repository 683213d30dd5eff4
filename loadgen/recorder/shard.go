package recorder

import (
	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"
)

// Shard records the calls of some workers. It has one writer at a time: its
// methods are never called concurrently.
type Shard struct {
	cfg        Config
	cur, spare *Interval
	exemplars  exemplars
	byCode     [CodeCount]*hdrhistogram.PackedHistogram // failures only; made at the first of a code
	workers    map[uint16]*hdrhistogram.PackedHistogram // with PerWorker
}

// NewShard adds a shard to the recorder.
func (r *Recorder) NewShard() *Shard {
	s := &Shard{cfg: r.cfg, cur: newInterval(r.cfg.series()), spare: newInterval(r.cfg.series())}
	if r.cfg.PerWorker {
		s.workers = map[uint16]*hdrhistogram.PackedHistogram{}
	}
	r.shards = append(r.shards, s)
	return s
}

// Due counts a call that is to be made.
func (s *Shard) Due(n int64) { s.cur.Counts.Due += n }

// NeverSent counts calls that were due and never left.
func (s *Shard) NeverSent(n int64) { s.cur.Counts.NeverSent += n }

// Call records a call that is over. A code that gRPC does not know becomes UNKNOWN in c too.
func (s *Shard) Call(c *Sample) {
	counts := &s.cur.Counts
	counts.Sent++
	counts.MessagesSent += int64(c.MessagesSent)
	counts.MessagesReceived += int64(c.MessagesReceived)
	counts.BytesSent += c.BytesSent
	counts.BytesReceived += c.BytesReceived
	if c.Unfinished {
		counts.Unfinished++
		return
	}
	code := c.Code
	if int(code) >= CodeCount {
		code = codes.Unknown
		c.Code = code
	}
	s.cur.Codes[code]++
	response := c.Done - c.Intended
	s.record(Service, c.Done-c.Sent)
	before := c.Sent - max(c.Intended, c.Free) - c.Held
	s.cur.Before += before
	s.cur.Held += c.Held
	if s.cfg.OpenLoop {
		s.record(Response, response)
		lag := c.Sent - c.Intended
		s.record(Lag, lag)
		s.record(Pacing, before)
		if lag > s.cfg.LateAfter {
			counts.Late++
		}
	} else {
		response = c.Done - c.Sent
	}
	s.exemplars.add(c, response)
	if code == codes.OK {
		counts.OK++
	} else {
		counts.Failed++
		if c.Local {
			counts.Local++
		}
		s.recordPacked(&s.byCode[code], response)
	}
	if s.workers != nil {
		h := s.workers[c.Worker]
		s.recordPacked(&h, response)
		s.workers[c.Worker] = h
	}
}

// Message records one latency within a call, in nanoseconds.
func (s *Shard) Message(series Series, ns int64) { s.record(series, ns) }

// record counts what does not fit, rather than lose it.
func (s *Shard) record(series Series, ns int64) {
	if !s.cur.Latencies[series].record(ns) {
		s.cur.Counts.Overflow++
	}
}

// recordPacked records into a sparse histogram, made at its first value: few runs have many codes.
func (s *Shard) recordPacked(h **hdrhistogram.PackedHistogram, ns int64) {
	if *h == nil {
		*h = hdrhistogram.NewPacked(lowest, highest, digits)
	}
	_ = (*h).RecordValue(min(max(ns, 0), highest)) // the overflow is counted by record
}

// Take returns what was recorded since the last Take and begins a new interval.
// It is the caller's until the next Take.
func (s *Shard) Take() *Interval {
	taken := s.cur
	taken.slowest = s.exemplars.bucket
	s.spare.reset()
	s.cur, s.spare = s.spare, taken
	return taken
}
