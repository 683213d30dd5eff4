package message

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Moment is when a message is made: all that slots draw from, beside the seed.
type Moment struct {
	Seq    uint64 // the call's number, over the whole run
	Worker int
	I      int // the message's number in its stream
	Sent   int // messages that the call sent so far; of an answer alone
	step   uint64
	now    int64
}

// MomentOf takes a call's key apart: its worker stands in the upper 16 bits, which step of its flow it is in the 8 below,
// and the arrival's number in the last 40. All steps of a flow have the same number.
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
	column int // of a feed, or which saved value
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
		return int64(m.Seq) //nolint:gosec // 48 bits
	case slotI:
		return int64(m.I)
	case slotWorker:
		return int64(m.Worker)
	case slotConst:
		return s.from
	case slotSent:
		return s.from + int64(m.Sent)*int64(s.span) //nolint:gosec // as given
	case slotInt:
		w := wordsOf(s.key, m.Seq, m.I)
		return s.from + int64(w.below(s.span)) //nolint:gosec // wraps to where it belongs
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

// number is the value of a float slot.
func (s *slot) number(m *Moment) float64 {
	if s.kind != slotFloat {
		return float64(s.integer(m))
	}
	w := wordsOf(s.key, m.Seq, m.I)
	return s.low + s.wide*w.unit()
}

const (
	zeros   = "00000000000000000000"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
)

// appendText appends the value as text; of slotBytes as bytes. It allocates only to grow dst.
func (s *slot) appendText(dst []byte, m *Moment) ([]byte, error) {
	switch s.kind {
	case slotFloat:
		return s.format.appendFloat(dst, s.number(m)), nil
	case slotPick:
		return append(dst, s.picks[s.pick(m)]...), nil
	case slotRow:
		return s.feed.appendValue(dst, m.Seq, s.column)
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
	case slotUUID:
		w := wordsOf(s.key, m.Seq, m.I)
		return appendUUID(dst, w.next(), w.next()), nil
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

// appendHex appends the low n digits of v, 16 at most.
func appendHex(dst []byte, v uint64, n int) []byte {
	b := hex16(v)
	return append(dst, b[16-n:]...)
}

// hex16 is v in hex digits.
func hex16(v uint64) (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], hex8(v>>32))
	binary.BigEndian.PutUint64(b[8:], hex8(v&(1<<32-1)))
	return b
}

// hex8 is 32 bits as eight digits, the first of them highest: each digit is spread to a byte of its own, and turned into
// its letter, all at once.
func hex8(x uint64) uint64 {
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	above9 := (x + 0x0606060606060606) >> 4 & 0x0101010101010101
	return x + 0x3030303030303030 + above9*('a'-'0'-10)
}

// appendUUID appends a UUID of version 4 (RFC 9562) of random bits.
func appendUUID(dst []byte, a, b uint64) []byte {
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	high, low := hex16(a), hex16(b)
	at := len(dst)
	dst = append(dst, "00000000-0000-0000-0000-000000000000"...)
	u := dst[at : at+36 : at+36]
	copy(u[:8], high[:8])
	copy(u[9:13], high[8:12])
	copy(u[14:18], high[12:])
	copy(u[19:23], low[:4])
	copy(u[24:], low[4:])
	return dst
}

// Slots is what the slots of a run have in common. The zero Slots has no feeds.
type Slots struct {
	// Seed makes the random values; the same seed makes the same data.
	Seed uint64
	// Run is the part of request ids that names the run.
	Run uint32
	// Feeds are by their names.
	Feeds map[string]*Feed
	// Step parts the random values of one step from those of others, which may have slots in the same places; empty for
	// the only one.
	Step string
	// Saved holds what earlier steps saved, and Known the numbers in it of what this step may use, by name.
	Saved *Saved
	Known map[string]int
	// asked are the slots of the requests, where an answer's are read: theirs mean these.
	asked []*slot
	// answer says that an answer's slots are read.
	answer bool
}

// names are what a slot may be called.
var names = []string{"seq", "i", "worker", "shard", "id", "now", "uuid", "hex(n)", "text(n)", "bytes(n)", "int(a,b)", "float(a,b)", "zipf(n,s)", "pick(a,b)", "file(name)"}

// most is the longest text, hex or bytes, as is grpc-go's limit of a message.
const most = 64 << 20

// parse reads what stands in a slot's braces. Where says where it stands, for its key.
func (e *Slots) parse(source, where string) (*slot, error) {
	s := &slot{source: source, key: keyOf(e.Seed, e.Step+where)}
	if err := e.fill(s); err != nil {
		return nil, fmt.Errorf("${%s}: %w", source, err)
	}
	if !e.answer || !s.random() {
		return s, nil
	}
	var same []*slot
	for _, other := range e.asked {
		if other.source == source {
			same = append(same, other)
		}
	}
	if len(same) != 1 {
		return nil, fmt.Errorf("${%s}: in an answer it means what the request has, and the request has %d of it", source, len(same))
	}
	return same[0], nil
}

