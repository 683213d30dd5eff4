package engine

import "grpcbench/loadgen/recorder"

// Lost is what is known of calls that the server never answered.
type Lost struct {
	// Calls and Warmup were cut off after the drain: measured ones, and those of the warm-up.
	Calls, Warmup int64
	// Oldest and Least are how long, in nanoseconds, the measured ones had been waiting then.
	Oldest, Least int64
	// Silent is how long, in nanoseconds, nothing was answered at the end of the window, though calls waited.
	Silent int64
}

// losses count them while the run goes on, a lane each.
type losses struct {
	Lost
	lastAnswer int64 // when the last call ended that the server had a part in
	lastLost   int64 // when the last call ended, unanswered, for want of time
}

// note takes a measured call that is over, and recorded; send is how many messages it was to send, 0 until the run's
// end.
func (l *losses) note(c *recorder.Sample, send int) {
	if c.Unfinished {
		age := c.Done - c.Intended
		if l.Calls == 0 {
			l.Least = age
		}
		l.Calls++
		l.Oldest, l.Least = max(l.Oldest, age), min(l.Least, age)
	}
	switch {
	case !c.Censored:
		l.lastAnswer = max(l.lastAnswer, c.Done)
	case c.MessagesReceived == 0:
		l.lastLost = max(l.lastLost, c.Done)
	case c.Awaited > 0 && (c.MessagesSent != c.MessagesReceived || send > 0 &&
		c.MessagesSent >= send): // a stream that had answers until then, and waited for another, or for its end
		l.lastAnswer, l.lastLost = max(l.lastAnswer, c.Awaited), max(l.lastLost, c.Done)
	default: // one that had all that it asked for
		l.lastAnswer = max(l.lastAnswer, c.Done)
	}
}

// add adds another lane's.
func (l *losses) add(o *losses) {
	if l.Calls == 0 || o.Calls > 0 && o.Least < l.Least {
		l.Least = o.Least
	}
	l.Calls += o.Calls
	l.Warmup += o.Warmup
	l.Oldest = max(l.Oldest, o.Oldest)
	l.lastAnswer = max(l.lastAnswer, o.lastAnswer)
	l.lastLost = max(l.lastLost, o.lastLost)
}

// sum ends the window from start to end.
func (l *losses) sum(start, end int64) Lost {
	if l.lastLost > l.lastAnswer {
		l.Silent = max(0, end-max(start, l.lastAnswer))
	}
	return l.Lost
}
