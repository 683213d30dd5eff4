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
		t = append(t, part{slot: slot})
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
		if t[i].slot == nil {
			dst = append(dst, t[i].literal...)
		} else if dst, err = t[i].slot.appendText(dst, m); err != nil {
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
