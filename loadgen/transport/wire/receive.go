package wire

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
)

// frame handles one frame; an error ends the connection (RFC 9113, section 6).
func (ss *session) frame(f frame, payload []byte, now int64) error {
	if ss.inBlock && (f.kind != http2.FrameContinuation || f.stream != ss.blockFrame.stream) {
		return broken(http2.ErrCodeProtocol, "%v frame within a header block", f.kind)
	}
	switch f.kind {
	case http2.FrameData:
		return ss.data(f, payload, now)
	case http2.FrameHeaders:
		return ss.headers(f, payload, now)
	case http2.FrameContinuation:
		return ss.continuation(f, payload, now)
	case http2.FrameRSTStream:
		return ss.rstStream(f, payload, now)
	case http2.FrameSettings:
		return ss.settings(f, payload)
	case http2.FramePing:
		return ss.ping(f, payload)
	case http2.FrameGoAway:
		return ss.serverGoes(f, payload, now)
	case http2.FrameWindowUpdate:
		return ss.windowUpdate(f, payload, now)
	case http2.FramePushPromise:
		return broken(http2.ErrCodeProtocol, "PUSH_PROMISE, which our settings forbid")
	case http2.FramePriority:
		if f.stream == 0 {
			return broken(http2.ErrCodeProtocol, "PRIORITY frame on stream 0")
		}
		if f.length != 5 {
			return broken(http2.ErrCodeFrameSize, "PRIORITY frame of %d bytes", f.length)
		}
	}
	return nil // unknown kinds are to be ignored
}

// stream finds the stream that a frame is for; nil is one that is over, whose frames may still come.
func (ss *session) stream(f frame) (*stream, error) {
	if f.stream&1 == 0 || f.stream >= ss.nextID {
		return nil, broken(http2.ErrCodeProtocol, "%v frame on stream %d, which was never opened", f.kind, f.stream)
	}
	return ss.streams.get(f.stream), nil
}

func (ss *session) data(f frame, payload []byte, now int64) error {
	s, err := ss.stream(f)
	if err != nil {
		return err
	}
	// what is here is judged, or kept within its own bound: there is room for as much again
	ss.credit -= int64(f.length)
	if ss.credit < connWindow/2 {
		ss.out = append32(ss.out, http2.FrameWindowUpdate, 0, uint32(connWindow-ss.credit))
		ss.credit = connWindow
	}
	body, err := unpad(f, payload)
	if err != nil || s == nil {
		return err
	}
	s.credit -= int64(f.length)
	if s.credit < 0 {
		s.breach(http2.ErrCodeFlowControl, "DATA past the stream's window", now)
		return nil
	}
	if !s.answered {
		s.breach(http2.ErrCodeProtocol, "DATA before HEADERS", now)
		return nil
	}
	if s.refusal != nil {
		s.readRefusal(body, f.has(http2.FlagDataEndStream), now)
		return nil
	}
	if !s.feed(body, now) {
		return nil
	}
	if f.has(http2.FlagDataEndStream) {
		s.fail(codes.Internal, "the server ended the stream without trailers", now)
		return nil
	}
	if s.credit < streamWindow/2 {
		ss.out = append32(ss.out, http2.FrameWindowUpdate, s.id, uint32(streamWindow-s.credit))
		s.credit = streamWindow
	}
	return nil
}

// breach ends a stream on which the server broke a rule that holds for it alone.
func (s *stream) breach(code http2.ErrCode, what string, now int64) {
	s.on.reset(s, code)
	s.conn.complete(s, codes.Internal, fmt.Sprintf("HTTP/2 %v: %s", code, what), now)
}

func (ss *session) rstStream(f frame, payload []byte, now int64) error {
	s, err := ss.stream(f)
	if err != nil {
		return err
	}
	if f.length != 4 {
		return broken(http2.ErrCodeFrameSize, "RST_STREAM frame of %d bytes", f.length)
	}
	if s == nil {
		return nil
	}
	c, code := ss.conn, http2.ErrCode(binary.BigEndian.Uint32(payload))
	switch {
	case code == http2.ErrCodeRefusedStream && s.mayRetry():
		c.retry(s)
	case code == http2.ErrCodeCancel && s.deadline > 0 && now >= s.deadline && !s.enough:
		// both count down, and ours would have been the next to say so
		c.complete(s, codes.DeadlineExceeded, "the server saw the deadline pass", now)
	default:
		c.complete(s, resetCode(code), fmt.Sprintf("the server reset the stream: %v", code), now)
	}
	return nil
}

