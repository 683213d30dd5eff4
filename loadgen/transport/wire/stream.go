package wire

import (
	"fmt"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// stream is a call on its way. It belongs to a worker and is used again for the
// worker's next call; everything in it is guarded by its conn's lock.
type stream struct {
	conn    *conn
	call    *transport.Call
	*method // the call's
	// on is the session that carries it; nil while it waits for one, and after its end.
	on *session
	id uint32

	// What is sent: the rest of a message that flow control stopped, within buf, or of one that is always the same,
	// with what is left of its head within headBuf. Last says that it is the call's last message, since from when it
	// had to wait, 0 while it had not.
	rest, buf   []byte
	restIsFixed bool
	restHead    []byte
	headBuf     [messageHead]byte
	last        bool
	since       int64
	// window is what the server lets us send, credit what we let it; both may go below zero, by a
	// change of settings.
	window, credit int64
	queued         *session // in whose ready it is
	closed         bool     // we ended our side
	// lastSend is when the last message went out, 0 while it has not; intended when it should have.
	lastSend, intended int64
	alarmed            int64 // what the alarm was last asked for
	lastAnswer         int64

	// What is received.
	answered bool     // the response's head is in
	encoding string   // of compressed messages
	partial  []byte   // of a message
	refusal  *refusal // where it is not gRPC's

	deadline int64 // 0 while it has none
	links    [lists]link
	// held is since when it had to wait for a session, or 0; retried, that a server turned it down once.
	held    int64
	retried bool
	report  text // within reportBuf
	// lookUp decodes report and ring wakes the stream for its next message: made once, for every call.
	lookUp    func() string
	ring      func()
	reportBuf []byte
}

func newStream(c *conn, call *transport.Call) *stream {
	s := &stream{conn: c, call: call}
	s.lookUp = func() string {
		b, _ := s.report.binary()
		return string(b)
	}
	s.ring = func() {
		c.mu.Lock()
		if s.on != nil {
			s.on.enqueue(s)
		}
		c.mu.Unlock()
		c.deliver(nil)
	}
	return s
}

// begin clears what the last call left.
func (s *stream) begin() {
	s.method = &s.conn.methods[s.call.Method]
	s.rest, s.restHead, s.closed, s.last, s.since = nil, nil, false, false, 0
	s.lastSend, s.intended, s.alarmed, s.lastAnswer = 0, 0, 0, 0
	s.answered, s.encoding, s.partial, s.refusal = false, "", s.partial[:0], nil
	s.deadline, s.held, s.retried = 0, 0, false
}

func (s *stream) requestID() requestid.ID {
	return requestid.ID{Run: s.conn.run, Worker: s.call.Worker, Seq: s.call.Seq}
}

// stuck is how long one write may take before the socket counts as one that takes nothing.
const stuck = 5 * int64(time.Millisecond)

// mayRetry says whether a call that the server turns down may go to another connection: once, and not once it has an
// answer, which the server cannot have given without a look at it.
func (s *stream) mayRetry() bool { return !s.retried && s.call.MessagesReceived == 0 }

// canOpen says whether a call may start: the server takes no more streams than it said, and what it does not read
// must not pile up. Behind a socket that takes nothing a call is not on its way, however much room there is in our
// own memory.
func (ss *session) canOpen() bool {
	if ss.streams.n >= ss.maxStreams || ss.outSize() >= 4*outLimit || ss.blocked {
		return false
	}
	// Where only the writer writes, it cannot tell that it waits: it is late.
	return ss.socket != nil || !ss.writing || transport.Now()-ss.writingSince < stuck
}

// open sends a call's head, and what it may of its messages.
func (ss *session) open(s *stream) {
	c := ss.conn
	if s.request.listSize > ss.maxHeaderList {
		s.call.Local = true
		c.complete(s, codes.Internal, fmt.Sprintf("the metadata take %d bytes, and the server takes %d at most",
			s.request.listSize, ss.maxHeaderList), transport.Now())
		return
	}
	var left int64
	if s.held > 0 && s.deadline > 0 { // the time that it waited is a part of its timeout
		left = s.deadline - transport.Now()
		if left <= 0 {
			c.expire(s, transport.Now())
			return
		}
		if s.enough { // which is no deadline of the server's
			left = 0
		}
	}
	out := s.request.append(ss.out, ss.nextID, s.requestID(), left)
	if len(s.request.varying) > 0 {
		var err error
		if out, err = s.request.appendVaryingFields(out, len(ss.out)+s.request.last(), s.call.Key()); err != nil {
			s.call.Local = true
			c.complete(s, codes.Internal, err.Error(), transport.Now())
			return
		}
	}
	if ss.writing { // its bytes wait behind a write, which may take long
		c.wait(s, transport.Now())
	}
	s.on, s.id = ss, ss.nextID
	ss.nextID += 2
	ss.streams.put(s.id, s)
	s.window, s.credit = ss.initialWindow, streamWindow
	ss.out = out
	ss.stamp(s)
	ss.pump(s)
	if ss.nextID > c.lastID {
		c.retire(ss) // its ids are used up
	}
}

// What a stream may do next.
type step uint8

const (
	stepWait step = iota // for an answer, for its time, or for the end
	stepSend
	stepEnd
)

// step says what the sending side does next.
func (s *stream) step() step {
	spec, n := &s.Spec, s.call.MessagesSent
	switch {
	case s.closed:
		return stepWait
	case spec.Lockstep() && n > s.call.MessagesReceived:
		return stepWait
	case spec.Send > 0 && n >= spec.Send && spec.EndsItself():
		return stepWait
	case spec.Send > 0 && n >= spec.Send, spec.Send == 0 && n > 0 &&
		s.conn.finishing: // without a first message it would measure nothing
		return stepEnd
	case spec.Pace > 0:
		if s.call.Sent == 0 {
			return stepWait // flush will have it asked again
		}
		s.intended = spec.MessageDue(s.call.Worker, s.call.Sent, n)
	case n > 0 && spec.Interval > 0:
		if s.lastSend == 0 {
			return stepWait
		}
		s.intended = s.lastSend + int64(spec.Interval)
	default:
		return stepSend
	}
	if transport.Now() < s.intended {
		if s.alarmed != s.intended { // the last call's alarm may ring in this one
			s.alarmed = s.intended
			s.conn.alarm.At(s.intended, s.ring)
		}
		return stepWait
	}
	return stepSend
}

// answer takes one message of the server's. It is false where the call is over by it.
func (s *stream) answer(compressed bool, body []byte, now int64) bool {
	c, call := s.conn, s.call
	spec := &s.Spec
	if compressed {
		var code codes.Code
		var why string
		body, code, why = c.inflate(s.encoding, body)
		if why != "" {
			return s.fail(code, why, now)
		}
	}
	i := call.MessagesReceived
	call.MessagesReceived++
	call.BytesReceived += int64(len(body))
	if i > 0 && spec.Kind&transport.ServerStream == 0 {
		return s.fail(codes.Internal, "the server sent more than one answer", now)
	}
	if spec.Lockstep() && !s.closed && i >= call.MessagesSent {
		return s.fail(codes.DataLoss, fmt.Sprintf("answer %d: there was no message for it", i), now)
	}
	if err := s.Source.Check(call.Key(), i, call.MessagesSent, body); err != nil {
		return s.fail(codes.DataLoss, fmt.Sprintf("answer %d: %v", i, err), now)
	}
	if spec.Kind == transport.Unary {
		return true
	}
	s.times(i, now)
	if i+1 == spec.Receive && spec.Kind&transport.ServerStream != 0 {
		s.on.reset(s, http2.ErrCodeCancel)
		c.complete(s, codes.OK, "", now)
		return false
	}
	if spec.Lockstep() {
		s.on.pump(s)
	}
	return s.on != nil
}

// times tells the owner the latencies of a stream's i-th answer.
func (s *stream) times(i int, now int64) {
	call, spec := s.call, &s.Spec
	if i == 0 {
		call.Owner.Message(call, series.FirstMessage, now-call.Sent)
	} else if spec.Kind&transport.ServerStream != 0 && !spec.Lockstep() {
		call.Owner.Message(call, series.MessageGap, now-s.lastAnswer)
	}
	s.lastAnswer = now
	if spec.Lockstep() && !s.closed {
		sent, _ := s.awaited()
		call.Owner.Message(call, series.MessageRTT, now-sent)
		if spec.Pace > 0 {
			call.Owner.Message(call, series.MessageResponse, now-s.intended)
		}
	}
}

// awaited is since when the server's next message is, and when the message that it answers should have been sent.
func (s *stream) awaited() (since, due int64) {
	switch {
	case !s.Lockstep():
		return s.lastAnswer, 0
	case s.lastSend == 0:
		return s.since, s.intended // flow control still holds a part of the message back
	default:
		return s.lastSend, s.intended
	}
}

// fail ends a call that the server got wrong, and the stream with it. It is false, as answer is.
func (s *stream) fail(code codes.Code, why string, now int64) bool {
	if s.on != nil {
		s.on.reset(s, http2.ErrCodeCancel)
	}
	s.conn.complete(s, code, why, now)
	return false
}
