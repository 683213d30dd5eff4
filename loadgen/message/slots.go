package message

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

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
var names = []string{
	"seq", "i", "worker", "shard", "id", "now", "uuid", "hex(n)", "text(n)", "bytes(n)", "int(a,b)",
	"float(a,b)", "zipf(n,s)", "pick(a,b)", "file(name)",
}

// most is the longest text, hex or bytes: 64 MiB, the target's largest upload.
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
		return nil, fmt.Errorf("${%s}: in an answer it means what the request has, and the request has %d of it",
			source, len(same))
	}
	return same[0], nil
}

func (e *Slots) fill(s *slot) error {
	if feed, column, ok := strings.Cut(s.source, "."); ok && !strings.Contains(feed, "(") &&
		!strings.Contains(feed, ":") {
		return e.fillRow(s, feed, column)
	}
	call, formatted, hasFormat := cutLast(s.source)
	name, list, hasArgs := strings.Cut(call, "(")
	var args []string
	if hasArgs {
		inner, closed := strings.CutSuffix(list, ")")
		if !closed {
			return errors.New("a ( without its )")
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
		s.kind = map[string]kind{
			"seq": slotSeq, "i": slotI, "worker": slotWorker, "shard": slotShard, "id": slotID,
			"uuid": slotUUID,
		}[name]
		s.text = fmt.Sprintf("%08x", e.Run)
		wants(0)
	case "sent", "any":
		switch {
		case !e.answer:
			return errors.New("it is of answers alone")
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
			return errors.New("an answer cannot be held against when its request was sent")
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
		s.kind = slotInt
		if wants(2) {
			var to int64
			if s.from, to, err = twoInts(args); err == nil && to < s.from {
				err = errors.New("want the less first")
			}
			s.span = uint64(to-s.from) + 1 //nolint:gosec // wraps to 0 for all of them
		}
	case "float":
		s.kind = slotFloat
		if wants(2) {
			var to float64
			if s.low, to, err = twoFloats(args); err == nil && !(to >= s.low && !math.IsInf(to-s.low, 0)) {
				err = errors.New("want the less first")
			}
			s.wide = to - s.low
		}
	case "zipf":
		s.kind = slotZipf
		if wants(2) {
			var n, skew float64
			if n, skew, err = twoFloats(args); err == nil &&
				!(n >= 1 && n <= 1<<48 && n == math.Trunc(n) && skew > 0 && skew <= 100) {
				err = errors.New("want a number of values, and a skew above 0")
			}
			if err == nil {
				s.zipf = newZipf(uint64(n), skew)
			}
		}
	case "pick":
		s.kind, s.picks = slotPick, args
		if len(args) == 0 || len(args) == 1 && args[0] == "" {
			err = errors.New("want something to pick from")
		}
	case "file":
		s.kind = slotFile
		if wants(1) {
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
	if s.column, err = s.feed.column(column); err == nil {
		s.short = s.feed.shorts(s.column)
	}
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
