package wire

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// huffman is a string literal in Huffman coding; it must be short.
func huffman(s string) string {
	b := hpack.AppendHuffmanString(nil, s)
	return string(append([]byte{0x80 | byte(len(b))}, b...))
}

// plainFields is what a block says, for comparison.
type plainFields struct {
	HTTPStatus                                                  int
	ContentType, Encoding, Status, Message, Details, LoadReport string
	HasStatus, HasDetails, HasLoadReport, HasEncoding           bool
}

func (f *fields) plain() plainFields {
	return plainFields{
		f.httpStatus, f.contentType.String(), f.encoding.String(), f.status.String(), f.message.String(),
		f.details.String(), f.loadReport.String(), f.hasStatus, f.hasDetails, f.hasLoadReport, f.hasEncoding,
	}
}

// oracle reads a block with x/net's decoder, which has no dynamic table either.
// Ours may refuse what it takes: it allows a change of the table's size anywhere, and integers of any length. Malformed
// says that the response is not to be taken.
func oracle(block []byte) (want plainFields, malformed bool, err error) {
	regular, statuses := false, 0
	d := hpack.NewDecoder(0, func(f hpack.HeaderField) {
		pseudo := strings.HasPrefix(f.Name, ":")
		if pseudo {
			malformed = malformed || regular || f.Name != ":status"
		} else {
			regular = true
			malformed = malformed || !httpguts.ValidHeaderFieldName(f.Name) || strings.ToLower(f.Name) != f.Name
		}
		malformed = malformed || !httpguts.ValidHeaderFieldValue(f.Value)
		switch f.Name {
		case ":status":
			n, err := strconv.Atoi(f.Value)
			statuses++
			if err != nil || len(f.Value) != 3 || n < 100 || statuses > 1 {
				malformed, n = true, 0
			}
			want.HTTPStatus = n
		case "content-type":
			want.ContentType = f.Value
		case "grpc-encoding":
			want.Encoding, want.HasEncoding = f.Value, true
		case "grpc-status":
			want.Status, want.HasStatus = f.Value, true
		case "grpc-message":
			want.Message = f.Value
		case "grpc-status-details-bin":
			want.Details, want.HasDetails = f.Value, true
		case "endpoint-load-metrics-bin":
			want.LoadReport, want.HasLoadReport = f.Value, true
		}
	})
	if _, err = d.Write(block); err == nil {
		err = d.Close()
	}
	return want, malformed, err
}

// compare holds fields.parse against the oracle.
func compare(t *testing.T, block []byte) {
	t.Helper()
	var f fields
	err := f.parse(block, new(knownNames))
	want, malformed, wrong := oracle(block)
	if err == nil && wrong == nil && malformed != (f.malformed != "") {
		t.Errorf("%q: malformed is %v, and it says %q", block, malformed, f.malformed)
	}
	switch {
	case err != nil && wrong == nil:
		if !lenient(block) {
			t.Errorf("%q is refused (%v), and says %+v", block, err, want)
		}
	case err == nil && wrong != nil:
		// Huffman codes are not looked at before somebody asks.
		if !errors.Is(wrong, hpack.ErrInvalidHuffman) && !strings.Contains(wrong.Error(), "invalid Huffman") {
			t.Errorf("%q is taken, and x/net says %v", block, wrong)
		}
	case err == nil:
		if malformed {
			return // nobody reads it
		}
		if diff := cmp.Diff(want, f.plain()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", block, diff)
		}
	}
}

// lenient says whether a block has what x/net takes and we do not: a size update behind a field, or an
// integer of more than five bytes behind its prefix. It is a coarse look: some byte might be one.
func lenient(block []byte) bool {
	for i, b := range block {
		if i > 0 && b&0xe0 == 0x20 || b == 0x80 && i+5 < len(block) && block[i+1]&0x80 != 0 {
			return true
		}
	}
	return false
}

// Every way to write a field: indexed, its name indexed or literal, each string plain or in Huffman coding, to be
// indexed, not or never.
func TestFieldsInEveryForm(t *testing.T) {
	for _, name := range []string{
		":status", "content-type", "grpc-encoding", "grpc-status", "grpc-message",
		"grpc-status-details-bin", "endpoint-load-metrics-bin", "server", "x", "X-Upper", ":path", ":", "", "a name",
	} {
		for _, value := range []string{
			"200", "0", "", "2000", "-20", "application/grpc", "a\r\nb", "a\x00",
			"tab\tbed", "\x7f", "ÿÿ", strings.Repeat("long ", 60),
		} {
			for _, kind := range []byte{0x00, 0x10, 0x40} {
				for form := range 4 {
					block := string(kind)
					if form&1 != 0 && len(name) < 30 {
						block += huffman(name)
					} else {
						block += string(rune(len(name))) + name
					}
					if form&2 != 0 && len(value) < 100 {
						block += huffman(value)
					} else {
						block = string(hpackInt([]byte(block), 7, uint64(len(value)))) + value
					}
					compare(t, []byte(block))
				}
			}
		}
	}
	for i := range 70 { // the static table, and past it
		compare(t, []byte{0x80 | byte(i)})
		compare(t, []byte(string(hpackInt([]byte{}, 4, uint64(i)))+"\x03200"))
		compare(t, []byte(string(hpackInt([]byte{}, 6, uint64(i)))+"\x03404"))
	}
}

func hpackInt(dst []byte, bits uint, n uint64) []byte { return appendInt(dst, 0, bits, n) }

