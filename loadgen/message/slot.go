package message

import "time"

// Moment is when a message is made: all that slots draw from, beside the seed. It is of one message, and is not changed
// once something was made of it.
type Moment struct {
	Seq    uint64 // the call's number, over the whole run
	Worker int
	I      int // the message's number in its stream
	Sent   int // messages that the call sent so far; of an answer alone
	step   uint64
	now    int64
	feed   *Feed  // the last that was asked for its row
	row    uint64 // of it
}

// MomentOf takes a call's key apart: its worker stands in the upper 16 bits, which step of its flow it is in the 8
// below, and the arrival's number in the last 40. All steps of a flow have the same number.
func MomentOf(call uint64, i int) Moment {
	return Moment{step: call >> 40 & 0xff, Seq: call & (1<<40 - 1), Worker: int(call >> 48), I: i}
}

// time is the wall clock's, in nanoseconds since 1970, once for all slots of a message.
func (m *Moment) time() int64 {
	if m.now == 0 {
		m.now = time.Now().UnixNano()
	}
	return m.now
}

// rowOf is the row of a feed, found once for columns that follow each other.
func (m *Moment) rowOf(f *Feed) uint64 {
	if m.feed != f {
		m.feed, m.row = f, f.row(m.Seq)
	}
	return m.row
}

// kind is what a slot makes.
type kind uint8

const (
	slotSeq kind = iota
	slotI
	slotWorker
	slotShard
	slotSent
	slotConst // no slot: a number as it is
	slotInt
	slotZipf
	slotNow
	slotFloat
	slotPick
	slotRow
	slotSaved
	slotID
	slotUUID
	slotHex
	slotText
	slotBytes
	slotFile
	slotAny
)

// slot is one ${...}.
type slot struct {
	kind   kind
	source string // what stands in the braces
	key    uint64 // of its random words
	from   int64  // of int and of the lengths of text; what sent begins with
	span   uint64 // how many values int and lengths have, 0: 2^64; what sent counts in
	low    float64
	wide   float64
	zipf   zipf
	picks  []string
	feed   *Feed
	column int     // of a feed, or which saved value
	short  []short // of a feed's column, by row
	saved  *Saved
	text   string // a file's bytes; the id's run
	format format
	unit   string // of now
}

// whole says whether the slot is a whole number.
func (s *slot) whole() bool { return s.kind <= slotZipf || s.kind == slotNow && s.unit != "rfc3339" }

// random says whether another occurrence of the slot has other values.
func (s *slot) random() bool {
	switch s.kind {
	case slotInt, slotZipf, slotFloat, slotPick, slotUUID, slotHex, slotText, slotBytes:
		return true
	default:
		return false
	}
}

// integer is the value of a whole slot.
func (s *slot) integer(m *Moment) int64 {
	switch s.kind {
	case slotSeq:
		return int64(m.Seq) //nolint:gosec // 40 bits
	case slotI:
		return int64(m.I)
	case slotWorker:
		return int64(m.Worker)
	case slotConst:
		return s.from
	case slotSent:
		return s.from + int64(m.Sent)*int64(s.span) //nolint:gosec // as given
	case slotInt:
		return s.draw(m)
	case slotZipf:
		w := wordsOf(s.key, m.Seq, m.I)
		return int64(s.zipf.draw(&w)) //nolint:gosec // below 2^53
	case slotNow:
		switch s.unit {
		case "unix":
			return m.time() / 1e9
		case "unix_ms":
			return m.time() / 1e6
		default:
			return m.time()
		}
	default: // slotShard: one process is shard 0
		return 0
	}
}

// draw is the value of an int slot.
func (s *slot) draw(m *Moment) int64 {
	w := wordsOf(s.key, m.Seq, m.I)
	return s.from + int64(w.below(s.span)) //nolint:gosec // wraps to where it belongs
}

// number is the value of a float slot.
func (s *slot) number(m *Moment) float64 {
	if s.kind != slotFloat {
		return float64(s.integer(m))
	}
	w := wordsOf(s.key, m.Seq, m.I)
	return s.low + s.wide*w.unit()
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// appendText appends the value as text; of slotBytes as bytes. It allocates only to grow dst.
func (s *slot) appendText(dst []byte, m *Moment) ([]byte, error) {
	switch s.kind {
	case slotFloat:
		return s.format.appendFloat(dst, s.number(m)), nil
	case slotPick:
		return append(dst, s.picks[s.pick(m)]...), nil
	case slotRow:
		return s.appendColumn(dst, m)
	case slotSaved:
		return append(dst, s.saved.value(m.Worker, s.column)...), nil
	case slotFile:
		return append(dst, s.text...), nil
	case slotNow:
		if s.unit == "rfc3339" {
			return time.Unix(0, m.time()).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000Z"), nil
		}
	case slotID:
		dst = append(append(dst, s.text...), '-')
		dst = append(appendHex(dst, uint64(m.Worker), 4), '-') //nolint:gosec // 16 bits
		return appendHex(dst, m.step<<40|m.Seq, 12), nil
	case slotHex:
		w := wordsOf(s.key, m.Seq, m.I)
		for n := s.length(&w); n > 0; n -= 16 {
			dst = appendHex(dst, w.next(), min(n, 16))
		}
		return dst, nil
	case slotText:
		w := wordsOf(s.key, m.Seq, m.I)
		for n := s.length(&w); n > 0; n -= 10 {
			v := w.next()
			for range min(n, 10) { // six bits a letter
				dst = append(dst, letters[v&63])
				v >>= 6
			}
		}
		return dst, nil
	case slotBytes:
		w := wordsOf(s.key, m.Seq, m.I)
		for n := s.length(&w); n > 0; n -= 8 {
			v := w.next()
			for range min(n, 8) {
				dst = append(dst, byte(v))
				v >>= 8
			}
		}
		return dst, nil
	default:
	}
	return s.format.appendInt(dst, s.integer(m)), nil
}

func (s *slot) pick(m *Moment) uint64 {
	w := wordsOf(s.key, m.Seq, m.I)
	return w.below(uint64(len(s.picks)))
}

// length is how many letters or bytes there are.
func (s *slot) length(w *words) int {
	if s.span == 1 {
		return int(s.from)
	}
	return int(s.from) + int(w.below(s.span)) //nolint:gosec // a length
}
