package message

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// text is a string with slots in it.
type text []part

// part is literal text, or a slot.
type part struct {
	literal string
	slot    *slot
	// hexWidth is how many hex digits a counter has, which are written at once; 0 for every other part.
	hexWidth uint8
}

// parseText reads a string; $${ in it stands for ${. Where says where it stands.
func (e *Slots) parseText(s, where string) (t text, err error) {
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t = append(t, part{literal: literal.String()})
			literal.Reset()
		}
	}
	n := 0
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			literal.WriteString(s)
			flush()
			return t, nil
		}
		if i > 0 && s[i-1] == '$' {
			literal.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		literal.WriteString(s[:i])
		source, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			return nil, fmt.Errorf("%s: a ${ without its }; $${ stands for ${", clip(s[i:]))
		}
		flush()
		slot, err := e.parse(source, fmt.Sprintf("%s#%d", where, n))
		if err != nil {
			return nil, err
		}
		p := part{slot: slot}
		if f := &slot.format; slot.kind <= slotI && f.base == 16 && f.zeros && !f.upper && f.width <= 16 {
			p.hexWidth = uint8(f.width) //nolint:gosec // 16 at most
		}
		t = append(t, p)
		s, n = rest, n+1
	}
}

// hasSlots says whether a string has a slot, or the escape $${.
func hasSlots(s string) bool { return strings.Contains(s, "${") }

// soleSlot is the slot that the text is, or nil where it is more.
func (t text) soleSlot() *slot {
	if len(t) == 1 {
		return t[0].slot
	}
	return nil
}

func (t text) append(dst []byte, m *Moment) ([]byte, error) {
	var err error
	for i := range t {
		p := &t[i]
		if p.slot == nil {
			dst = append(dst, p.literal...)
			continue
		}
		if v := p.slot.counted(m); p.hexWidth > 0 && v>>(4*p.hexWidth) == 0 {
			dst = appendHex(dst, v, int(p.hexWidth))
			continue
		}
		if dst, err = t[i].slot.appendText(dst, m); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

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
