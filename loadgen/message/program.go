package message

import (
	"encoding/binary"
	"slices"
	"strconv"

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
	opGroup          // what the ops up to end append
	opVarint         // a whole number, a bool or an enum
	opFixed32
	opFixed64
	opTimestamp // the fields of a google.protobuf.Timestamp
	opText      // a slot's value as text
	// What follows does as one of the above does, of the usual slots, and quicker.
	opInt    // opVarint of an int that its field takes as it is
	opDigits // opText of a counter in decimal digits, as many as end says
	opHex    // opText of a counter in hex digits, as many as end says
	opUUID   // opText of a UUID
	opColumn // opText of a feed's column; of a feed of messages a whole one
)

// op is one step of a program: literal bytes, and then a value. It is as large as a line of the processor's cache.
type op struct {
	code opcode
	// length is how far before the value the byte stands that a length goes to, of the value and of the literal bytes
	// between; 0 is that there is none.
	length uint8
	// tag is how much of the literal is taken back where the value is the default, which then is not sent.
	tag  uint8
	kind protoreflect.Kind // the field's
	// end is of a group where it ends, behind its last op, and of a counter how many digits it has.
	end int32
	// literal goes before the value: tags, and what never changes. Head is its first 8 bytes, the first of them lowest.
	literal []byte
	head    uint64
	slot    *slot
	field   protoreflect.FieldDescriptor
}

// setLiteral gives the op the bytes that it appends first.
func (o *op) setLiteral(b []byte) {
	var head [8]byte
	copy(head[:], b)
	o.literal, o.head = b, binary.LittleEndian.Uint64(head[:])
}

// run carries out ops[from:to].
func run(ops []op, dst []byte, m *Moment, from, to int) (_ []byte, err error) {
	for i := from; i < to; i++ {
		o := &ops[i]
		if n := len(o.literal); n <= 8 { // eight are written, and what is too much is taken back: no copy of few bytes
			dst = binary.LittleEndian.AppendUint64(dst, o.head)[:len(dst)+n]
		} else {
			dst = append(dst, o.literal...)
		}
		value := len(dst)
		switch o.code {
		case opLiteral:
		case opGroup:
			if dst, err = run(ops, dst, m, i+1, int(o.end)); err != nil {
				return dst, err
			}
			i = int(o.end) - 1
		case opDigits:
			dst = appendDigits(dst, o.slot.counted(m), int(o.end))
		case opHex:
			if v := o.slot.counted(m); v>>(4*o.end) == 0 {
				dst = appendHex(dst, v, int(o.end))
			} else {
				dst = strconv.AppendUint(dst, v, 16)
			}
		case opUUID:
			w := wordsOf(o.slot.key, m.Seq, m.I)
			dst = appendUUID(dst, w.next(), w.next())
		case opColumn:
			if dst, err = o.slot.appendColumn(dst, m); err != nil {
				return dst, err
			}
		case opText:
			if dst, err = o.slot.appendText(dst, m); err != nil {
				return dst, err
			}
		case opInt:
			if v := o.slot.draw(m); v != 0 || o.tag == 0 {
				dst = binary.AppendUvarint(dst, uint64(v)) //nolint:gosec // as varints have it
			} else {
				dst = dst[:value-int(o.tag)]
			}
		case opTimestamp:
			ns, err := o.slot.nanoseconds(m)
			if err != nil {
				return dst, err
			}
			dst = appendTimestamp(dst, ns)
		default:
			if dst, err = o.appendNumber(dst, m); err != nil {
				return dst, err
			}
		}
		if o.length == 0 {
			continue
		}
		at := value - int(o.length)
		switch n := len(dst) - at - 1; {
		case n == 0 && o.tag > 0:
			dst = dst[:at-int(o.tag)]
		case n < 0x80:
			dst[at] = byte(n)
		default:
			dst = putLength(dst, at, n)
		}
	}
	return dst, nil
}

// putLength makes room for a length of n at dst[at], of which it has a byte so far, and writes it there.
func putLength(dst []byte, at, n int) []byte {
	var length [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(length[:], uint64(n)) //nolint:gosec // a length
	dst = append(dst, length[:w-1]...)
	copy(dst[at+w:], dst[at+1:at+1+n])
	copy(dst[at:], length[:w])
	return dst
}

// Varies says whether its messages are not all the same.
func (p *Program) Varies() bool { return len(p.slots) > 0 }

// Saved says whether its messages hold what other calls saved, so that they cannot be made again without these.
func (p *Program) Saved() bool {
	return slices.ContainsFunc(p.slots, func(s *slot) bool { return s.kind == slotSaved })
}

// AppendTo appends the message of a moment. Its errors are of feeds: a row whose value does not fit its field.
func (p *Program) AppendTo(dst []byte, m *Moment) ([]byte, error) {
	return run(p.ops, dst, m, 0, len(p.ops))
}
