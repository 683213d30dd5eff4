package wire

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/pace"
	"grpcbench/loadgen/transport"
)

// conn is a [transport.Conn]: one session at a time, and after a GOAWAY or a
// loss the next. One lock guards it all: the reader of its session does nearly
// all the work, and takes it once for all that one read brought.
type conn struct {
	dialer  *Dialer
	addr    transport.Address
	methods []method
	run     uint32
	alarm   *pace.Alarm // nil where messages follow each other at once
	// firstID and lastID bound the stream ids of a session.
	firstID, lastID uint32
	seen            func(block []byte) // of tests

	mu       sync.Mutex
	cur      *session // takes new streams; nil while there is none
	sessions []*session
	// waiting are calls that no session took yet, the first first. They wait where one may come soon:
	// for a free stream, or, while awaiting, for the connection that replaces a lost one.
	waiting   list
	awaiting  bool
	replacing bool  // somebody connects
	barren    int   // sessions in a row that ended without a single stream
	adopted   int64 // sessions that took calls, of which all but the first replaced another
	cause     error // why there is no session
	done      []*stream
	deadlines list
	timer     *time.Timer
	armed     bool
	finishing bool
	closed    bool
	gunzip    *gunzip
	deflater  *deflater

	ctx   context.Context //nolint:containedctx // the life of attempts to connect, ended by Close
	cut   context.CancelFunc
	group sync.WaitGroup
}

// method is one that the connection carries, with its header block.
type method struct {
	*transport.Method
	request *request
	// limit is how long a call may take, and enough that it then ends as a success.
	limit  time.Duration
	enough bool
	// fixed tells which messages are always the same; nil where none is known to be.
	fixed transport.FixedSource
}

// Start implements [transport.Conn].
func (c *conn) Start(call *transport.Call) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return transport.ErrClosed
	}
	s, ok := call.Bound.(*stream)
	if !ok {
		s = newStream(c, call)
		call.Bound = s
	}
	s.begin()
	switch {
	case c.cur != nil && c.waiting.first == nil && c.cur.canOpen():
		c.cur.open(s)
	case c.cur != nil || c.awaiting:
		c.hold(s)
	default:
		c.failUnconnected(s, transport.Now())
	}
	c.mu.Unlock()
	return nil
}

// failUnconnected ends a call that there is no connection for.
func (c *conn) failUnconnected(s *stream, now int64) {
	s.call.Local = transport.IsLocal(c.cause)
	c.complete(s, codes.Unavailable, "there is no connection: "+c.cause.Error(), now)
}

// hold has a call wait for a session.
func (c *conn) hold(s *stream) {
	now := transport.Now()
	c.wait(s, now)
	if s.call.Intended == s.call.Free && s.call.Sent == 0 {
		s.call.Sent = now // see leaves
	}
	c.waiting.insert(s, c.waiting.last)
}

// wait notes that a call waits for the server, and has its deadline run.
func (c *conn) wait(s *stream, now int64) {
	if s.held > 0 {
		return
	}
	s.held = now
	if s.limit > 0 && s.deadline == 0 {
		c.setDeadline(s, now+int64(s.limit), now)
	}
}

// release opens streams for the calls that wait, as far as the session takes them.
func (c *conn) release() {
	for c.waiting.first != nil && c.cur != nil && c.cur.canOpen() {
		s := c.waiting.first
		c.waiting.remove(s)
		c.cur.open(s)
	}
}

// retry puts a call that the server did not look at back to those that wait.
func (c *conn) retry(s *stream) {
	s.on.streams.remove(s.id)
	s.on.closeIfIdle()
	deadline := s.deadline
	c.deadlines.remove(s)
	s.begin()
	s.retried = true
	if deadline > 0 {
		c.setDeadline(s, deadline, transport.Now())
	}
	s.on = nil
	s.call.MessagesSent, s.call.MessagesReceived, s.call.BytesSent, s.call.BytesReceived = 0, 0, 0, 0
	c.hold(s)
}