func (e *Slots) fill(s *slot) error {
	if feed, column, ok := strings.Cut(s.source, "."); ok && !strings.Contains(feed, "(") && !strings.Contains(feed, ":") {
		return e.fillRow(s, feed, column)
	}
	call, formatted, hasFormat := cutLast(s.source)
	name, list, hasArgs := strings.Cut(call, "(")
	var args []string
	if hasArgs {
		inner, closed := strings.CutSuffix(list, ")")
		if !closed {
			return fmt.Errorf("a ( without its )")
		}
		for arg := range strings.SplitSeq(inner, ",") {
			args = append(args, strings.TrimSpace(arg))
		}
	}
	var err error
	wants := func(n ...int) bool {
		if !slices.Contains(n, len(args)) {
			err = fmt.Errorf("want %s", usageOf(name))
		}
		return err == nil
	}
	switch name {
	case "seq", "i", "worker", "shard", "id", "uuid":
		s.kind = map[string]kind{"seq": slotSeq, "i": slotI, "worker": slotWorker, "shard": slotShard, "id": slotID, "uuid": slotUUID}[name]
		s.text = fmt.Sprintf("%08x", e.Run)
		wants(0)
	case "sent", "any":
		switch {
		case !e.answer:
			return fmt.Errorf("it is of answers alone")
		case name == "any":
			s.kind = slotAny
			wants(0)
		case wants(0, 2):
			s.kind, s.span = slotSent, 1
			if len(args) == 2 {
				var each int64
				if s.from, each, err = twoInts(args); err == nil {
					s.span = uint64(each) //nolint:gosec // and back again
				}
			}
		}
	case "now":
		s.kind, s.unit = slotNow, "rfc3339"
		if e.answer {
			return fmt.Errorf("an answer cannot be held against when its request was sent")
		}
		if hasFormat {
			s.unit, hasFormat = formatted, false
		}
		if !slices.Contains([]string{"unix", "unix_ms", "unix_ns", "rfc3339"}, s.unit) {
			return fmt.Errorf("want unix, unix_ms, unix_ns or rfc3339 after the colon, not %q", s.unit)
		}
		wants(0)
	case "hex", "text", "bytes":
		s.kind = map[string]kind{"hex": slotHex, "text": slotText, "bytes": slotBytes}[name]
		if wants(1, 2) {
			var to int64
			s.from, to, err = twoInts([]string{args[0], args[len(args)-1]})
			if err == nil && (s.from < 0 || to < s.from || to > most) {
				err = fmt.Errorf("want a length of 0 to %d, or two of them, the less first", most)
			}
			s.span = uint64(to-s.from) + 1 //nolint:gosec // lengths
		}
	case "int":
		if s.kind = slotInt; wants(2) {
			var to int64
			if s.from, to, err = twoInts(args); err == nil && to < s.from {
				err = fmt.Errorf("want the less first")
			}
			s.span = uint64(to-s.from) + 1 //nolint:gosec // wraps to 0 for all of them
		}
	case "float":
		if s.kind = slotFloat; wants(2) {
			var to float64
			if s.low, to, err = twoFloats(args); err == nil && !(to >= s.low && !math.IsInf(to-s.low, 0)) {
				err = fmt.Errorf("want the less first")
			}
			s.wide = to - s.low
		}
	case "zipf":
		if s.kind = slotZipf; wants(2) {
			var n, skew float64
			if n, skew, err = twoFloats(args); err == nil && !(n >= 1 && n <= 1<<48 && n == math.Trunc(n) && skew > 0 && skew <= 100) {
				err = fmt.Errorf("want a number of values, and a skew above 0")
			}
			if err == nil {
				s.zipf = newZipf(uint64(n), skew)
			}
		}
	case "pick":
		if s.kind, s.picks = slotPick, args; len(args) == 0 || len(args) == 1 && args[0] == "" {
			err = fmt.Errorf("want something to pick from")
		}
	case "file":
		if s.kind = slotFile; wants(1) {
			var data []byte
			if data, err = os.ReadFile(args[0]); err != nil {
				return err //nolint:wrapcheck // it names the file
			}
			s.text = string(data)
		}
	default:
		if number, ok := e.Known[name]; ok && !hasArgs && !hasFormat {
			s.kind, s.saved, s.column = slotSaved, e.Saved, number
			return nil
		}
		known := slices.Concat(names, slices.Sorted(maps.Keys(e.Known)))
		for _, f := range e.sortedFeeds() {
			known = append(known, f.Name+"."+strings.Join(f.columns(), ", "+f.Name+"."))
		}
		return fmt.Errorf("unknown slot; there are %s", strings.Join(known, ", "))
	}
	if err == nil && hasFormat {
		err = s.format.parse(formatted, s.whole(), s.kind == slotFloat)
	}
	return err
}

