package recorder

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
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

// NeverSent counts a call that was due so many nanoseconds ago and never left: of its times that is known alone.
func (s *Shard) NeverSent(age int64) {
	s.cur.Counts.NeverSent++
	if s.cfg.OpenLoop {
		s.censor(series.Response, age)
		s.censor(series.Lag, age)
	}
}

// Call records a call that is over. A code that gRPC does not know becomes UNKNOWN in c too, and c.Censored is set.
func (s *Shard) Call(c *Sample) {
	counts := &s.cur.Counts
	counts.Sent++
	counts.MessagesSent += int64(c.MessagesSent)
	counts.MessagesReceived += int64(c.MessagesReceived)
	counts.BytesSent += c.BytesSent
	counts.BytesReceived += c.BytesReceived
	if c.Unfinished {
		counts.Unfinished++
		s.unfinished(c)
		return
	}
	code := c.Code
	if int(code) >= CodeCount {
		code = codes.Unknown
		c.Code = code
	}
	s.cur.Codes[code]++
	response := c.Done - c.Sent
	if s.cfg.OpenLoop {
		response = c.Done - c.Intended
	}
	if c.Censored = s.ownDeadline(c); c.Censored {
		s.censorCall(c, response)
	} else {
		s.record(series.Service, c.Done-c.Sent)
		if s.cfg.OpenLoop {
			s.record(series.Response, response)
		}
	}
	s.departure(c)
	s.exemplars.add(c, response, code != c.Success)
	if code == c.Success {
		counts.OK++
	} else {
		counts.Failed++
		if c.Local {
			counts.Local++
		}
		s.recordPacked(&s.byCode[code], response)
	}
	s.recordWorker(c.Worker, response)
}

// recordWorker records a response time of a worker, where those are kept.
func (s *Shard) recordWorker(worker uint16, response int64) {
	if s.workers != nil {
		h := s.workers[worker]
		s.recordPacked(&h, response)
		s.workers[worker] = h
	}
}

// departure records what there was between a call's intended start and its send.
func (s *Shard) departure(c *Sample) {
	before := c.Sent - max(c.Intended, c.Free) - c.Held
	s.cur.Before += before
	s.cur.Held += c.Held
	if !s.cfg.OpenLoop {
		return
	}
	lag := c.Sent - c.Intended
	s.record(series.Lag, lag)
	s.record(series.Pacing, before)
	if lag > s.cfg.LateAfter {
		s.cur.Counts.Late++
	}
}

// unfinished records a call that was cut off: it would have taken at least as long as it has.
func (s *Shard) unfinished(c *Sample) {
	age := c.Done - c.Sent
	if s.cfg.OpenLoop {
		age = c.Done - c.Intended
	}
	s.censorCall(c, age)
	s.departure(c)
	s.exemplars.add(c, age, false)
	s.recordWorker(c.Worker, age)
}

// ownDeadline says that the call's own deadline ended it, not the server: how long it would have taken is not known.
// Where both clocks say so at once the server's answer can be first, by less than a millisecond.
func (s *Shard) ownDeadline(c *Sample) bool {
	const grain = int64(time.Millisecond)
	return c.Code == codes.DeadlineExceeded && s.cfg.Timeout > 0 &&
		c.Done-c.Sent+c.Held >= s.cfg.Timeout-min(grain, s.cfg.Timeout/10)
}

// censorCall records the times of a call that something else than the server ended, and of the message that it waited
// for: all would have been longer.
func (s *Shard) censorCall(c *Sample, response int64) {
	c.Censored = true
	s.censor(series.Service, c.Done-c.Sent)
	if s.cfg.OpenLoop {
		s.censor(series.Response, response)
	}
	if c.MessagesReceived == 0 {
		s.censorMessage(series.FirstMessage, c.Done-c.Sent)
	}
	if c.Awaited == 0 {
		return
	}
	if c.MessagesReceived > 0 {
		s.censorMessage(series.MessageGap, c.Done-c.Awaited)
	}
	if c.MessagesSent > c.MessagesReceived {
		s.censorMessage(series.MessageRTT, c.Done-c.Awaited)
		s.censorMessage(series.MessageResponse, c.Done-c.AwaitedDue)
	}
}

// censorMessage is censor for a series that this kind of call may not have.
func (s *Shard) censorMessage(series series.Series, ns int64) {
	if s.cur.Latencies[series] != nil {
		s.censor(series, ns)
	}
}

// Message records one latency within a call, in nanoseconds.
func (s *Shard) Message(series series.Series, ns int64) { s.record(series, ns) }

// record counts what does not fit, rather than lose it.
func (s *Shard) record(series series.Series, ns int64) {
	if !s.cur.Latencies[series].record(ns) {
		s.cur.Counts.Overflow++
	}
}

// censor records a lower bound.
func (s *Shard) censor(series series.Series, ns int64) {
	if !s.cur.Latencies[series].censor(ns) {
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

// Take returns what was recorded since the last Take and begins a new interval. So many calls wait for their
// end, the first of them for oldest nanoseconds. The interval is the caller's until the next Take.
func (s *Shard) Take(waiting, oldest int64) *Interval {
	taken := s.cur
	taken.Waiting, taken.Oldest = waiting, oldest
	taken.slowest = s.exemplars.bucket
	s.spare.reset()
	s.cur, s.spare = s.spare, taken
	return taken
}
