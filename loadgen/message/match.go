package message

import (
	"bytes"
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// matches says whether an encoded message holds what is wanted, as far as its bytes tell: where they are unusual it
// says no, though a decoder might find a match.
func matches(body []byte, wants []want, m *Moment) bool {
	var seen uint64
	for len(body) > 0 {
		number, kind, n := protowire.ConsumeTag(body)
		if n < 0 {
			return false
		}
		body = body[n:]
		var value []byte // of a varint or a fixed number as it is encoded, of others what is within
		if kind == protowire.BytesType {
			value, n = protowire.ConsumeBytes(body)
		} else if n = protowire.ConsumeFieldValue(number, kind, body); n >= 0 {
			value = body[:n]
		}
		if n < 0 {
			return false
		}
		body = body[n:]
		for i := range wants {
			w := &wants[i]
			if w.number != number {
				continue
			}
			if seen&(1<<i) != 0 || w.absent || !w.matches(kind, value, m) {
				return false // the last of several counts, or they are one: decoders know
			}
			seen |= 1 << i
		}
	}
	for i := range wants {
		if seen&(1<<i) == 0 && !wants[i].unsent {
			return false
		}
	}
	return true
}

func (w *want) matches(kind protowire.Type, value []byte, m *Moment) bool {
	switch kind {
	case protowire.BytesType:
		switch {
		case w.inner:
			return matches(value, w.within, m)
		case w.anything:
			return len(value) > 0 || w.field.HasPresence()
		case w.leaf == nil || w.leaf.code != opGroup:
			return false
		}
		var buf [256]byte
		wanted, err := w.leaf.text.append(buf[:0], m)
		return err == nil && bytes.Equal(wanted, value)
	case protowire.VarintType:
		if w.leaf == nil || w.leaf.code != opVarint {
			return false
		}
		got, _ := protowire.ConsumeVarint(value)
		wanted, err := w.leaf.slot.scalar(w.leaf.field, w.leaf.kind, m)
		return err == nil && got == wanted
	case protowire.Fixed32Type:
		if w.leaf == nil || w.leaf.code != opFixed32 {
			return false
		}
		wanted, err := w.leaf.slot.scalar(w.leaf.field, w.leaf.kind, m)
		return err == nil && uint64(binary.LittleEndian.Uint32(value)) == wanted&math.MaxUint32
	case protowire.Fixed64Type:
		if w.leaf == nil || w.leaf.code != opFixed64 {
			return false
		}
		wanted, err := w.leaf.slot.scalar(w.leaf.field, w.leaf.kind, m)
		return err == nil && binary.LittleEndian.Uint64(value) == wanted
	default:
		return false
	}
}
