package message

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/tidwall/gjson"
)

// index is where a file's rows begin, in bytes: the low 32 bits of each.
type index struct {
	mapped
	begun  int // what was not forgotten yet begins there
	starts []uint32
	high   []uint32 // of each further 4 GiB, the first row that begins there
	n      int
}

// grow makes room for as many rows as there are lines.
func (x *index) grow() {
	lines := 0
	x.pass(func(part []byte) { lines += bytes.Count(part, []byte("\n")) })
	x.starts = make([]uint32, 0, lines+1)
}

// looked forgets what was looked at, up to an offset.
func (x *index) looked(at int) {
	if at-x.begun > chunk {
		x.done(x.begun, at)
		x.begun = at
	}
}

// add notes the start of the next row.
func (x *index) add(at int) {
	for uint64(at)>>32 >= uint64(len(x.high)+1) { //nolint:gosec // an offset, and a length
		x.high = append(x.high, uint32(x.n)) //nolint:gosec // 4 billion rows at most
	}
	x.starts = append(x.starts, uint32(at)) //nolint:gosec // the low half
	x.n++
}

// at is where row i begins; of the row behind the last, the file's end.
func (x *index) at(i uint64) int {
	if i >= uint64(x.n) { //nolint:gosec // a count
		return len(x.data)
	}
	at := uint64(x.starts[i])
	for _, first := range x.high {
		if i >= uint64(first) {
			at += 1 << 32
		}
	}
	return int(at) //nolint:gosec // within the file
}

func (x *index) count() int { return x.n }

// line is the line, from 1, that row i begins on.
func (x *index) line(i uint64) int { return bytes.Count(x.data[:x.at(i)], []byte("\n")) + 1 }

// bom is what some programs begin a text with.
var bom = []byte("\ufeff")

// csvRows are those of a CSV file with a header (RFC 4180; lines may end in LF or CRLF).
type csvRows struct {
	index
	header []string
	quoted bool // somewhere in the file
}

func indexCSV(m mapped) (rows, error) {
	r := &csvRows{index: index{mapped: m}}
	m.pass(func(part []byte) { r.quoted = r.quoted || bytes.IndexByte(part, '"') >= 0 })
	r.grow()
	data := m.data
	at, line := len(data)-len(bytes.TrimPrefix(data, bom)), 1
	for at < len(data) {
		r.looked(at)
		fields, next, lines, err := r.scan(at)
		if err != nil {
			return nil, fmt.Errorf("line %d, %w", line, err)
		}
		switch {
		case len(bytes.Trim(data[at:next], "\r\n")) == 0: // no row
		case !utf8.Valid(data[at:next]):
			return nil, fmt.Errorf("line %d: it is no UTF-8", line)
		case r.header == nil:
			for i := range fields {
				name, _ := r.field(nil, at, i)
				r.header = append(r.header, string(name))
			}
		case fields != len(r.header):
			return nil, fmt.Errorf("line %d: %d columns, where the header has %d", line, fields, len(r.header))
		default:
			r.add(at)
		}
		at, line = next, line+lines
	}
	if r.header == nil {
		return nil, errors.New("line 1: want a header: the columns' names")
	}
	for i, name := range r.header {
		if slices.Contains(r.header[:i], name) {
			return nil, fmt.Errorf("line 1, column %d: %q is there twice", i+1, name)
		}
	}
	return r, nil
}

// scan passes over the row at an offset: how many fields it has, where the next row begins, and how many lines further.
func (r *csvRows) scan(at int) (fields, next, lines int, err error) {
	data := r.data[at:]
	if !r.quoted {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return bytes.Count(data, []byte(",")) + 1, len(r.data), 1, nil
		}
		return bytes.Count(data[:end], []byte(",")) + 1, at + end + 1, 1, nil
	}
	for i := 0; ; {
		fields++
		if i < len(data) && data[i] == '"' {
			end := closing(data, i)
			if end < 0 {
				return 0, 0, 0, fmt.Errorf("column %d: a quote without its end", fields)
			}
			lines += bytes.Count(data[i:end], []byte("\n"))
			i = end + 1
			if bytes.HasPrefix(data[i:], []byte("\r\n")) || i == len(data)-1 && data[i] == '\r' {
				i++
			}
			if i < len(data) && data[i] != ',' && data[i] != '\n' {
				return 0, 0, 0, fmt.Errorf("column %d: text behind the closing quote", fields)
			}
		} else {
			n := bytes.IndexAny(data[i:], ",\n")
			if n < 0 {
				n = len(data) - i
			}
			if bytes.IndexByte(data[i:i+n], '"') >= 0 {
				return 0, 0, 0, fmt.Errorf("column %d: a quote within text without quotes", fields)
			}
			i += n
		}
		if i >= len(data) {
			return fields, len(r.data), lines + 1, nil
		}
		i++
		if data[i-1] == '\n' {
			return fields, at + i, lines + 1, nil
		}
	}
}

// closing is where the quoted field that begins at i ends: its closing quote. It is negative where it has none.
func closing(data []byte, i int) int {
	for i++; ; i += 2 {
		n := bytes.IndexByte(data[min(i, len(data)):], '"')
		if n < 0 {
			return -1
		}
		i += n
		if i+1 >= len(data) || data[i+1] != '"' {
			return i
		}
	}
}

func (r *csvRows) columns() []string { return r.header }

