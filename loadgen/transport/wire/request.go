package wire

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// request is the header block of every call, encoded once into its frames. No
// field goes into the server's dynamic table, so the block is the same each
// time; what differs from call to call is of fixed width and patched in place.
type request struct {
	frames []byte
	// heads are the offsets of the frames' stream ids.
	heads []int
	// id is the offset of the request id, timeout that of the digits of grpc-timeout, and trace that of
	// traceparent, or 0.
	id, timeout, trace int
	sampler            *requestid.Sampler // nil: no traceparent
	// digits of the timeout, and its unit in nanoseconds.
	digits int
	unit   int64
	// varying is what differs from call to call in its length too: it follows the block.
	varying []transport.Varying
	// listSize is the size by which SETTINGS_MAX_HEADER_LIST_SIZE is measured.
	listSize uint32
}

// newRequest makes the block.
func newRequest(spec *transport.Spec, scheme, authority string, zip bool, sampler *requestid.Sampler) (*request,
	error,
) {
	r := &request{sampler: sampler, varying: spec.Varying}
	var block []byte
	field := func(name, value string) (at int) {
		block, at = appendField(block, name, value)
		r.listSize += uint32(len(name) + len(value) + 32) // RFC 9113, section 6.5.2
		return at
	}
	field(":method", "POST")
	field(":scheme", scheme)
	field(":path", spec.Method)
	field(":authority", authority)
	r.id = field(contract.RequestIDKey, requestid.ID{}.String())
	if sampler != nil {
		r.trace = field(requestid.TraceparentKey, sampler.Traceparent(requestid.ID{}))
	}
	field("content-type", "application/grpc")
	if transport.UserAgent(spec.Metadata) == "" {
		field("user-agent", "grpcbench-wire")
	}
	field("te", "trailers")
	field("grpc-accept-encoding", "gzip")
	if zip {
		field("grpc-encoding", "gzip")
	}
	if spec.Timeout > 0 {
		text, unit := transport.EncodeTimeout(spec.Timeout)
		r.timeout = field("grpc-timeout", text)
		r.digits, r.unit = len(text)-1, int64(unit)
	}
	for i := 0; i+1 < len(spec.Metadata); i += 2 {
		name, value := strings.ToLower(spec.Metadata[i]), spec.Metadata[i+1]
		if ownName(name) {
			return nil, fmt.Errorf("metadata %q: the name is gRPC's own", name)
		}
		if strings.HasSuffix(name, "-bin") {
			value = base64.RawStdEncoding.EncodeToString([]byte(value))
		}
		field(name, value)
	}
	for _, v := range spec.Varying {
		if ownName(v.Key) {
			return nil, fmt.Errorf("metadata %q: the name is gRPC's own", v.Key)
		}
	}
	r.frame(block)
	return r, nil
}

// ownName says whether metadata of the name is gRPC's own.
func ownName(name string) bool {
	return name == "" || strings.HasPrefix(name, ":") || strings.HasPrefix(name, "grpc-")
}

// frame cuts the block into HEADERS and CONTINUATION frames, never through what is patched, and moves the offsets with
// it.
func (r *request) frame(block []byte) {
	id, timeout, trace := r.id, r.timeout, r.trace
	kind := http2.FrameHeaders
	for from := 0; from < len(block); {
		to := min(from+maxFrame, len(block))
		for _, patched := range [][2]int{
			{id, id + requestid.Len},
			{timeout, timeout + r.digits},
			{trace, trace + requestid.TraceparentLen},
		} {
			if patched[0] < to && to < patched[1] {
				to = patched[0]
			}
		}
		f := frame{length: to - from, kind: kind}
		if to == len(block) {
			f.flags = http2.FlagHeadersEndHeaders // the same bit in CONTINUATION
		}
		r.heads = append(r.heads, len(r.frames)+5)
		r.frames = appendFrame(r.frames, f)
		shift := len(r.frames) - from
		if id >= from && id < to {
			r.id = id + shift
		}
		if r.digits > 0 && timeout >= from && timeout < to {
			r.timeout = timeout + shift
		}
		if r.sampler != nil && trace >= from && trace < to {
			r.trace = trace + shift
		}
		r.frames = append(r.frames, block[from:to]...)
		from = to
		kind = http2.FrameContinuation
	}
}

