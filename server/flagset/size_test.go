package flagset

import (
	"flag"
	"io"
	"testing"
)

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		reason, text string
		want         int64 // -1: refused
		said         string
	}{
		{"bytes", "1000", 1000, "1000"},
		{"bytes, by name", "7B", 7, "7"},
		{"binary units", "4MiB", 4 << 20, "4MiB"},
		{"a part of one", "1.5KiB", 1536, "1536"},
		{"decimal units", "64kB", 64000, "64000"},
		{"more than two GiB", "3GiB", 3 << 30, "3GiB"},
		{"a blank before the unit", "2 MiB", 2 << 20, "2MiB"},
		{"nothing", "0", 0, "0"},
		{"less than nothing", "-1", -1, ""},
		{"no number", "MiB", -1, ""},
		{"no unit that is known", "4 pages", -1, ""},
		{"too many", "9e99", -1, ""},
		{"empty", "", -1, ""},
	} {
		var n int64
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		SizeVar(fs, &n, "size", 5, "")
		err := fs.Parse([]string{"-size", tt.text})
		if (err != nil) != (tt.want < 0) || err == nil &&
			(n != tt.want || fs.Lookup("size").Value.String() != tt.said) {
			t.Errorf("%s: %q is %d, said %s (%v); want %d, said %s", tt.reason, tt.text, n, fs.Lookup("size").Value,
				err, tt.want, tt.said)
		}
	}
}
