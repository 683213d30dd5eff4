package message

import (
	"fmt"
	"strings"
	"testing"
)

// A column's values are the file's, short or long, in a small feed and in one with too many rows to keep them.
func TestShortValues(t *testing.T) {
	for _, rows := range []int{40, mostRows + 1} {
		var b strings.Builder
		b.WriteString("a,b\n")
		for i := range rows {
			fmt.Fprintf(&b, "%s,%d\n", strings.Repeat("é", i%20)+strings.Repeat("x", i%2), i)
		}
		f := feedOf(t, "long.csv", b.String())
		e := &Slots{Feeds: map[string]*Feed{"row": f}}
		text, err := e.parseText("<${row.a}|${row.b}|${row.a}>", "$")
		if err != nil {
			t.Fatal(err)
		}
		if kept := len(text[0].slot.short); (kept > 0) != (rows <= mostRows) {
			t.Errorf("of %d rows %d are kept", rows, kept)
		}
		for i := 0; i < rows; i += 1 + rows/100 {
			m := MomentOf(uint64(i), 0) //nolint:gosec // a count
			got, err := text.append(nil, &m)
			a := strings.Repeat("é", i%20) + strings.Repeat("x", i%2)
			if want := fmt.Sprintf("<%s|%d|%s>", a, i, a); err != nil || string(got) != want {
				t.Fatalf("row %d is %q, %v; want %q", i, got, err, want)
			}
		}
	}
}

// A row without the column is told when a call comes to it, as it is without short values.
func TestShortValuesMissing(t *testing.T) {
	e := &Slots{Feeds: map[string]*Feed{"row": feedOf(t, "a.jsonl", "{\"a\":\"x\"}\n{\"b\":1}\n{\"a\":null}\n")}}
	text, err := e.parseText("${row.a}", "$")
	if err != nil {
		t.Fatal(err)
	}
	for seq, want := range []string{"x", "a.jsonl, line 2, a: it is not there", ""} {
		m := MomentOf(uint64(seq), 0) //nolint:gosec // a count
		got, err := text.append(nil, &m)
		if err != nil {
			if !strings.Contains(err.Error(), want) || want == "" {
				t.Errorf("row %d: %v, want %q", seq, err, want)
			}
			continue
		}
		if string(got) != want {
			t.Errorf("row %d: %q, want %q", seq, got, want)
		}
	}
}
