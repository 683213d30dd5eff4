package message

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// matches says whether an encoded message holds what is wanted, as far as its bytes tell: where they are unusual it
// says no, though a decoder might find a match. Of what is not wanted it only looks where it ends. The wants stand in
// the order of their numbers, and the message's fields must. It writes into buf.
func matches(body []byte, wants []want, m *Moment, buf []byte) bool {
	var last, held protowire.Number
	for len(body) > 0 {
		tag, n := consumeVarint(body)
		number, kind := protowire.DecodeTag(tag)
		if n < 0 || number < protowire.MinValidNumber || number < last || number == held {
			return false // of several the last counts, or they are one: decoders know
		}
		body, last = body[n:], number
		v := value{kind: kind}
		if n = v.consume(number, body); n < 0 {
			return false
		}
		body = body[n:]
		for len(wants) > 0 && wants[0].number < number {
			if !wants[0].unsent {
				return false
			}
			wants = wants[1:]
		}
		if len(wants) == 0 || wants[0].number != number {
			continue
		}
		if !wants[0].matches(&v, m, buf) {
			return false
		}
		held, wants = number, wants[1:]
	}
	for i := range wants {
		if !wants[i].unsent {
			return false
		}
	}
	return true
}

// value is a field's as it is encoded: a varint's number, the bits of a fixed number, or the bytes within.
type value struct {
	kind   protowire.Type
	number uint64
	within []byte
}

// consume reads the value that b begins with, and returns how long it is there; a negative length is an error.
func (v *value) consume(field protowire.Number, b []byte) (n int) {
	switch v.kind {
	case protowire.VarintType:
		v.number, n = consumeVarint(b)
	case protowire.BytesType:
		var size uint64
		if size, n = consumeVarint(b); n < 0 || size > uint64(len(b)-n) { //nolint:gosec // a length
			return -1
		}
		v.within = b[n : n+int(size)] //nolint:gosec // within b
		n += int(size)                //nolint:gosec // as above
	case protowire.Fixed32Type:
		if len(b) < 4 {
			return -1
		}
		v.number, n = uint64(binary.LittleEndian.Uint32(b)), 4
	case protowire.Fixed64Type:
		if len(b) < 8 {
			return -1
		}
		v.number, n = binary.LittleEndian.Uint64(b), 8
	default:
		n = protowire.ConsumeFieldValue(field, v.kind, b)
	}
	return n
}

// consumeVarint is protowire's, and quicker where it is one byte.
func consumeVarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return protowire.ConsumeVarint(b)
}

// matches says whether a value is what is wanted.
func (w *want) matches(v *value, m *Moment, buf []byte) bool {
	switch {
	case v.kind != wireType(w.field.Kind()):
		return false
	case w.inner:
		return matches(v.within, w.within, m, buf)
	case w.anything:
		return w.holdsAny(v)
	case w.leaf == nil:
		return false
	case v.kind == protowire.BytesType:
		wanted, err := w.leaf.text.append(buf[:0], m)
		return err == nil && bytes.Equal(wanted, v.within)
	case w.leaf.code == opInt:
		return v.number == uint64(w.leaf.slot.draw(m)) //nolint:gosec // as varints have it
	default:
		wanted, err := w.leaf.slot.scalar(w.leaf.field, w.leaf.kind, m)
		if v.kind == protowire.Fixed32Type {
			wanted &= math.MaxUint32
		}
		return err == nil && v.number == wanted
	}
}

// holdsAny says whether a value of the field's type is any but the default.
func (w *want) holdsAny(v *value) bool {
	if v.kind == protowire.BytesType {
		return (len(v.within) > 0 || w.field.HasPresence()) &&
			(w.field.Kind() != protoreflect.StringKind || utf8.Valid(v.within))
	}
	return uint32(v.number) != 0 //nolint:gosec // a number of which this half is 0 is rare, and a decoder's
}
