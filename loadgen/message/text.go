package message

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// text is a string with slots in it: ops that append literal text and a slot's value.
type text []op

// parseText reads a string; $${ in it stands for ${. Where says where it stands.
func (e *Slots) parseText(s, where string) (t text, err error) {
	var literal []byte // that goes before the next slot
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			return t.with(append(literal, s...)), nil
		}
		if i > 0 && s[i-1] == '$' {
			literal = append(append(literal, s[:i-1]...), "${"...)
			s = s[i+2:]
			continue
		}
		literal = append(literal, s[:i]...)
		source, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			return nil, fmt.Errorf("%s: a ${ without its }; $${ stands for ${", clip(s[i:]))
		}
		slot, err := e.parse(source, fmt.Sprintf("%s#%d", where, len(t)))
		if err != nil {
			return nil, err
		}
		o := op{slot: slot}
		o.code, o.end = textCode(slot)
		o.setLiteral(literal)
		t, s, literal = append(t, o), rest, nil
	}
}

// with is the text with literal bytes behind it.
func (t text) with(literal []byte) text {
	if len(literal) == 0 {
		return t
	}
	o := op{code: opLiteral}
	o.setLiteral(literal)
	return append(t, o)
}

// textCode is how a slot's value is written as text, and of a counter in how many digits.
func textCode(s *slot) (code opcode, digits int32) {
	f := &s.format
	padded := s.kind <= slotI && f.zeros && !f.upper && f.width > 0 && f.width <= 16
	switch {
	case padded && f.base == 10:
		return opDigits, int32(f.width) //nolint:gosec // 16 at most
	case padded && f.base == 16:
		return opHex, int32(f.width) //nolint:gosec // as above
	case s.kind == slotUUID:
		return opUUID, 0
	case s.kind == slotRow:
		return opColumn, 0
	default:
		return opText, 0
	}
}

// hasSlots says whether a string has a slot, or the escape $${.
func hasSlots(s string) bool { return strings.Contains(s, "${") }

// soleSlot is the slot that the text is, or nil where it is more.
func (t text) soleSlot() *slot {
	if len(t) == 1 && len(t[0].literal) == 0 {
		return t[0].slot
	}
	return nil
}

func (t text) append(dst []byte, m *Moment) ([]byte, error) { return run(t, dst, m, 0, len(t)) }

// isText says whether the text is never anything else than UTF-8.
func (t text) isText() error {
	for _, p := range t {
		if p.slot != nil && (p.slot.kind == slotBytes || p.slot.kind == slotFile && !utf8.ValidString(p.slot.text)) {
			return fmt.Errorf("${%s} is bytes, which are not always text", p.slot.source)
		}
	}
	return nil
}

// counted is the value of ${seq} or ${i}.
func (s *slot) counted(m *Moment) uint64 {
	if s.kind == slotSeq {
		return m.Seq
	}
	return uint64(m.I) //nolint:gosec // a count
}
