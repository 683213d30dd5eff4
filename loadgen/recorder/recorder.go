// Package recorder keeps what a run measured: HDR histograms in nanoseconds,
// counts, and exemplars, in memory that does not grow with the number of calls.
//
// Data flows so: each [Shard] has one writer at a time and takes calls and
// message latencies without a lock, a channel or an allocation. Once a second
// the engine takes each shard's [Interval] out and gives it to the [Recorder],
// which merges them, hands the merged interval to its sink and adds it to the
// run's total.
package recorder

import (
	"errors"
	"fmt"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
)

// Every histogram runs from 1 ns to 1 h at three digits, so that a bucket is at
// most 0.1 % wide from 2 us up; each takes 264 KiB.
const (
	lowest  = 1
	highest = 3_600_000_000_000
	digits  = 3
)

// NewHistogram returns a histogram of the one geometry that all of a run have.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(lowest, highest, digits) }

// Sample is one completed call. Times are readings of one monotonic clock in nanoseconds.
type Sample struct {
	Worker uint16
	Seq    uint64
	// Free is when the call's worker was free for it; Held is how long it then had to wait for the server.
	Intended, Free, Sent, Done, Held int64
	Code                             codes.Code
	Success                          codes.Code // of a call that succeeds
	Step                             int        // which of several it is
	Message                          string
	Unfinished                       bool // cut off by the run's own end: neither a success nor a failure
	// Censored is set by [Shard.Call]: something else than the server ended the call, so its times are lower bounds.
	Censored bool
	Local    bool // failed within this process, without any server's part
	// Awaited is since when the next message was, AwaitedDue when what it answers should have been sent: see transport.Call.
	Awaited, AwaitedDue int64
	MessagesSent        int
	MessagesReceived    int
	BytesSent           int64
	BytesReceived       int64
	LoadReport          func() string // nil where there is none
}

// Counts say what became of the calls that were due: due = ok + failed + unfinished + never_sent.
type Counts struct {
	Due        int64 `json:"due"`
	Sent       int64 `json:"sent"`
	OK         int64 `json:"ok"`
	Failed     int64 `json:"failed"`
	Unfinished int64 `json:"unfinished"`
	// Local are those of Failed in which no server had a part.
	Local            int64 `json:"failed_locally"`
	Late             int64 `json:"late"`
	NeverSent        int64 `json:"never_sent"`
	MessagesSent     int64 `json:"messages_sent"`
	MessagesReceived int64 `json:"messages_received"`
	BytesSent        int64 `json:"bytes_sent"`
	BytesReceived    int64 `json:"bytes_received"`
	// Overflow counts latencies that no histogram holds.
	Overflow int64 `json:"overflow"`
}

// Add adds o to c.
func (c *Counts) Add(o *Counts) {
	c.Due += o.Due
	c.Sent += o.Sent
	c.OK += o.OK
	c.Failed += o.Failed
	c.Unfinished += o.Unfinished
	c.Local += o.Local
	c.Late += o.Late
	c.NeverSent += o.NeverSent
	c.MessagesSent += o.MessagesSent
	c.MessagesReceived += o.MessagesReceived
	c.BytesSent += o.BytesSent
	c.BytesReceived += o.BytesReceived
	c.Overflow += o.Overflow
}

// CodeCount bounds the codes that are told apart; any higher one counts as UNKNOWN.
const CodeCount = int(codes.Unauthenticated) + 1

// Interval is what happened in a span of time.
type Interval struct {
	// Start and End are readings of the run's clock.
	Start, End int64
	Counts     Counts
	Codes      [CodeCount]int64
	// Latencies by [Series]; nil for those the run does not have.
	Latencies [series.Count]*Latencies
	// Before and Held sum, in nanoseconds, the time from when each call was due and its worker free to its
	// send: the generator's own, which in an open loop is the sum of the series pacing, and that in which
	// calls were held back.
	Before, Held int64
	// Waiting are the calls in flight at End, those of the warm-up too, and Oldest, in nanoseconds, is how long ago
	// the first of them was to start. Of a shard's interval they are what [Shard.Take] was told.
	Waiting, Oldest int64
	// slowest of each half-octave of latency; those of a shard's interval are of the run so far.
	slowest [buckets]Exemplar
}

