package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// text is a string as it stands in a header block; it is decoded when somebody asks for it.
type text struct {
	raw     []byte
	huffman bool
}

// fields are what a response's header block says to a client of gRPC; raw parts
// of the block, of which only those that matter are decoded.
//
// We let the server keep no dynamic table (SETTINGS_HEADER_TABLE_SIZE 0), so a
// block stands for itself: a name is compared as it is encoded, and a field that
// nobody asks for is stepped over.
type fields struct {
	httpStatus                                                  int // 0 where there is none
	contentType, encoding, status, message, details, loadReport text
	hasStatus, hasDetails, hasLoadReport, hasEncoding           bool
	// malformed is why the response is not to be taken, where the block can be read (RFC 9113, section 8.1.1).
	malformed string
	// varying is where in the block the load report stands, its length included, or else the last value that nobody
	// reads: most answers differ in no more than that.
	varying span
}

// span is a part of a block: [from, to) in bytes.
type span struct{ from, to int }

// A known name is found by its bytes, plain or in Huffman coding, which is the same for a name each time.
type name uint8

const (
	otherName name = iota
	statusName
	contentTypeName
	encodingName
	grpcStatusName
	grpcMessageName
	detailsName
	loadReportName
)

// The names that matter are by their length, which nearly tells them apart.
var plainNames, huffmanNames = func() (plain, huffman [32][]namedAs) {
	for _, n := range []struct {
		text string
		name name
	}{
		{":status", statusName},
		{"content-type", contentTypeName},
		{"grpc-encoding", encodingName},
		{"grpc-status", grpcStatusName},
		{"grpc-message", grpcMessageName},
		{"grpc-status-details-bin", detailsName},
		{"endpoint-load-metrics-bin", loadReportName},
	} {
		coded := hpack.AppendHuffmanString(nil, n.text)
		plain[len(n.text)] = append(plain[len(n.text)], namedAs{[]byte(n.text), n.name})
		huffman[len(coded)] = append(huffman[len(coded)], namedAs{coded, n.name})
	}
	return plain, huffman
}()

type namedAs struct {
	raw  []byte
	name name
}

// staticStatus are the statuses of HPACK's static table, from index 8 on (RFC 7541, appendix A).
var staticStatus = [...]int{200, 204, 206, 304, 400, 404, 500}

// Indices of the static table; what is below firstStatus is for requests.
const (
	firstStatus       = 8
	firstRegular      = 15
	staticContentType = 31
	staticLast        = 61
)

var errBlock = errors.New("malformed header block")

// parse reads a whole block. An error is a block that cannot be read; known is what it remembers of others.
func (f *fields) parse(block []byte, known *knownNames) error {
	*f = fields{}
	whole := len(block)
	regular := false // pseudo-headers stand before all others
	for begun := false; len(block) > 0; {
		var n name
		var t, literal text
		var index uint64
		var err error
		switch b := block[0]; {
		case b&0x80 != 0: // indexed
			if index, block, err = readInt(block, 7); err != nil || index == 0 || index > staticLast {
				return errBlock
			}
			begun = true
			switch i := index - firstStatus; {
			case index < firstStatus:
				f.malform("a pseudo-header of requests")
			case i < uint64(len(staticStatus)):
				f.setStatus(staticStatus[i], regular)
			case index == staticContentType:
				f.contentType, regular = text{}, true // the table has it without a value
			default:
				regular = true
			}
			continue
		case b&0xe0 == 0x20: // the size of the dynamic table, which we said is 0
			if index, block, err = readInt(block, 5); err != nil || index != 0 || begun {
				return errBlock
			}
			continue
		case b&0xc0 == 0x40: // to be indexed, as far as a table of size 0 can
			index, block, err = readInt(block, 6)
		default: // not, or never, to be indexed
			index, block, err = readInt(block, 4)
		}
		begun = true
		if err != nil || index > staticLast {
			return errBlock
		}
		switch {
		case index == 0:
			if literal, block, err = readText(block); err != nil {
				return err
			}
			n = literal.name()
			if n == otherName && !known.has(literal) {
				if why := literal.wrongName(); why != "" {
					f.malform(why)
				} else {
					known.add(literal)
				}
			}
		case index < firstStatus:
			f.malform("a pseudo-header of requests")
		case index < firstRegular:
			n = statusName
		case index == staticContentType:
			n = contentTypeName
		}
		at := whole - len(block)
		if t, block, err = readText(block); err != nil {
			return err
		}
		if n == loadReportName || n == otherName && !f.hasLoadReport {
			f.varying = span{at, whole - len(block)}
		}
		if !t.isValue() {
			f.malform("a value with a control character")
		}
		if n == statusName {
			f.setStatus(t.status(), regular)
			continue
		}
		regular = true
		f.set(n, t)
	}
	return nil
}

