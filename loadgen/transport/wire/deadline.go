package wire

import (
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

// setDeadline puts s among the calls that have one, the soonest first. All calls
// of a run have the same timeout, so a new one nearly always goes to the end, and
// neither a heap nor a timer for each is needed.
func (c *conn) setDeadline(s *stream, at, now int64) {
	s.deadline = at
	after := c.deadlines.last
	for after != nil && after.deadline > at {
		after = after.links[inDeadlines].prev
	}
	c.deadlines.insert(s, after)
	c.arm(now)
}

// arm sets the one timer, unless it runs: it fires at the first deadline or before.
func (c *conn) arm(now int64) {
	if c.armed || c.deadlines.first == nil || c.closed {
		return
	}
	c.armed = true
	c.group.Add(1) // Close waits for expireDue
	left := time.Duration(c.deadlines.first.deadline - now)
	if c.timer == nil {
		c.timer = time.AfterFunc(left, c.expireDue)
	} else {
		c.timer.Reset(left)
	}
}

// expireDue ends the calls whose time is over.
func (c *conn) expireDue() {
	defer c.group.Done()
	c.mu.Lock()
	c.armed = false
	now := transport.Now()
	for c.deadlines.first != nil && c.deadlines.first.deadline <= now {
		c.expire(c.deadlines.first, now)
	}
	c.arm(now)
	c.mu.Unlock()
	c.deliver(nil)
}

// expire ends a call whose time is over: by its deadline, or since it is to take no more.
func (c *conn) expire(s *stream, now int64) {
	if s.enough && s.on != nil {
		s.on.reset(s, http2.ErrCodeCancel)
		c.complete(s, codes.OK, "", now)
		return
	}
	s.fail(codes.DeadlineExceeded, "the deadline passed after "+s.limit.String(), now)
}
