package message

import "encoding/binary"

// short is a value of 15 bytes at most, as it is written. Its highest byte is how many, or longer where it has more.
type short struct{ low, high uint64 }

const (
	mostShort = 15
	longer    = 0xff
)

// mostRows is how many rows a feed has at most for its values to be kept as short ones: they take a megabyte a column.
const mostRows = 1 << 16

// shorts are a column's values by row: a call finds its own in one place of the memory, not by the index and then in
// the file. That counts: by sampling, most of what a row costs is to wait for its memory. Of many rows there are none.
func (f *Feed) shorts(column int) []short {
	if f.n > mostRows {
		return nil
	}
	if all := f.kept[column]; all != nil {
		return all
	}
	all := make([]short, f.n)
	f.kept[column] = all
	var buf []byte
	for row := range all {
		var err error
		buf, err = f.rows.appendValue(buf[:0], uint64(row), column) //nolint:gosec // a count
		all[row] = shortOf(buf)
		if err != nil {
			all[row].high = longer << 56 // who asks for it is told
		}
	}
	return all
}

func shortOf(value []byte) short {
	if len(value) > mostShort {
		return short{high: longer << 56}
	}
	var text [16]byte
	copy(text[:], value)
	text[mostShort] = byte(len(value))
	return short{binary.LittleEndian.Uint64(text[:]), binary.LittleEndian.Uint64(text[8:])}
}

// appendColumn appends the value of a feed's column.
func (s *slot) appendColumn(dst []byte, m *Moment) ([]byte, error) {
	row := m.rowOf(s.feed)
	if row < uint64(len(s.short)) {
		if v := s.short[row]; v.high>>56 <= mostShort {
			size := len(dst) + int(v.high>>56) //nolint:gosec // 15 at most
			return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, v.low), v.high)[:size], nil
		}
	}
	return s.feed.appendValue(dst, row, s.column)
}
