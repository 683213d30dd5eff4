package recorder

import (
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
)

// recording is what a lane records of one step, or of a flow, in one interval.
type recording struct {
	counts       Counts
	codes        [CodeCount]int64
	tallies      [series.Count]*tally // nil for those that these calls do not have
	byCode       [CodeCount]*tally    // failures only; made at the first of a code
	before, held int64
	exemplars    exemplars
}

func (r *recording) init(c *Config, messages []series.Series) {
	for _, s := range c.series(messages) {
		r.tallies[s] = &tally{}
	}
}

func (r *recording) reset() {
	r.counts, r.codes, r.before, r.held = Counts{}, [CodeCount]int64{}, 0, 0
	for _, t := range r.tallies {
		t.reset()
	}
	for _, t := range r.byCode {
		t.reset()
	}
	r.exemplars.reset()
}

// addTo adds the recording to a part.
func (r *recording) addTo(p *Part) {
	p.Counts.Add(&r.counts)
	p.Before += r.before
	p.Held += r.held
	for code, n := range r.codes {
		p.Codes[code] += n
	}
	for s, t := range r.tallies {
		if t != nil {
			p.Latencies[s].add(t)
		}
	}
	for code, t := range r.byCode {
		if t != nil && t.n > 0 {
			p.byCode(codes.Code(code)).add(t) //nolint:gosec // few
		}
	}
	p.exemplars.merge(&r.exemplars)
}

func (r *recording) neverSent(cfg *Config, age int64) {
	r.counts.NeverSent++
	if cfg.OpenLoop {
		r.censor(series.Response, age)
		r.censor(series.Lag, age)
	}
}

// lost records a call of which nobody heard again: of its times nothing is known.
func (r *recording) lost(cfg *Config) {
	r.counts.Sent++
	r.counts.Unfinished++
	r.censor(series.Service, 0)
	if cfg.OpenLoop {
		r.censor(series.Response, 0)
	}
}

// call records a call that is over, and returns its response time.
func (r *recording) call(cfg *Config, c *Sample) (response int64) {
	counts := &r.counts
	counts.Sent++
	counts.MessagesSent += int64(c.MessagesSent)
	counts.MessagesReceived += int64(c.MessagesReceived)
	counts.BytesSent += c.BytesSent
	counts.BytesReceived += c.BytesReceived
	response = c.Done - c.Sent
	if cfg.OpenLoop {
		response = c.Done - c.Intended
	}
	if c.Unfinished {
		counts.Unfinished++
		r.censorCall(cfg, c, response)
		r.departure(cfg, c)
		r.exemplars.add(c, response, false)
		return response
	}
	code := c.Code
	if int(code) >= CodeCount {
		code = codes.Unknown
		c.Code = code
	}
	r.codes[code]++
	c.Censored = ownDeadline(cfg, c)
	if c.Censored {
		r.censorCall(cfg, c, response)
	} else {
		r.record(series.Service, c.Done-c.Sent)
		if cfg.OpenLoop {
			r.record(series.Response, response)
		}
	}
	r.departure(cfg, c)
	r.exemplars.add(c, response, code != c.Success)
	if code == c.Success {
		counts.OK++
		return response
	}
	counts.Failed++
	if c.Local {
		counts.Local++
	}
	if r.byCode[code] == nil {
		r.byCode[code] = &tally{}
	}
	r.byCode[code].record(min(max(response, 0), highest)) // what does not fit is counted as overflow already
	return response
}

// departure records what there was between a call's intended start and its send.
func (r *recording) departure(cfg *Config, c *Sample) {
	before := c.Sent - max(c.Intended, c.Free) - c.Held
	r.before += before
	r.held += c.Held
	if !cfg.OpenLoop {
		return
	}
	lag := c.Sent - c.Intended
	r.record(series.Lag, lag)
	r.record(series.Pacing, before)
	if lag > cfg.LateAfter {
		r.counts.Late++
	}
}

// ownDeadline says that the call's own deadline ended it, not the server: how long it would have taken is not known.
// Where both clocks say so at once the server's answer can be first, by less than a millisecond.
func ownDeadline(cfg *Config, c *Sample) bool {
	const grain = int64(time.Millisecond)
	return c.Code == codes.DeadlineExceeded && cfg.Timeout > 0 &&
		c.Done-c.Sent+c.Held >= cfg.Timeout-min(grain, cfg.Timeout/10)
}

// censorCall records the times of a call that something else than the server ended, and of the message that it waited
// for: all would have been longer.
func (r *recording) censorCall(cfg *Config, c *Sample, response int64) {
	c.Censored = true
	r.censor(series.Service, c.Done-c.Sent)
	if cfg.OpenLoop {
		r.censor(series.Response, response)
	}
	if c.MessagesReceived == 0 {
		r.censorMessage(series.FirstMessage, c.Done-c.Sent)
	}
	if c.Awaited == 0 {
		return
	}
	if c.MessagesReceived > 0 {
		r.censorMessage(series.MessageGap, c.Done-c.Awaited)
	}
	if c.MessagesSent > c.MessagesReceived {
		r.censorMessage(series.MessageRTT, c.Done-c.Awaited)
		r.censorMessage(series.MessageResponse, c.Done-c.AwaitedDue)
	}
}

// censorMessage is censor for a series that this kind of call may not have.
func (r *recording) censorMessage(s series.Series, ns int64) {
	if r.tallies[s] != nil {
		r.censor(s, ns)
	}
}

// record counts what does not fit, rather than lose it.
func (r *recording) record(s series.Series, ns int64) {
	if !r.tallies[s].record(ns) {
		r.counts.Overflow++
	}
}

// censor records a lower bound.
func (r *recording) censor(s series.Series, ns int64) {
	if !r.tallies[s].censor(ns) {
		r.counts.Overflow++
	}
}