// complete ends a call; deliver tells its owner.
func (c *conn) complete(s *stream, code codes.Code, message string, now int64) {
	c.deadlines.remove(s)
	c.waiting.remove(s)
	if ss := s.on; ss != nil {
		ss.streams.remove(s.id)
		s.on = nil
		ss.closeIfIdle()
	}
	s.rest, s.restHead = nil, nil
	call := s.call
	call.End = now
	s.setSent(now) // it may be over before it could
	call.Code, call.Message = code, message
	if code != codes.OK {
		call.Awaited, call.AwaitedDue = s.awaited()
	}
	c.done = append(c.done, s)
}

// deliver tells the owners of calls that are over, who start their next, and
// then writes all of it at once. It is called without the lock; scratch is room
// that it returns for the next time.
func (c *conn) deliver(scratch []*stream) []*stream {
	for {
		c.mu.Lock()
		c.release()
		if len(c.done) == 0 {
			if len(c.sessions) == 1 {
				c.sessions[0].flush()
			} else {
				for _, ss := range slices.Clone(c.sessions) { // while one is flushed, another may go
					ss.flush()
				}
			}
			again := len(c.done) > 0
			c.mu.Unlock()
			if !again {
				return scratch
			}
			continue
		}
		scratch = append(scratch[:0], c.done...)
		c.done = c.done[:0]
		c.mu.Unlock()
		for _, s := range scratch {
			s.call.Owner.Done(s.call)
		}
	}
}

// Flush implements [transport.Conn].
func (c *conn) Flush() { c.deliver(nil) }

// Finish implements [transport.Conn].
func (c *conn) Finish() {
	c.mu.Lock()
	c.finishing = true
	if slices.ContainsFunc(c.methods, func(m method) bool { return m.Send == 0 }) {
		for _, ss := range c.sessions {
			for _, s := range ss.streams.all() {
				ss.enqueue(s)
			}
		}
	}
	c.mu.Unlock()
	c.deliver(nil)
}

// Close implements [transport.Conn].
func (c *conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		c.group.Wait()
		return nil
	}
	c.closed, c.finishing = true, true
	c.cut()
	now := transport.Now()
	const why = "cut off at the end of the run"
	for c.waiting.first != nil {
		c.complete(c.waiting.first, codes.Canceled, why, now)
	}
	for _, ss := range c.sessions {
		for _, s := range ss.streams.all() {
			s.fail(codes.Canceled, why, now)
		}
		ss.draining = true
		ss.closeIfIdle()
		_ = ss.nc.SetWriteDeadline(time.Now().Add(farewell)) // the server may not read
	}
	if c.armed && c.timer.Stop() {
		c.armed = false
		c.group.Done()
	}
	c.mu.Unlock()
	c.deliver(nil)
	if c.alarm != nil {
		c.alarm.Stop()
	}
	c.group.Wait()
	return nil
}

// How long to wait between two attempts to connect, in the beginning and at most: a server that comes
// back is used again soon.
const (
	firstDelay = 50 * time.Millisecond
	mostDelay  = time.Second
)

// replace connects anew, in the background.
func (c *conn) replace() {
	if c.closed {
		return
	}
	c.awaiting = true
	if c.replacing {
		return // it will look again
	}
	c.replacing = true
	again := c.barren > 1 // a server that always hangs up at once is not called again at once
	c.group.Go(func() {
		if again {
			c.pause(firstDelay)
		}
		for delay := firstDelay; ; delay = min(delay*8/5, mostDelay) {
			ctx, cancel := context.WithTimeout(c.ctx, c.dialer.Timeout)
			err := c.connect(ctx)
			cancel()
			c.mu.Lock()
			if err == nil || c.closed {
				c.replacing = false
				if err == nil && c.cur == nil { // it was lost again meanwhile
					c.replace()
				}
				c.mu.Unlock()
				c.deliver(nil)
				return
			}
			c.awaiting, c.cause = false, err
			for now := transport.Now(); c.waiting.first != nil; {
				c.failUnconnected(c.waiting.first, now)
			}
			c.mu.Unlock()
			c.deliver(nil)
			c.pause(delay)
		}
	})
}

// pause waits, or until Close.
func (c *conn) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.ctx.Done():
	}
}

// Reconnects implements [transport.Reconnecter].
func (c *conn) Reconnects() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.adopted-1, 0)
}