func (r *csvRows) column(name string) (int, error) {
	if i := slices.Index(r.header, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("no column %q; there are %s", name, strings.Join(r.header, ", "))
}

func (r *csvRows) appendValue(dst []byte, i uint64, column int) ([]byte, error) {
	return r.field(dst, r.at(i), column)
}

// field appends the field of a row that begins at an offset.
func (r *csvRows) field(dst []byte, at, column int) ([]byte, error) {
	data := r.data[at:]
	for {
		if len(data) > 0 && data[0] == '"' {
			end := closing(data, 0)
			if column == 0 {
				for field := data[1:end]; ; {
					n := bytes.IndexByte(field, '"')
					if n < 0 {
						return append(dst, field...), nil
					}
					dst, field = append(dst, field[:n+1]...), field[n+2:]
				}
			}
			data = data[end+1:]
		}
		end := fieldEnd(data)
		last := end == len(data) || data[end] == '\n'
		if last && end > 0 && data[end-1] == '\r' {
			end--
		}
		if column == 0 {
			return append(dst, data[:end]...), nil
		}
		if last {
			return dst, errors.New("the row has no such column")
		}
		data = data[end+1:]
		column--
	}
}

// fieldEnd is where a field that begins with data ends: at a comma, at a line's end, or with data. It looks at eight
// bytes at a time: a loop over each ends where no processor can foresee it.
func fieldEnd(data []byte) int {
	at := 0
	for ; at+8 <= len(data); at += 8 {
		word := binary.LittleEndian.Uint64(data[at:])
		if ends := zeroBytes(word^0x2c2c2c2c2c2c2c2c) | zeroBytes(word^0x0a0a0a0a0a0a0a0a); ends != 0 {
			return at + bits.TrailingZeros64(ends)/8
		}
	}
	for at < len(data) && data[at] != ',' && data[at] != '\n' {
		at++
	}
	return at
}

// zeroBytes has the highest bit of the first byte of word that is 0, and maybe bits behind it.
func zeroBytes(word uint64) uint64 { return (word - 0x0101010101010101) &^ word & 0x8080808080808080 }

// lineRows are JSON objects, one a line; their columns are paths.
type lineRows struct {
	index
	paths []string // that were asked for
	first []string // the first row's own names
}

func indexLines(m mapped) (rows, error) {
	r := &lineRows{index: index{mapped: m}}
	r.grow()
	data := m.data
	for at, line := len(data)-len(bytes.TrimPrefix(data, bom)), 1; at < len(data); line++ {
		r.looked(at)
		next := len(data)
		if end := bytes.IndexByte(data[at:], '\n'); end >= 0 {
			next = at + end + 1
		}
		if row := bytes.TrimSpace(data[at:next]); len(row) > 0 {
			if row[0] != '{' || !gjson.ValidBytes(row) || !utf8.Valid(row) {
				return nil, fmt.Errorf("line %d: no JSON object", line)
			}
			if r.n == 0 {
				gjson.ParseBytes(row).ForEach(func(key, _ gjson.Result) bool {
					r.first = append(r.first, key.String())
					return true
				})
			}
			r.add(at)
		}
		at = next
	}
	return r, nil
}

func (r *lineRows) columns() []string {
	if len(r.paths) > 0 {
		return r.paths
	}
	return r.first
}

func (r *lineRows) column(path string) (int, error) {
	if len(r.first) > 0 && !gjson.GetBytes(r.data[r.at(0):r.at(1)], path).Exists() {
		return 0, fmt.Errorf("line 1 has no %q; it has %s", path, strings.Join(r.first, ", "))
	}
	if i := slices.Index(r.paths, path); i >= 0 {
		return i, nil
	}
	r.paths = append(r.paths, path)
	return len(r.paths) - 1, nil
}

func (r *lineRows) appendValue(dst []byte, i uint64, column int) ([]byte, error) {
	row := r.data[r.at(i):r.at(i+1)]
	v := gjson.Get(unsafe.String(unsafe.SliceData(row), len(row)), r.paths[column]) // nothing of v stays
	switch v.Type {
	case gjson.String:
		return append(dst, v.Str...), nil
	case gjson.Number, gjson.True, gjson.False:
		return append(dst, v.Raw...), nil
	case gjson.Null:
		if v.Exists() {
			return dst, nil
		}
		return dst, errors.New("it is not there")
	default:
		return append(dst, v.Raw...), nil // as its JSON
	}
}

// messageRows are encoded messages, each after its length.
type messageRows struct{ index }

func indexMessages(m mapped) (rows, error) {
	r := &messageRows{index{mapped: m}}
	data := m.data
	for at := 0; at < len(data); {
		r.looked(at)
		size, n := binary.Uvarint(data[at:])
		if n <= 0 || size > uint64(len(data)-at-n) { //nolint:gosec // a length
			return nil, fmt.Errorf("message %d, at byte %d: its length is beyond the file's end", r.n, at)
		}
		r.add(at)
		at += n + int(size) //nolint:gosec // within the file
	}
	return r, nil
}

func (r *messageRows) columns() []string { return []string{"message"} }

func (r *messageRows) column(name string) (int, error) {
	return 0, fmt.Errorf("no column %q: its rows are whole messages, which are sent without -data", name)
}

func (r *messageRows) line(i uint64) int { return int(i) + 1 } //nolint:gosec // a count

func (r *messageRows) appendValue(dst []byte, i uint64, _ int) ([]byte, error) {
	row := r.data[r.at(i):r.at(i+1)]
	_, n := binary.Uvarint(row)
	return append(dst, row[n:]...), nil
}
