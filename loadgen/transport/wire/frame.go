package wire

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/http2"
)

// preface is what a client's connection begins with (RFC 9113, section 3.4).
const preface = http2.ClientPreface

// Sizes of frames, in bytes (RFC 9113, sections 4.1 and 4.2).
const (
	frameHead = 9
	// maxFrame is the largest payload we let the server send, and the least that it must let us.
	maxFrame = 16 << 10
	// messageHead precedes every gRPC message: a flag and the length.
	messageHead = 5
)

// maxWindow is the largest flow-control window.
const maxWindow = 1<<31 - 1

// frame is a frame's head, decoded.
type frame struct {
	length int
	kind   http2.FrameType
	flags  http2.Flags
	stream uint32
}

func parseFrame(b []byte) frame {
	return frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   http2.FrameType(b[3]), flags: http2.Flags(b[4]),
		stream: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31),
	}
}

func (f frame) has(flag http2.Flags) bool { return f.flags&flag != 0 }

// putFrame writes a head over the first bytes of b.
func putFrame(b []byte, f frame) {
	b[0], b[1], b[2] = byte(f.length>>16), byte(f.length>>8), byte(f.length)
	b[3], b[4] = byte(f.kind), byte(f.flags)
	binary.BigEndian.PutUint32(b[5:], f.stream)
}

func appendFrame(dst []byte, f frame) []byte {
	var head [frameHead]byte
	putFrame(head[:], f)
	return append(dst, head[:]...)
}

func appendSettings(dst []byte, all ...http2.Setting) []byte {
	dst = appendFrame(dst, frame{length: 6 * len(all), kind: http2.FrameSettings})
	for _, s := range all {
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.ID))
		dst = binary.BigEndian.AppendUint32(dst, s.Val)
	}
	return dst
}

// append32 appends a frame whose payload is one word.
func append32(dst []byte, kind http2.FrameType, stream, word uint32) []byte {
	dst = appendFrame(dst, frame{length: 4, kind: kind, stream: stream})
	return binary.BigEndian.AppendUint32(dst, word)
}

func appendReset(dst []byte, stream uint32, code http2.ErrCode) []byte {
	return append32(dst, http2.FrameRSTStream, stream, uint32(code))
}

func appendPong(dst, payload []byte) []byte {
	dst = appendFrame(dst, frame{length: len(payload), kind: http2.FramePing, flags: http2.FlagPingAck})
	return append(dst, payload...)
}

func appendGoAway(dst []byte, code http2.ErrCode) []byte {
	dst = appendFrame(dst, frame{length: 8, kind: http2.FrameGoAway})
	dst = binary.BigEndian.AppendUint32(dst, 0) // no stream of the server's was processed: it has none
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

// unpad takes the padding off a payload (RFC 9113, section 6.1).
func unpad(f frame, payload []byte) ([]byte, error) {
	if !f.has(http2.FlagDataPadded) { // the same bit in HEADERS
		return payload, nil
	}
	if len(payload) == 0 || int(payload[0]) >= len(payload) {
		return nil, broken(http2.ErrCodeProtocol, "%v frame with more padding than payload", f.kind)
	}
	return payload[1 : len(payload)-int(payload[0])], nil
}

// connError ends a connection: the server broke a rule of HTTP/2.
type connError struct {
	code http2.ErrCode
	what string
}

func (e *connError) Error() string { return fmt.Sprintf("HTTP/2 %v: %s", e.code, e.what) }

func broken(code http2.ErrCode, format string, args ...any) error {
	return &connError{code, fmt.Sprintf(format, args...)}
}
