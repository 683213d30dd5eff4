package message

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// appendNumber appends a value that is no text.
func (o *op) appendNumber(dst []byte, m *Moment) ([]byte, error) {
	v, err := o.slot.scalar(o.field, o.kind, m)
	if err != nil {
		return dst, err
	}
	switch {
	case v == 0 && o.tag > 0:
		return dst[:len(dst)-int(o.tag)], nil
	case o.code == opVarint:
		return binary.AppendUvarint(dst, v), nil
	case o.code == opFixed32: // of a field that has as many bits
		return binary.LittleEndian.AppendUint32(dst, uint32(v)), nil //nolint:gosec
	default:
		return binary.LittleEndian.AppendUint64(dst, v), nil
	}
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
			return 0, s.feed.rowError(m.rowOf(s.feed), s.column, err)
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
		return 0, s.feed.rowError(m.rowOf(s.feed), s.column, err)
	}
	return ns, nil
}
