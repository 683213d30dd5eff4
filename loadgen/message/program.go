package message

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Program makes messages: an encoded message with slots, compiled. It is read-only and may be used concurrently. The
// zero Program makes the empty message.
type Program struct {
	ops []op
	// slots are all that stand in it.
	slots  []*slot
	leaves []leafAt
	// keyed is that a map's key has slots, which over HTTP there is no place for.
	keyed bool
	// example is a message like those that the program makes, with samples in the slots' places.
	example proto.Message
}

// opcode is what an op does, after it has appended its literal.
type opcode uint8

const (
	opLiteral opcode = iota
	opVarint         // a whole number, a bool or an enum
	opFixed32
	opFixed64
	opText      // length and text
	opGroup     // length and what the ops up to end append
	opTimestamp // the fields of a google.protobuf.Timestamp
	opRow       // a feed's whole row
)

// op is one step of a program.
type op struct {
	code opcode
	// literal goes before: tags, and what never changes.
	literal []byte
	// tag is how much of the literal is taken back where the value is the default, which then is not sent.
	tag   int
	slot  *slot
	field protoreflect.FieldDescriptor
	kind  protoreflect.Kind // the field's
	text  text
	end   int
}

// append runs ops[from:to].
func (p *Program) append(dst []byte, m *Moment, from, to int) ([]byte, error) {
	var err error
	for i := from; i < to; i++ {
		o := &p.ops[i]
		dst = append(dst, o.literal...)
		switch o.code {
		case opLiteral:
		case opText:
			at := len(dst)
			if dst, err = o.text.append(append(dst, 0), m); err != nil {
				return dst, err
			}
			dst = putLength(dst, at)
			if o.tag > 0 && len(dst) == at+1 {
				dst = dst[:at-o.tag]
			}
		case opGroup:
			at := len(dst)
			if dst, err = p.append(append(dst, 0), m, i+1, o.end); err != nil {
				return dst, err
			}
			dst = putLength(dst, at)
			i = o.end - 1
		case opTimestamp:
			ns, err := o.slot.nanoseconds(m)
			if err != nil {
				return dst, err
			}
			dst = appendTimestamp(dst, ns)
		case opRow:
			if dst, err = o.slot.feed.appendValue(dst, m.Seq, 0); err != nil {
				return dst, err
			}
		default:
			v, err := o.slot.scalar(o.field, o.kind, m)
			if err != nil {
				return dst, err
			}
			switch {
			case v == 0 && o.tag > 0:
				dst = dst[:len(dst)-o.tag]
			case o.code == opVarint:
				dst = binary.AppendUvarint(dst, v)
			case o.code == opFixed32:
				// 32 bits of a field that has as many
				dst = binary.LittleEndian.AppendUint32(dst, uint32(v)) //nolint:gosec
			default:
				dst = binary.LittleEndian.AppendUint64(dst, v)
			}
		}
	}
	return dst, nil
}

// putLength writes the length of what stands behind dst[at] there. A byte is enough for most; what is longer moves.
func putLength(dst []byte, at int) []byte {
	n := len(dst) - at - 1
	if n < 0x80 {
		dst[at] = byte(n)
		return dst
	}
	var length [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(length[:], uint64(n))
	dst = append(dst, length[:w-1]...)
	copy(dst[at+w:], dst[at+1:at+1+n])
	copy(dst[at:], length[:w])
	return dst
}

func appendTimestamp(dst []byte, ns int64) []byte {
	seconds, rest := ns/1e9, ns%1e9
	if rest < 0 {
		seconds, rest = seconds-1, rest+1e9
	}
	if seconds != 0 {
		dst = binary.AppendUvarint(append(dst, 1<<3), uint64(seconds)) //nolint:gosec // as varints have it
	}
	if rest != 0 {
		dst = binary.AppendUvarint(append(dst, 2<<3), uint64(rest)) //nolint:gosec // as above
	}
	return dst
}

// scalar is the value for a field as it is encoded: of a varint the number itself, of others their bits.
func (s *slot) scalar(field protoreflect.FieldDescriptor, k protoreflect.Kind, m *Moment) (uint64, error) {
	switch s.kind {
	case slotPick:
		return parseScalar(field, s.picks[s.pick(m)])
	case slotRow, slotSaved:
		var buf [64]byte
		value, err := s.appendText(buf[:0], m)
		if err != nil {
			return 0, err
		}
		if v, ok := parseQuickly(k, value); ok {
			return v, nil
		}
		v, err := parseScalar(field, string(value))
		if err != nil && s.kind == slotSaved {
			return 0, fmt.Errorf("${%s}: %w", s.source, err)
		}
		if err != nil {
			return 0, s.feed.rowError(s.feed.row(m.Seq), s.column, err)
		}
		return v, nil
	default:
	}
	switch k {
	case protoreflect.FloatKind:
		return uint64(math.Float32bits(float32(s.number(m)))), nil
	case protoreflect.DoubleKind:
		return math.Float64bits(s.number(m)), nil
	default:
		return encodeInt(k, s.integer(m))
	}
}

// encodeInt is a whole number as a field of the kind has it, if it can.
func encodeInt(k protoreflect.Kind, v int64) (uint64, error) {
	least, most := intRange(k)
	if v < least || v > 0 && uint64(v) > most {
		return 0, fmt.Errorf("%d is not within %v", v, k)
	}
	switch k {
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.EncodeZigZag(v), nil
	default:
		return uint64(v), nil //nolint:gosec // as varints have it
	}
}

// intRange is what whole numbers of a kind can be.
func intRange(k protoreflect.Kind) (least int64, most uint64) {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.EnumKind:
		return math.MinInt32, math.MaxInt32
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return 0, math.MaxUint32
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return 0, math.MaxUint64
	default:
		return math.MinInt64, math.MaxInt64
	}
}

