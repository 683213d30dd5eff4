package message

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// leaf makes the value of one field: the text of a string or of bytes, and of all else the op alone.
type leaf struct {
	op
	text text
}

// textLeaf makes a text, after its length.
func textLeaf(t text) *leaf { return &leaf{op: op{code: opGroup}, text: t} }

// leafOf is what makes the value of a field by a text, and a value that stands for it.
func leafOf(field protoreflect.FieldDescriptor, t text) (_ *leaf, sample any, err error) {
	k, s := field.Kind(), t.soleSlot()
	switch k {
	case protoreflect.StringKind:
		return textLeaf(t), "x", t.isText()
	case protoreflect.BytesKind: // what slots make stands as it is, and so does what is beside them
		return textLeaf(t), "eA==", nil
	default:
	}
	if s == nil {
		return nil, nil, fmt.Errorf("want one slot and nothing beside it, for %v", k)
	}
	if s.format.base != 0 || s.format.fixed {
		return nil, nil, fmt.Errorf("${%s}: %v has no format", s.source, k)
	}
	sample, err = checkSlot(field, s)
	if err != nil {
		err = fmt.Errorf("${%s}: %w", s.source, err)
	}
	return numberLeaf(field, s), sample, err
}

// numberLeaf makes a field's value that is no text.
func numberLeaf(field protoreflect.FieldDescriptor, s *slot) *leaf {
	return &leaf{op: op{code: codeOf(field, s), slot: s, field: field, kind: field.Kind()}}
}

// codeOf is how a number is encoded.
func codeOf(field protoreflect.FieldDescriptor, s *slot) opcode {
	zigzag := field.Kind() == protoreflect.Sint32Kind || field.Kind() == protoreflect.Sint64Kind
	if s.kind == slotInt && wireType(field.Kind()) == protowire.VarintType && !zigzag {
		return opInt // whose range is looked at before
	}
	switch wireType(field.Kind()) {
	case protowire.Fixed32Type:
		return opFixed32
	case protowire.Fixed64Type:
		return opFixed64
	default:
		return opVarint
	}
}

// checkSlot says whether a slot can be the value of a field that is no text.
func checkSlot(field protoreflect.FieldDescriptor, s *slot) (sample any, err error) {
	k := field.Kind()
	sample = 0
	switch k {
	case protoreflect.BoolKind:
		sample = true
	case protoreflect.EnumKind:
		sample = int(field.Enum().Values().Get(0).Number())
	default:
	}
	switch {
	case s.kind == slotAny, s.kind == slotSaved: // of the latter nothing is known yet
		return sample, nil
	case s.kind == slotPick:
		for _, text := range s.picks {
			if _, err := parseScalar(field, text); err != nil {
				return nil, err
			}
		}
		return sample, nil
	case s.kind == slotRow:
		return sample, s.feed.check(s.column, func(value []byte) error {
			_, err := parseScalar(field, string(value))
			return err
		})
	case k == protoreflect.FloatKind || k == protoreflect.DoubleKind:
		if s.whole() || s.kind == slotFloat {
			return sample, nil
		}
	case k == protoreflect.BoolKind: // not of numbers
	case s.whole():
		least, most := intRange(k)
		switch top := s.from + int64(s.span-1); { //nolint:gosec // wraps to where it belongs
		case s.kind == slotInt && s.from < least:
			return nil, fmt.Errorf("%d is below what %v can be", s.from, k)
		case s.kind == slotInt && (s.span == 0 && most < 1<<63-1 || top > 0 && uint64(top) > most):
			return nil, fmt.Errorf("%d is beyond what %v can be", top, k)
		case s.kind == slotZipf && uint64(s.zipf.n)-1 > most:
			return nil, fmt.Errorf("%.0f is beyond what %v can be", s.zipf.n-1, k)
		case s.kind == slotNow && most <= 1<<32 && s.unit != "unix":
			return nil, fmt.Errorf("it is beyond what %v can be", k)
		}
		return sample, nil
	}
	hint := ""
	if s.kind == slotNow {
		hint = ": ${now:unix} is a number"
	}
	return nil, fmt.Errorf("it is no %v%s", k, hint)
}

func parseTime(s string) (int64, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no time as 2006-01-02T15:04:05Z", clip(s))
	}
	return t.UnixNano(), nil
}
