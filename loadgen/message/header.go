package message

import (
	"fmt"
	"strings"
)

// Header is the value of a call's metadata, with slots. It is read-only and may be used concurrently.
type Header struct {
	text   text
	binary bool
}

// HasSlots says whether a value of metadata has slots.
func HasSlots(value string) bool { return hasSlots(value) }

// Header compiles the value of a key's metadata; n tells values of the same key apart.
func (e *Slots) Header(key, value string, n int) (*Header, error) {
	t, err := e.parseText(value, fmt.Sprintf("-H %s#%d", key, n))
	if err != nil {
		return nil, err
	}
	h := &Header{text: t, binary: strings.HasSuffix(key, "-bin")}
	for _, p := range t {
		switch s := p.slot; {
		case s == nil || h.binary:
		case s.kind == slotBytes:
			return nil, fmt.Errorf("${%s} is bytes: a key that ends in -bin takes any", s.source)
		case s.kind == slotRow:
			if err := s.feed.check(s.column, printable); err != nil {
				return nil, err
			}
		}
	}
	return h, nil
}

// Append appends the value for a call, by its key (see [MomentOf]). An error is that of a feed's row.
func (h *Header) Append(dst []byte, call uint64) ([]byte, error) {
	m := MomentOf(call, 0)
	start := len(dst)
	dst, err := h.text.append(dst, &m)
	if err == nil && !h.binary {
		err = printable(dst[start:])
	}
	return dst, err
}

// printable says whether metadata may hold a value that is not of a -bin key.
func printable(value []byte) error {
	for _, c := range value {
		if c < ' ' || c > '~' {
			return fmt.Errorf("%q: metadata may hold printable ASCII only; a key that ends in -bin takes any bytes",
				clip(string(value)))
		}
	}
	return nil
}
