package wire

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// stamp notes that something of s goes out with the next write, which is the time it is sent.
func (ss *session) stamp(s *stream) { ss.stamps = append(ss.stamps, stamp{s, s.id}) }

type stamp struct {
	s  *stream
	id uint32 // s may carry another call by then
}

// enqueue has a stream pumped before the next write.
func (ss *session) enqueue(s *stream) {
	if s.queued != ss {
		s.queued = ss
		ss.ready = append(ss.ready, s)
	}
}

// pumpReady lets the streams that waited send.
func (ss *session) pumpReady() {
	if len(ss.ready) == 0 {
		return
	}
	queue := ss.ready
	ss.ready, ss.readySpare = ss.readySpare[:0], queue
	for _, s := range queue {
		if s.queued != ss {
			continue // it went on to another session meanwhile, and waits there
		}
		s.queued = nil
		if s.on == ss {
			ss.pump(s)
		}
	}
}

// pump sends what a stream has to send, as far as it may.
func (ss *session) pump(s *stream) {
	for s.on == ss {
		if len(s.rest) > 0 {
			if !ss.sendRest(s) {
				return
			}
			continue
		}
		switch s.step() {
		case stepWait:
			return
		case stepEnd:
			s.closed = true
			ss.out = appendFrame(ss.out, frame{kind: http2.FrameData, flags: http2.FlagDataEndStream, stream: s.id})
			return
		case stepSend:
			if ss.isFull() {
				ss.enqueue(s)
				return
			}
			ss.sendMessage(s)
		}
	}
}

// sendMessage makes the next message right where it is to go; only one that does not fit is kept apart.
func (ss *session) sendMessage(s *stream) {
	c, call := ss.conn, s.call
	if s.fixed != nil {
		if body := s.fixed.Fixed(call.MessagesSent); len(body) >= leastInsert {
			s.beginFixed(body)
			return
		}
	}
	var heads [frameHead + messageHead]byte
	at := len(ss.out)
	b := append(ss.out, heads[:]...) //nolint:gocritic // ss.out is b only once the message fits
	b, err := s.Source.Append(b, call.Key(), call.MessagesSent)
	plain := len(b) - at - frameHead - messageHead
	if err == nil && c.dialer.Gzip {
		b[at+frameHead] = 1
		b, err = c.deflate(b, at+frameHead+messageHead)
	}
	if err != nil {
		call.Local = true
		s.fail(codes.Internal, fmt.Sprintf("make message %d: %v", call.MessagesSent, err), transport.Now())
		return
	}
	size := len(b) - at - frameHead
	binary.BigEndian.PutUint32(b[at+frameHead+1:], uint32(size-messageHead))
	last := s.count(plain)
	if int64(size) > min(ss.window, s.window, ss.maxFrame) {
		s.buf = append(s.buf[:0], b[at+frameHead:]...)
		s.rest, s.restIsFixed, s.last, s.since = s.buf, false, last, 0
		ss.out = b[:at]
		return
	}
	f := frame{length: size, kind: http2.FrameData, stream: s.id}
	if last {
		f.flags, s.closed = http2.FlagDataEndStream, true
	}
	putFrame(b[at:], f)
	ss.out = b
	ss.window -= int64(size)
	s.window -= int64(size)
	ss.sent(s, 0)
}

// count counts a message of so many bytes, and says whether it is the call's last.
func (s *stream) count(size int) (last bool) {
	call := s.call
	call.MessagesSent++
	call.BytesSent += int64(size)
	s.lastSend = 0
	return s.Kind&transport.ClientStream == 0 ||
		s.Kind == transport.ClientStream && call.MessagesSent == s.Send
}

// beginFixed makes the whole of a message that is always the same the rest that is to be sent.
func (s *stream) beginFixed(body []byte) {
	s.restHead = s.headBuf[:]
	binary.BigEndian.PutUint32(s.restHead[1:], uint32(len(body))) //nolint:gosec // no message is of 4 GB
	s.last = s.count(len(body))
	s.rest, s.restIsFixed, s.since = body, true, 0
}

// sendRest sends more of a message that did not fit; it is false where it has to wait again.
func (ss *session) sendRest(s *stream) bool {
	size := len(s.restHead) + len(s.rest)
	n := min(int64(size), ss.window, s.window, ss.maxFrame)
	if ss.isFull() || n <= 0 {
		if s.since == 0 {
			s.since = transport.Now()
		}
		if n <= 0 && s.window <= 0 {
			return false // until its WINDOW_UPDATE
		}
		ss.enqueue(s)
		return false
	}
	f := frame{length: int(n), kind: http2.FrameData, stream: s.id}
	whole := int(n) == size
	if whole && s.last {
		f.flags, s.closed = http2.FlagDataEndStream, true
	}
	head := min(int(n), len(s.restHead))
	ss.out = append(appendFrame(ss.out, f), s.restHead[:head]...)
	s.restHead = s.restHead[head:]
	part := s.rest[:int(n)-head]
	s.rest = s.rest[len(part):]
	if s.restIsFixed && len(part) >= leastInsert {
		ss.insert(part)
	} else {
		ss.out = append(ss.out, part...)
	}
	ss.window -= n
	s.window -= n
	if whole {
		blocked := int64(0)
		if s.since > 0 {
			blocked = transport.Now() - s.since
		}
		ss.sent(s, blocked)
	}
	return true
}

// sent notes that the last byte of a message is on its way, after it was blocked for some nanoseconds.
func (ss *session) sent(s *stream, blocked int64) {
	ss.stamp(s)
	if s.Kind&transport.ClientStream != 0 {
		s.call.Owner.Message(s.call, series.SendBlocked, blocked)
	}
}

// reset tells the server that a stream is over for us.
func (ss *session) reset(s *stream, code http2.ErrCode) {
	if s.on == ss {
		ss.out = appendReset(ss.out, s.id, code)
	}
}

// setSent sets when a call went out, which was not before it was held. In an open loop that wait is the server's. In a
// closed one, whose calls are intended when their worker is free, it is the call's own, as it is over grpc-go.
func (s *stream) setSent(now int64) {
	call := s.call
	if call.Sent > 0 {
		return
	}
	call.Sent = now
	switch {
	case s.held == 0:
	case call.Intended != call.Free:
		call.Held = now - s.held
	case now-s.held > stuck:
		call.Sent = s.held
	}
}

// setSentAt sets the time at which a call, or a message of it, goes out.
func (c *conn) setSentAt(s *stream, now int64) {
	s.setSent(now)
	s.lastSend = now
	if s.limit > 0 && s.deadline == 0 {
		c.setDeadline(s, now+int64(s.limit), now)
	}
	if c.alarm != nil {
		s.on.enqueue(s) // its next message's time follows from this one's
	}
}