// append appends the frames for a call. left, where positive, is what remains of its timeout.
func (r *request) append(dst []byte, stream uint32, id requestid.ID, left int64) []byte {
	at := len(dst)
	dst = append(dst, r.frames...)
	for _, head := range r.heads {
		binary.BigEndian.PutUint32(dst[at+head:], stream)
	}
	id.PutText((*[requestid.Len]byte)(dst[at+r.id:]))
	if r.sampler != nil {
		r.sampler.PutTraceparent((*[requestid.TraceparentLen]byte)(dst[at+r.trace:]), id)
	}
	if left > 0 && r.timeout > 0 {
		n := (left + r.unit - 1) / r.unit
		for i := r.digits - 1; i >= 0; i-- {
			dst[at+r.timeout+i] = byte('0' + n%10)
			n /= 10
		}
	}
	return dst
}

// last is the offset of the block's last frame.
func (r *request) last() int { return r.heads[len(r.heads)-1] - 5 }

// appendVaryingFields appends what differs from call to call to a block that ends dst, whose last frame begins at an
// offset: to that frame, or, where it would be too long, in frames of their own.
func (r *request) appendVaryingFields(dst []byte, last int, call uint64) (_ []byte, err error) {
	begin := len(dst)
	for _, v := range r.varying {
		if dst, err = appendVarying(dst, v, call); err != nil {
			return dst, err
		}
	}
	length := begin - last - frameHead
	if whole := len(dst) - last - frameHead; whole <= maxFrame {
		putLength(dst[last:], whole)
		return dst, nil
	}
	fields := slices.Clone(dst[begin:])
	dst = dst[:begin]
	stream := binary.BigEndian.Uint32(dst[last+5:])
	putLength(dst[last:], length)
	dst[last+4] &^= byte(http2.FlagHeadersEndHeaders)
	for len(fields) > 0 {
		n := min(len(fields), maxFrame)
		f := frame{length: n, kind: http2.FrameContinuation, stream: stream}
		if n == len(fields) {
			f.flags = http2.FlagContinuationEndHeaders
		}
		dst = append(appendFrame(dst, f), fields[:n]...)
		fields = fields[n:]
	}
	return dst, nil
}

// putLength writes a frame's length into its head.
func putLength(head []byte, n int) { head[0], head[1], head[2] = byte(n>>16), byte(n>>8), byte(n) }

// appendVarying appends a field as appendField does.
func appendVarying(dst []byte, v transport.Varying, call uint64) (_ []byte, err error) {
	dst = appendInt(append(dst, 0), 0, 7, uint64(len(v.Key)))
	dst = append(dst, v.Key...)
	at := len(dst)
	if dst, err = v.Value.Append(append(dst, 0), call); err != nil {
		return dst, fmt.Errorf("make the metadata %s: %w", v.Key, err)
	}
	if strings.HasSuffix(v.Key, "-bin") {
		text := base64.RawStdEncoding.EncodeToString(dst[at+1:])
		dst = append(dst[:at+1], text...)
	}
	n := len(dst) - at - 1
	if n < 127 {
		dst[at] = byte(n)
		return dst, nil
	}
	value := slices.Clone(dst[at+1:]) // a long one is rare
	return append(appendInt(dst[:at], 0, 7, uint64(n)), value...), nil
}

// staticName is the index of a name in HPACK's static table (RFC 7541, appendix A), for the names above.
var staticName = map[string]byte{
	":authority": 1, ":method": 3, ":path": 4, ":scheme": 6, "content-type": 31, "user-agent": 58,
}

// appendField appends a literal field without indexing and without Huffman
// coding (RFC 7541, section 6.2.2), and returns where its value begins.
func appendField(dst []byte, name, value string) (block []byte, at int) {
	if i := staticName[name]; i > 0 {
		dst = appendInt(dst, 0, 4, uint64(i))
	} else {
		dst = append(dst, 0)
		dst = appendInt(dst, 0, 7, uint64(len(name)))
		dst = append(dst, name...)
	}
	dst = appendInt(dst, 0, 7, uint64(len(value)))
	return append(dst, value...), len(dst)
}

// appendInt appends an integer with a prefix of so many bits (RFC 7541, section 5.1).
func appendInt(dst []byte, first byte, bits uint, n uint64) []byte {
	most := uint64(1)<<bits - 1
	if n < most {
		return append(dst, first|byte(n))
	}
	dst = append(dst, first|byte(most))
	return binary.AppendUvarint(dst, n-most)
}
