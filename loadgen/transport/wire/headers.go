package wire

import (
	"fmt"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

func (ss *session) headers(f frame, payload []byte, now int64) error {
	if _, err := ss.stream(f); err != nil {
		return err
	}
	block, err := unpad(f, payload)
	if err != nil {
		return err
	}
	if f.has(http2.FlagHeadersPriority) {
		if len(block) < 5 {
			return broken(http2.ErrCodeFrameSize, "HEADERS frame too short for its priority")
		}
		block = block[5:]
	}
	if f.has(http2.FlagHeadersEndHeaders) {
		return ss.headerBlock(f, block, now)
	}
	ss.inBlock, ss.blockFrame = true, f
	ss.block = append(ss.block[:0], block...)
	return nil
}

func (ss *session) continuation(f frame, payload []byte, now int64) error {
	if !ss.inBlock {
		return broken(http2.ErrCodeProtocol, "CONTINUATION without HEADERS")
	}
	if f.length == 0 && !f.has(http2.FlagContinuationEndHeaders) {
		return broken(http2.ErrCodeEnhanceYourCalm, "an empty CONTINUATION")
	}
	if ss.tooLong > 0 || len(ss.block)+len(payload) > maxHeaderList {
		return ss.skipBlock(f, len(payload), now)
	}
	ss.block = append(ss.block, payload...)
	if !f.has(http2.FlagContinuationEndHeaders) {
		return nil
	}
	ss.inBlock = false
	return ss.headerBlock(ss.blockFrame, ss.block, now)
}

// skipBlock passes over the rest of a header block that is too long, for which its stream fails. With a dynamic table
// of no size nothing after it depends on it (RFC 7541, section 4.2). A block without end ends the connection.
func (ss *session) skipBlock(f frame, n int, now int64) error {
	if ss.tooLong == 0 {
		ss.tooLong, ss.block = len(ss.block), ss.block[:0]
		if s := ss.streams.get(f.stream); s != nil {
			s.fail(codes.Internal, fmt.Sprintf("the server's header block is longer than %d bytes", maxHeaderList), now)
		}
	}
	ss.tooLong += n
	if ss.tooLong > 4*maxHeaderList {
		return broken(http2.ErrCodeEnhanceYourCalm, "a header block of more than %d bytes", 4*maxHeaderList)
	}
	if f.has(http2.FlagContinuationEndHeaders) {
		ss.inBlock, ss.tooLong = false, 0
	}
	return nil
}

// headerBlock handles a response's head, or its trailers.
func (ss *session) headerBlock(f frame, block []byte, now int64) error {
	if ss.conn.seen != nil {
		ss.conn.seen(block)
	}
	s := ss.streams.get(f.stream)
	last := f.has(http2.FlagHeadersEndStream)
	if s != nil && ss.handleUsual(s, block, last, now) {
		return nil
	}
	var h fields
	if err := h.parse(block, &ss.names); err != nil {
		return broken(http2.ErrCodeCompression, "%v on stream %d", err, f.stream)
	}
	if s == nil {
		return nil
	}
	if h.malformed != "" {
		s.breach(http2.ErrCodeProtocol, "HEADERS with "+h.malformed, now)
		return nil
	}
	if !s.answered {
		switch {
		case h.httpStatus >= 100 && h.httpStatus < 200:
			if last {
				s.breach(http2.ErrCodeProtocol, fmt.Sprintf("HTTP status %d ends the stream", h.httpStatus), now)
			}
			return nil // informational: the head is yet to come
		case h.httpStatus == 0:
			s.breach(http2.ErrCodeProtocol, "HEADERS without :status", now)
			return nil
		case last && h.isStatus(): // gRPC's own status wins, whatever carries it
			s.trailers(&h, now)
			return nil
		case !h.contentType.isGRPC() || last &&
			h.httpStatus != 200: // what says that it is gRPC's is, whatever its HTTP status
			s.refuse(&h, last, now)
			return nil
		}
		s.answered = true
		if h.hasEncoding {
			s.encoding = h.encoding.String()
		}
		if !last {
			ss.head.learn(block, &h)
			ss.encoding = s.encoding
			return nil
		}
	}
	if s.refusal != nil && last {
		s.endRefusal(&h, now)
		return nil
	}
	if !last {
		s.breach(http2.ErrCodeProtocol, "a second HEADERS that does not end the stream", now)
		return nil
	}
	if h.isOK() {
		ss.ok.learn(block, &h)
	}
	s.trailers(&h, now)
	return nil
}

// handleUsual handles a block like the one before, as nearly every block is; it is false where the block has to be
// read.
func (ss *session) handleUsual(s *stream, block []byte, last bool, now int64) bool {
	switch {
	case !s.answered && !last:
		if _, ok := ss.head.alike(block); !ok {
			return false
		}
		s.answered, s.encoding = true, ss.encoding
		return true
	case s.answered && last && s.refusal == nil:
		value, ok := ss.ok.alike(block)
		if !ok {
			return false
		}
		if ss.ok.hasReport {
			s.keepReport(value)
		}
		s.end(codes.OK, "", now)
		return true
	}
	return false
}

// keepReport keeps a load report for whoever looks it up.
func (s *stream) keepReport(report text) {
	s.reportBuf = append(s.reportBuf[:0], report.raw...)
	s.report = text{s.reportBuf, report.huffman}
	s.call.LoadReport = s.lookUp
}

// trailers end a call.
func (s *stream) trailers(h *fields, now int64) {
	if h.hasLoadReport {
		s.keepReport(h.loadReport)
	}
	code, message := h.grpcStatus()
	s.end(code, message, now)
}

// end completes a call as its trailers say, unless what came before contradicts them.
func (s *stream) end(code codes.Code, message string, now int64) {
	c, call, spec := s.conn, s.call, &s.Spec
	if code == codes.OK {
		switch {
		case len(s.partial) > 0:
			code, message = codes.Internal, "the server ended the stream within a message"
		case spec.Kind&transport.ServerStream == 0 && call.MessagesReceived == 0:
			code, message = codes.Internal, "the server ended the stream without an answer"
		case spec.Lockstep() && !s.closed:
			code, message = codes.Internal,
				fmt.Sprintf("the server ended the stream after %d of its answers", call.MessagesReceived)
		}
	}
	if !s.closed {
		s.on.reset(s, http2.ErrCodeCancel) // what we would still send, nobody reads
	}
	c.complete(s, code, message, now)
}
