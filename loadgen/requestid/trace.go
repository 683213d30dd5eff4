package requestid

import (
	"encoding/binary"
	"math"

	"grpcbench/loadgen/mix"
)

// TraceparentKey is the W3C header that tells a server which trace a call is of,
// and TraceparentLen the length of its value.
const (
	TraceparentKey = "traceparent"
	TraceparentLen = 2 + 1 + 32 + 1 + 16 + 1 + 2
)

// TraceID names the call's trace: its own, so that a trace leads to the request id and back.
func (id ID) TraceID() (t [16]byte) {
	binary.BigEndian.PutUint32(t[0:], id.Run)
	binary.BigEndian.PutUint64(t[8:], id.call())
	return t
}

// SpanID names the client's span within it. It is never zero, which no id may be.
func (id ID) SpanID() (s [8]byte) {
	binary.BigEndian.PutUint64(s[:], id.call())
	return s
}

// call is the worker and the call's number, from 1.
func (id ID) call() uint64 { return uint64(id.Worker)<<48 | (id.Seq&MaxSeq + 1) }

// Sampler chooses calls whose traces are kept: always the same of a run. It is
// safe for concurrent use.
type Sampler struct{ below uint64 }

// NewSampler chooses the given share of all calls, between 0 and 1.
func NewSampler(ratio float64) *Sampler {
	if ratio >= 1 {
		return &Sampler{math.MaxUint64}
	}
	return &Sampler{uint64(max(0, ratio) * math.MaxUint64)}
}

// Sampled says whether the call is one of them.
func (s *Sampler) Sampled(id ID) bool {
	return mix.Mix(id.call()^uint64(id.Run)<<32) <= s.below && s.below > 0
}

// PutTraceparent writes the header's value for a call (W3C Trace Context, section 3.2), sampled or not.
func (s *Sampler) PutTraceparent(b *[TraceparentLen]byte, id ID) {
	copy(b[:], "00-")
	putHex(b[3:11], uint64(id.Run))
	putHex(b[11:19], 0)
	putHex(b[19:35], id.call())
	b[35] = '-'
	putHex(b[36:52], id.call())
	copy(b[52:], "-00")
	if s.Sampled(id) {
		b[54] = '1'
	}
}

// Traceparent is the header's value as text.
func (s *Sampler) Traceparent(id ID) string {
	var b [TraceparentLen]byte
	s.PutTraceparent(&b, id)
	return string(b[:])
}