func (f *fields) malform(why string) {
	if f.malformed == "" {
		f.malformed = why
	}
}

func (f *fields) setStatus(status int, late bool) {
	switch {
	case status == 0:
		f.malform("a :status that is no HTTP status")
	case f.httpStatus != 0:
		f.malform("a second :status")
	case late:
		f.malform(":status after other fields")
	}
	f.httpStatus = status
}

// status reads an HTTP status; 0 is none.
func (t text) status() int {
	s := t.String()
	n, err := strconv.Atoi(s)
	if err != nil || len(s) != 3 || n < 100 {
		return 0
	}
	return n
}

func (f *fields) set(n name, t text) {
	switch n {
	case contentTypeName:
		f.contentType = t
	case encodingName:
		f.encoding, f.hasEncoding = t, true
	case grpcStatusName:
		f.status, f.hasStatus = t, true
	case grpcMessageName:
		f.message = t
	case detailsName:
		f.details, f.hasDetails = t, true
	case loadReportName:
		f.loadReport, f.hasLoadReport = t, true
	}
}

// isGRPC says whether a content type is gRPC's.
func (t text) isGRPC() bool {
	const want = "application/grpc"
	if !t.huffman && bytes.Equal(t.raw, []byte(want)) || t.huffman && bytes.Equal(t.raw, huffmanGRPC) {
		return true
	}
	rest, ok := strings.CutPrefix(strings.ToLower(t.String()), want)
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

var huffmanGRPC = hpack.AppendHuffmanString(nil, "application/grpc")

func (t text) name() name {
	names := &plainNames
	if t.huffman {
		names = &huffmanNames
	}
	if len(t.raw) < len(names) {
		for i := range names[len(t.raw)] {
			if k := &names[len(t.raw)][i]; bytes.Equal(k.raw, t.raw) {
				return k.name
			}
		}
	}
	return otherName
}

// String decodes t; what is no Huffman code is the empty string.
func (t text) String() string {
	if !t.huffman {
		return string(t.raw)
	}
	s, err := hpack.HuffmanDecodeToString(t.raw)
	if err != nil {
		return ""
	}
	return s
}

// binary decodes the value of a -bin field.
func (t text) binary() ([]byte, bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(t.String(), "="))
	return b, err == nil
}

// readInt reads an integer with a prefix of so many bits (RFC 7541, section 5.1).
func readInt(b []byte, bits uint) (n uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, errBlock
	}
	most := uint64(1)<<bits - 1
	n, b = uint64(b[0])&most, b[1:]
	if n < most { // nearly always
		return n, b, nil
	}
	return readLong(n, b)
}

// readLong reads the rest of an integer that does not fit its prefix.
func readLong(n uint64, b []byte) (uint64, []byte, error) {
	for shift := uint(0); shift <= 28; shift += 7 { // nothing in a block is longer than 2^31
		if len(b) == 0 {
			return 0, nil, errBlock
		}
		c := b[0]
		b = b[1:]
		n += uint64(c&0x7f) << shift
		if c&0x80 == 0 {
			return n, b, nil
		}
	}
	return 0, nil, errBlock
}

// readText reads a string literal (RFC 7541, section 5.2).
func readText(b []byte) (t text, rest []byte, err error) {
	if len(b) == 0 {
		return t, nil, errBlock
	}
	t.huffman = b[0]&0x80 != 0
	if n := int(b[0] & 0x7f); n < 0x7f && n < len(b) { // nearly always
		t.raw = b[1 : 1+n]
		return t, b[1+n:], nil
	}
	n, b, err := readInt(b, 7)
	if err != nil || n > uint64(len(b)) {
		return t, nil, errBlock
	}
	t.raw = b[:n]
	return t, b[n:], nil
}

// unescape undoes the percent-encoding of grpc-message; what is no code stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