func newInterval(series []series.Series) *Interval {
	iv := &Interval{}
	for _, s := range series {
		iv.Latencies[s] = newLatencies()
	}
	return iv
}

func (iv *Interval) reset() {
	iv.Start, iv.End, iv.Counts, iv.Codes, iv.Before, iv.Held = 0, 0, Counts{}, [CodeCount]int64{}, 0, 0
	iv.Waiting, iv.Oldest = 0, 0
	iv.slowest = [buckets]Exemplar{}
	for _, l := range iv.Latencies {
		if l != nil {
			l.reset()
		}
	}
}

// merge adds o to iv; it reports counts that a histogram could not take.
func (iv *Interval) merge(o *Interval) error {
	iv.Counts.Add(&o.Counts)
	iv.Before += o.Before
	iv.Held += o.Held
	iv.Waiting += o.Waiting
	iv.Oldest = max(iv.Oldest, o.Oldest)
	for code, n := range o.Codes {
		iv.Codes[code] += n
	}
	for i := range o.slowest {
		iv.slowest[i].outdo(&o.slowest[i])
	}
	for s, l := range o.Latencies {
		if l == nil {
			continue
		}
		if err := iv.Latencies[s].merge(l); err != nil {
			return fmt.Errorf("merge the %s histograms: %w", series.Series(s), err)
		}
	}
	return nil
}

// Headline are the response times: in a closed loop the service times.
func (iv *Interval) Headline() *Latencies {
	if l := iv.Latencies[series.Response]; l != nil {
		return l
	}
	return iv.Latencies[series.Service]
}

// Slowest are the slowest calls of each half-octave of latency, of the run so far, the fastest first.
func (iv *Interval) Slowest() []Exemplar {
	return slices.DeleteFunc(slices.Clone(iv.slowest[:]), func(x Exemplar) bool { return x.Kind == "" })
}

// Series are the latencies of a series by its name; nil where the run does not have it.
func (iv *Interval) Series(name string) *Latencies {
	for s, l := range iv.Latencies {
		if series.Series(s).String() == name {
			return l
		}
	}
	return nil
}

// Config says what a run records.
type Config struct {
	// OpenLoop runs have intended times of their own.
	OpenLoop bool
	// Messages are the series within calls that this kind of call has.
	Messages []series.Series
	// PerWorker also keeps a histogram for each worker.
	PerWorker bool
	// Timeout is the calls' own deadline, in nanoseconds; 0 is none.
	Timeout int64
	// LateAfter is the lag, in nanoseconds, past which a call counts as late.
	LateAfter int64
	// Sink, where set, is given each merged interval; it must not keep it.
	Sink func(*Interval) error
}

func (c Config) series() []series.Series {
	s := []series.Series{series.Service}
	if c.OpenLoop {
		s = append(s, series.Response, series.Lag, series.Pacing)
	}
	return append(s, c.Messages...)
}

// Recorder merges the shards of a run. Its methods are not for concurrent use.
type Recorder struct {
	cfg     Config
	shards  []*Shard
	pending *Interval
	total   *Interval
	begun   bool
}

// New returns an empty recorder.
func New(cfg Config) *Recorder {
	return &Recorder{cfg: cfg, pending: newInterval(cfg.series()), total: newInterval(cfg.series())}
}

// Add merges an interval that was taken from a shard; the shard may have it back after that.
func (r *Recorder) Add(iv *Interval) error { return r.pending.merge(iv) }

// Flush ends the span from start to end, readings of the run's clock: what was
// added since the last Flush goes to the sink and into the total.
func (r *Recorder) Flush(start, end int64) error {
	p := r.pending
	p.Start, p.End = start, end
	r.total.Waiting, r.total.Oldest = 0, 0 // as it is now, not summed up
	err := r.total.merge(p)
	if !r.begun {
		r.total.Start, r.begun = start, true
	}
	r.total.End = end
	if r.cfg.Sink != nil {
		err = errors.Join(err, r.cfg.Sink(p))
	}
	p.reset()
	return err
}

// Total is everything flushed so far.
func (r *Recorder) Total() *Interval { return r.total }