func (ss *session) settings(f frame, payload []byte) error {
	switch {
	case f.stream != 0:
		return broken(http2.ErrCodeProtocol, "SETTINGS frame on stream %d", f.stream)
	case f.has(http2.FlagSettingsAck) && f.length != 0, f.length%6 != 0:
		return broken(http2.ErrCodeFrameSize, "SETTINGS frame of %d bytes", f.length)
	case f.has(http2.FlagSettingsAck):
		return nil
	}
	for ; len(payload) > 0; payload = payload[6:] {
		id, v := http2.SettingID(binary.BigEndian.Uint16(payload)), binary.BigEndian.Uint32(payload[2:])
		if err := (http2.Setting{ID: id, Val: v}).Valid(); err != nil {
			code, _ := err.(http2.ConnectionError) //nolint:errorlint // documented to be one
			return broken(http2.ErrCode(code), "setting %v = %d", id, v)
		}
		switch id {
		case http2.SettingEnablePush:
			if v != 0 {
				return broken(http2.ErrCodeProtocol, "a server's setting %v = %d", id, v)
			}
		case http2.SettingMaxConcurrentStreams:
			ss.maxStreams = int(min(v, 1<<31-1))
		case http2.SettingMaxFrameSize:
			ss.maxFrame = int64(v)
		case http2.SettingMaxHeaderListSize:
			ss.maxHeaderList = v
		case http2.SettingInitialWindowSize:
			if err := ss.resize(int64(v)); err != nil {
				return err
			}
		}
	}
	ss.out = appendFrame(ss.out, frame{kind: http2.FrameSettings, flags: http2.FlagSettingsAck})
	if !ss.up {
		ss.up = true
		close(ss.begun)
	}
	return ss.answered(frameHead)
}

// resize changes the window of every stream by what the initial one changes (RFC 9113, section 6.9.2).
func (ss *session) resize(initial int64) error {
	change := initial - ss.initialWindow
	ss.initialWindow = initial
	for _, s := range ss.streams.all() {
		s.window += change
		if s.window > maxWindow {
			return broken(http2.ErrCodeFlowControl, "a change of INITIAL_WINDOW_SIZE takes stream %d past 2^31-1", s.id)
		}
		ss.enqueue(s)
	}
	return nil
}

// answered counts bytes that the server ordered by control frames; a connection whose server reads none of them ends.
func (ss *session) answered(n int) error {
	ss.answers += n
	if ss.answers > outLimit {
		return broken(http2.ErrCodeEnhanceYourCalm, "%d bytes of answers to control frames wait to be read", ss.answers)
	}
	return nil
}

func (ss *session) ping(f frame, payload []byte) error {
	switch {
	case f.stream != 0:
		return broken(http2.ErrCodeProtocol, "PING frame on stream %d", f.stream)
	case f.length != 8:
		return broken(http2.ErrCodeFrameSize, "PING frame of %d bytes", f.length)
	case f.has(http2.FlagPingAck):
		return nil
	}
	ss.out = appendPong(ss.out, payload)
	return ss.answered(frameHead + len(payload))
}

// serverGoes handles GOAWAY: streams that the server will not look at go to another session.
func (ss *session) serverGoes(f frame, payload []byte, now int64) error {
	if f.stream != 0 {
		return broken(http2.ErrCodeProtocol, "GOAWAY frame on stream %d", f.stream)
	}
	if f.length < 8 {
		return broken(http2.ErrCodeFrameSize, "GOAWAY frame of %d bytes", f.length)
	}
	last, code := binary.BigEndian.Uint32(payload)&^(1<<31), http2.ErrCode(binary.BigEndian.Uint32(payload[4:]))
	ss.goAway = code.String()
	if debug := strings.ToValidUTF8(string(payload[8:min(len(payload), 8+100)]), "?"); debug != "" {
		ss.goAway = fmt.Sprintf("%v %q", code, debug)
	}
	c := ss.conn
	c.retire(ss)
	for _, s := range ss.streams.all() {
		if s.id <= last {
			continue
		}
		if s.mayRetry() {
			c.retry(s)
		} else {
			c.complete(s, codes.Unavailable,
				"the server goes away and says, late, that it did not look at the call: "+ss.goAway, now)
		}
	}
	ss.closeIfIdle()
	return nil
}

func (ss *session) windowUpdate(f frame, payload []byte, now int64) error {
	if f.length != 4 {
		return broken(http2.ErrCodeFrameSize, "WINDOW_UPDATE frame of %d bytes", f.length)
	}
	n := int64(binary.BigEndian.Uint32(payload) &^ (1 << 31))
	if f.stream == 0 {
		if n == 0 {
			return broken(http2.ErrCodeProtocol, "WINDOW_UPDATE of 0")
		}
		ss.window += n
		if ss.window > maxWindow {
			return broken(http2.ErrCodeFlowControl, "WINDOW_UPDATE takes the connection's window past 2^31-1")
		}
		return nil // flush pumps who waits for it
	}
	s, err := ss.stream(f)
	if err != nil || s == nil {
		return err
	}
	s.window += n
	switch {
	case n == 0:
		s.breach(http2.ErrCodeProtocol, "WINDOW_UPDATE of 0", now)
	case s.window > maxWindow:
		s.breach(http2.ErrCodeFlowControl, "WINDOW_UPDATE takes the stream's window past 2^31-1", now)
	case len(s.rest) > 0:
		ss.enqueue(s)
	}
	return nil
}
