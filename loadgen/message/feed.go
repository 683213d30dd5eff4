package message

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"grpcbench/loadgen/mix"
)

// The orders in which calls take a feed's rows.
const (
	Loop    = "loop"    // in turn, again and again
	Once    = "once"    // in turn; the last ends the run
	Random  = "random"  // any
	Shuffle = "shuffle" // each once in a random order, and again in another
)

// Orders are what a feed may have.
var Orders = []string{Loop, Once, Random, Shuffle}

// Feed is a file whose rows calls take their data from: the whole call one row. It is read-only, and may be used
// concurrently. Its file is mapped into memory where the system can, so that it takes the memory of its index.
type Feed struct {
	Name, File string
	order      string
	key        uint64
	rows       rows
	csv        *csvRows // rows, where they are of this kind: a call by interface would move each buffer to the heap
	lines      *lineRows
	messages   *messageRows
	n          uint64          // how many rows
	kept       map[int][]short // by column, of those that data names
	shuffled   permutation
	unmap      func() error
}

// mapped is a file in memory.
type mapped struct {
	data []byte
	// forget says that a part is not needed for now, so that it takes no memory; nil where that cannot be said.
	forget func(from, to int)
	unmap  func() error
}

// chunk is how much of a file is looked at before it is forgotten again, in bytes.
const chunk = 32 << 20

// pass calls do with part after part of the data, and forgets each.
func (m *mapped) pass(do func(part []byte)) {
	for from := 0; from < len(m.data); from += chunk {
		to := min(from+chunk, len(m.data))
		do(m.data[from:to])
		m.done(from, to)
	}
}

func (m *mapped) done(from, to int) {
	if m.forget != nil {
		m.forget(from, to)
	}
}

// rows are a file's, by its format.
type rows interface {
	// count is how many there are.
	count() int
	// columns are the names of what a row has, as far as they are known.
	columns() []string
	// column finds one by its name.
	column(name string) (int, error)
	// appendValue appends what row i has in a column.
	appendValue(dst []byte, i uint64, column int) ([]byte, error)
	// line is the line that row i begins on, from 1.
	line(i uint64) int
}

// OpenFeed opens a file: .csv, .jsonl or .ndjson, or messages of the request type, each after its length as a varint
// (.binpb, .pb, .bin). A bad row is an error that names file, line and column.
func OpenFeed(name, file, order string, seed uint64) (*Feed, error) {
	if !slices.Contains(Orders, order) {
		return nil, fmt.Errorf("%s: the order %q: want one of %s", file, order, strings.Join(Orders, ", "))
	}
	m, err := mapFile(file)
	if err != nil {
		return nil, err
	}
	f := &Feed{
		Name: name, File: file, order: order, key: keyOf(seed, "feed "+name), kept: map[int][]short{}, unmap: m.unmap,
	}
	switch strings.ToLower(filepath.Ext(file)) {
	case ".csv":
		f.rows, err = indexCSV(m)
	case ".jsonl", ".ndjson":
		f.rows, err = indexLines(m)
	case ".binpb", ".pb", ".bin":
		f.rows, err = indexMessages(m)
	default:
		err = errors.New("want a file called .csv, .jsonl, .ndjson or, of messages in their lengths, .binpb")
	}
	if err == nil && f.rows.count() == 0 {
		err = errors.New("it has no rows")
	}
	if err != nil {
		_ = m.unmap()
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	switch r := f.rows.(type) {
	case *csvRows:
		f.csv = r
	case *lineRows:
		f.lines = r
	case *messageRows:
		f.messages = r
	}
	f.n = uint64(f.rows.count()) //nolint:gosec // a count
	f.shuffled = newPermutation(f.n)
	return f, nil
}

// Close lets go of the file. No value may be asked for after it.
func (f *Feed) Close() error { return f.unmap() }

// Rows is how many rows it has.
func (f *Feed) Rows() int { return f.rows.count() }

// EndsRun says that the run ends with the last row.
func (f *Feed) EndsRun() bool { return f.order == Once }

func (f *Feed) columns() []string { return f.rows.columns() }

func (f *Feed) column(name string) (int, error) {
	i, err := f.rows.column(name)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", f.File, err)
	}
	return i, nil
}

// row is which row call seq takes.
func (f *Feed) row(seq uint64) uint64 {
	switch f.order {
	case Random:
		w := wordsOf(f.key, seq, 0)
		return w.below(f.n)
	case Shuffle:
		return f.shuffled.at(f.key+seq/f.n*mix.Golden, seq%f.n)
	default:
		return seq % f.n
	}
}

// appendValue appends what a row has in a column.
func (f *Feed) appendValue(dst []byte, row uint64, column int) ([]byte, error) {
	var err error
	switch {
	case f.csv != nil:
		dst, err = f.csv.appendValue(dst, row, column)
	case f.lines != nil:
		dst, err = f.lines.appendValue(dst, row, column)
	default:
		dst, err = f.messages.appendValue(dst, row, column)
	}
	if err != nil {
		return dst, f.rowError(row, column, err)
	}
	return dst, nil
}

// rowError says where a row is wrong.
func (f *Feed) rowError(row uint64, column int, err error) error {
	return fmt.Errorf("%s, line %d, %s: %w", f.File, f.rows.line(row), f.columns()[column], err)
}

// looked is how many rows are looked at before a run for whether their values fit: of a file with more, those that
// calls come to may still be wrong, which is then that call's failure.
const looked = 200_000

// check looks whether a column's values are what a field takes.
func (f *Feed) check(column int, fits func(value []byte) error) error {
	var buf []byte
	for row := range min(f.n, looked) {
		var err error
		if buf, err = f.rows.appendValue(buf[:0], row, column); err == nil {
			err = fits(buf)
		}
		if err != nil {
			return f.rowError(row, column, err)
		}
	}
	return nil
}