// fillRow makes the slot a feed's column.
func (e *Slots) fillRow(s *slot, name, column string) (err error) {
	s.kind, s.feed = slotRow, e.Feeds[name]
	if s.feed == nil {
		return fmt.Errorf("there is no feed %s: -feed %s=FILE makes one (-feed FILE is called row)", name, name)
	}
	s.column, err = s.feed.column(column)
	return err
}

func (e *Slots) sortedFeeds() (all []*Feed) {
	for _, f := range e.Feeds {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *Feed) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// cutLast parts a slot from its format, which follows the last colon behind its arguments.
func cutLast(source string) (call, format string, ok bool) {
	i := strings.LastIndexByte(source, ':')
	if i < 0 || i < strings.LastIndexByte(source, ')') {
		return source, "", false
	}
	return source[:i], source[i+1:], true
}

func usageOf(name string) string {
	for _, n := range names {
		if strings.HasPrefix(n, name+"(") || n == name {
			return "${" + n + "}"
		}
	}
	return "${" + name + "}"
}

func twoInts(args []string) (a, b int64, err error) {
	a, err = strconv.ParseInt(args[0], 10, 64)
	if err == nil {
		b, err = strconv.ParseInt(args[1], 10, 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("want whole numbers: %w", err)
	}
	return a, b, nil
}

func twoFloats(args []string) (a, b float64, err error) {
	a, err = strconv.ParseFloat(args[0], 64)
	if err == nil {
		b, err = strconv.ParseFloat(args[1], 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("want numbers: %w", err)
	}
	return a, b, nil
}

// format is how a number is written: [0][width][.precision][d|x|X|o|b|f].
type format struct {
	base, width, precision int
	zeros, upper, fixed    bool
}

func (f *format) parse(text string, whole, float bool) error {
	wrong := fmt.Errorf("the format %q: want one like 08, x, 04X of a whole number, or .2 of a fraction", text)
	rest := text
	if f.zeros = strings.HasPrefix(rest, "0"); f.zeros {
		rest = rest[1:]
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if digits > 0 {
		f.width, _ = strconv.Atoi(rest[:digits])
		rest = rest[digits:]
	}
	if text == "" || f.width > 1000 {
		return wrong
	}
	switch {
	case whole && slices.Contains([]string{"", "d", "x", "X", "o", "b"}, rest):
		f.base = map[string]int{"": 10, "d": 10, "x": 16, "X": 16, "o": 8, "b": 2}[rest]
		f.upper = rest == "X"
		return nil
	case float && strings.HasPrefix(rest, ".") && f.width == 0:
		n, err := strconv.Atoi(strings.TrimSuffix(rest[1:], "f"))
		if err != nil || n < 0 || n > 100 {
			return wrong
		}
		f.fixed, f.precision = true, n
		return nil
	default:
		return wrong
	}
}

func (f *format) appendInt(dst []byte, v int64) []byte {
	if f.base == 16 && f.zeros && v >= 0 && f.width > 0 && f.width <= 16 && (f.width == 16 || v>>(4*f.width) == 0) && !f.upper {
		return appendHex(dst, uint64(v), f.width) // the quick way, of most ids
	}
	if f.base == 0 {
		return strconv.AppendInt(dst, v, 10)
	}
	start := len(dst)
	if f.base == 10 && f.zeros && v >= 0 && f.width < len(zeros) { // so are many
		dst = append(dst, zeros[:f.width]...)
		rest := v
		for k := len(dst) - 1; k >= start && rest > 0; k-- {
			dst[k] = byte('0' + rest%10)
			rest /= 10
		}
		if rest == 0 {
			return dst
		}
		return strconv.AppendInt(dst[:start], v, 10)
	}
	dst = strconv.AppendInt(dst, v, f.base)
	if f.upper {
		for i := start; i < len(dst); i++ {
			if dst[i] >= 'a' {
				dst[i] -= 'a' - 'A'
			}
		}
	}
	short := f.width - (len(dst) - start)
	if short <= 0 {
		return dst
	}
	fill := byte(' ')
	if f.zeros {
		fill = '0'
		if v < 0 {
			start++ // the zeros go behind the sign
		}
	}
	for range short {
		dst = append(dst, fill)
	}
	copy(dst[start+short:], dst[start:len(dst)-short])
	for i := range short {
		dst[start+i] = fill
	}
	return dst
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f *format) appendFloat(dst []byte, v float64) []byte {
	if f.fixed {
		return strconv.AppendFloat(dst, v, 'f', f.precision, 64)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}

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

// hasSlots says whether a string has a slot, or what stands for its beginning.
func hasSlots(s string) bool { return strings.Contains(s, "${") }

// alone is the slot that the text is, or nil where it is more.
func (t text) alone() *slot {
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