// parseScalar reads a text as the value of a field that is no text.
func parseScalar(field protoreflect.FieldDescriptor, text string) (uint64, error) {
	k := field.Kind()
	switch k {
	case protoreflect.BoolKind:
		switch text {
		case "true", "1":
			return 1, nil
		case "false", "0":
			return 0, nil
		}
		return 0, fmt.Errorf("%q is neither true nor false", clip(text))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		bits := 64
		if k == protoreflect.FloatKind {
			bits = 32
		}
		v, err := strconv.ParseFloat(text, bits)
		if err != nil {
			return 0, fmt.Errorf("%q is no number of %v", clip(text), k)
		}
		if bits == 32 {
			return uint64(math.Float32bits(float32(v))), nil
		}
		return math.Float64bits(v), nil
	case protoreflect.EnumKind:
		if v := field.Enum().Values().ByName(protoreflect.Name(text)); v != nil {
			return encodeInt(k, int64(v.Number()))
		}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no number of %v", clip(text), k)
		}
		return v, nil
	default:
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		if k == protoreflect.EnumKind {
			return 0, fmt.Errorf("%s has no %q", field.Enum().FullName(), clip(text))
		}
		return 0, fmt.Errorf("%q is no number of %v", clip(text), k)
	}
	return encodeInt(k, v)
}

// parseQuickly is parseScalar of the usual numbers, without an allocation; what it does not know it leaves.
func parseQuickly(k protoreflect.Kind, text []byte) (v uint64, ok bool) {
	switch k {
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.FloatKind:
		return 0, false
	case protoreflect.DoubleKind:
		f, err := strconv.ParseFloat(string(text), 64)
		return math.Float64bits(f), err == nil
	default:
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			return 0, false
		}
		v, err = encodeInt(k, n)
		return v, err == nil
	}
}

// nanoseconds is a slot's value as a time, since 1970.
func (s *slot) nanoseconds(m *Moment) (int64, error) {
	if s.kind == slotNow {
		return m.time(), nil
	}
	value, err := s.appendText(nil, m)
	if err != nil {
		return 0, err
	}
	ns, err := parseTime(string(value))
	if err != nil && s.kind == slotSaved {
		return 0, fmt.Errorf("${%s}: %w", s.source, err)
	}
	if err != nil {
		return 0, s.feed.rowError(s.feed.row(m.Seq), s.column, err)
	}
	return ns, nil
}

// Varies says whether its messages are not all the same.
func (p *Program) Varies() bool { return len(p.slots) > 0 }

// Saved says whether its messages hold what other calls saved, so that they cannot be made again without these.
func (p *Program) Saved() bool {
	return slices.ContainsFunc(p.slots, func(s *slot) bool { return s.kind == slotSaved })
}

// AppendTo appends the message of a moment. Its errors are of feeds: a row whose value does not fit its field.
func (p *Program) AppendTo(dst []byte, m *Moment) ([]byte, error) {
	return p.append(dst, m, 0, len(p.ops))
}
