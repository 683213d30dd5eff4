package message

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// readCSV is a file's rows as they are sent.
func readCSV(data []byte) (all [][]string, err error) {
	r, err := indexCSV(mapped{data: data})
	if err != nil {
		return nil, err
	}
	all = append(all, r.columns())
	for i := range r.count() {
		var row []string
		for column := range r.columns() {
			field, err := r.appendValue(nil, uint64(i), column) //nolint:gosec // a count
			if err != nil {
				return nil, err
			}
			row = append(row, string(field))
		}
		all = append(all, row)
	}
	return all, nil
}

// What we take, the standard library takes as well, and it reads the same, but for carriage returns on their own, and
// for those of lines' ends within quotes.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"first,last\njane,doe\njohn,smith\n", "a,b\r\n1,2\r\n\r\n3,4", "a\n\"x\"\"y, z\"\n\"\"\n",
		"a,b\n\"1\n2\",\"\"\n,\n",
		"größe,länge\nein Wert über acht Zeichen,äöüßäöüß\n中文,\"文中,\"\n",
		"long name of a column,x\na value of more than eight bytes,12345678\n1234567,123456789\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(bytes.ReplaceAll(data, []byte("\r\n"), nil), []byte("\r")) || bytes.HasPrefix(data, bom) {
			return
		}
		got, err := readCSV(data)
		if err != nil {
			return
		}
		library := csv.NewReader(bytes.NewReader(data))
		for i := 0; ; i++ {
			want, err := library.Read()
			if errors.Is(err, io.EOF) {
				if i != len(got) {
					t.Fatalf("%q: %d rows, want %d", data, len(got), i)
				}
				return
			}
			if err != nil {
				t.Fatalf("%q: taken, though %v", data, err)
			}
			if i == len(got) {
				t.Fatalf("%q: %d rows, and there is %q", data, len(got), want)
			}
			for k := range got[i] { // within quotes the library makes each line's end a \n
				got[i][k] = strings.ReplaceAll(got[i][k], "\r\n", "\n")
			}
			if !slices.Equal(got[i], want) {
				t.Fatalf("%q: row %d: %q, want %q", data, i, got[i], want)
			}
		}
	})
}

func TestCarriageReturns(t *testing.T) {
	got, err := readCSV([]byte("a,b\r\nx\r,y\r\n\"z\r\n\",1\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"a", "b"}, {"x\r", "y"}, {"z\r\n", "1"}} {
		if !slices.Equal(got[i], want) {
			t.Errorf("row %d: %q, want %q", i, got[i], want)
		}
	}
	if got, err := readCSV([]byte("a,b\n\"x\"\r,y\n")); err == nil {
		t.Errorf("text behind a closing quote is taken: %q", got)
	}
}