// Whatever x/net's encoder makes is read as it was meant.
func TestFieldsOfAnEncoder(t *testing.T) {
	var p peer
	p.enc = newEncoder(&p)
	for i := range 300 {
		block := p.block(
			":status", strconv.Itoa(100+3*i), "date", "Mon, 01 Jan 2029 00:00:00 GMT", "content-type",
			"application/grpc+proto",
			"grpc-message", strings.Repeat("é%", i), "grpc-status", strconv.Itoa(i), "x-"+strings.Repeat("n", i), "v",
		)
		var f fields
		if err := f.parse([]byte(block), new(knownNames)); err != nil {
			t.Fatalf("%q: %v", block, err)
		}
		want := plainFields{
			HTTPStatus: 100 + 3*i, ContentType: "application/grpc+proto",
			Message: strings.Repeat("é%", i), Status: strconv.Itoa(i), HasStatus: true,
		}
		if diff := cmp.Diff(want, f.plain()); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", block, diff)
		}
		for cut := range block { // a part of it is either whole fields or refused
			compare(t, []byte(block[:cut]))
		}
	}
}

func TestReadInt(t *testing.T) {
	for _, tt := range []struct {
		in     string
		bits   uint
		want   uint64
		rest   string
		bad    bool
		reason string
	}{
		{in: "\x0a", bits: 5, want: 10, reason: "RFC 7541, C.1.1"},
		{in: "\x1f\x9a\x0a", bits: 5, want: 1337, reason: "RFC 7541, C.1.2"},
		{in: "\x2a", bits: 8, want: 42, reason: "RFC 7541, C.1.3"},
		{in: "\xffrest", bits: 4, bad: false, want: 15 + 'r', rest: "est", reason: "a prefix of ones continues"},
		{in: "\xf0\x01", bits: 4, want: 0, rest: "\x01", reason: "bits before the prefix are no part of it"},
		{in: "", bits: 7, bad: true, reason: "nothing"},
		{in: "\x7f", bits: 7, bad: true, reason: "cut"},
		{in: "\x7f\x80", bits: 7, bad: true, reason: "cut within"},
		{in: "\x7f\x80\x80\x80\x80\x00", bits: 7, want: 127, reason: "five bytes, of which four say nothing"},
		{
			in: "\x7f\xff\xff\xff\xff\x7f", bits: 7, want: 127 + 1<<35 - 1,
			reason: "the most that is taken: longer than any string",
		},
		{in: "\x7f\x80\x80\x80\x80\x80\x00", bits: 7, bad: true, reason: "six bytes"},
		{in: "\x7f" + strings.Repeat("\xff", 20), bits: 7, bad: true, reason: "no end: it must not overflow"},
	} {
		n, rest, err := readInt([]byte(tt.in), tt.bits)
		if n != tt.want || string(rest) != tt.rest || (err != nil) != tt.bad {
			t.Errorf("readInt(%q, %d) = %d, %q, %v: want %d, %q, %v: %s", tt.in, tt.bits, n, rest, err, tt.want,
				tt.rest, tt.bad, tt.reason)
		}
	}
	for _, bits := range []uint{4, 5, 6, 7} {
		for _, n := range []uint64{
			0, 1, 14, 15, 16, 30, 31, 62, 63, 64, 126, 127, 128, 254, 255, 1 << 14, 1 << 20,
			math.MaxUint32,
		} {
			// what stands before the prefix is no part of it
			got, rest, err := readInt(append(appendInt(nil, ^byte(1<<bits-1), bits, n), 'x'), bits)
			if got != n || string(rest) != "x" || err != nil {
				t.Errorf("%d in %d bits came back as %d, %q, %v", n, bits, got, rest, err)
			}
		}
	}
}

// A length that no block has must not be believed.
func TestReadTextRefusesLengths(t *testing.T) {
	for _, in := range []string{"", "\x01", "\x7e", "\x7f", "\x7f\x00", "\xff\xff\xff\xff\xff\x7f", "\x03ab"} {
		if text, _, err := readText([]byte(in)); err == nil {
			t.Errorf("readText(%q) = %q, want an error", in, text.raw)
		}
	}
	for _, n := range []int{0, 1, 126, 127, 128, 300} { // to the end, and not
		for _, more := range []string{"", "x"} {
			in := string(hpackInt(nil, 7, uint64(n))) + strings.Repeat("a", n) + more
			text, rest, err := readText([]byte(in))
			if err != nil || len(text.raw) != n || string(rest) != more {
				t.Errorf("%d bytes: %d read, %q left, %v", n, len(text.raw), rest, err)
			}
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "%41": "A", "a%20b": "a b", "%e2%82%ac": "€", "%E2%82%AC": "€",
		"%": "%", "%4": "%4", "%zz": "%zz", "%%41": "%A", "100%": "100%", "%+1": "%+1", "%4_1": "%4_1", "%00": "\x00",
		"%ff": "\xff", "€%41": "€A",
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestIsGRPC(t *testing.T) {
	for in, want := range map[string]bool{
		"application/grpc": true, "APPLICATION/GRPC": true, "application/grpc+proto": true, "application/grpc;x": true,
		"application/grpc-web": false, "application/grpcx": false, "text/html": false, "": false,
		"application/grp": false,
	} {
		for _, x := range []text{{raw: []byte(in)}, {raw: hpack.AppendHuffmanString(nil, in), huffman: true}} {
			if got := x.isGRPC(); got != want {
				t.Errorf("%q (Huffman: %v): %v, want %v", in, x.huffman, got, want)
			}
		}
	}
	if got := fmt.Sprint(text{raw: []byte("\xff\xff\xff\xff"), huffman: true}); got != "" {
		t.Errorf("no Huffman code is %q", got)
	}
}
