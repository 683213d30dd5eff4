package wire

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2/hpack"
)

// knownNames are names in Huffman coding that were found to be well formed: a server uses the same few in every answer,
// so that they need not be decoded each time.
type knownNames [8][]byte

func (k *knownNames) has(t text) bool {
	return t.huffman && len(t.raw) > 0 && bytes.Equal(k[len(t.raw)%len(k)], t.raw)
}

// add copies t, if it is in Huffman coding.
func (k *knownNames) add(t text) {
	if t.huffman {
		i := len(t.raw) % len(k)
		k[i] = append(k[i][:0], t.raw...)
	}
}

// wrongName says what is wrong with a field's name, if anything (RFC 9113, sections 8.2.1 and 8.3).
func (t text) wrongName() string {
	raw := t.raw
	if t.huffman {
		s, err := hpack.HuffmanDecodeToString(t.raw)
		if err != nil {
			return "a name that is no Huffman code"
		}
		raw = []byte(s)
	}
	switch {
	case len(raw) == 0:
		return "an empty name"
	case raw[0] == ':':
		return "a pseudo-header that no response has"
	}
	for _, b := range raw {
		if !nameByte[b] {
			return "a name with a byte that no name may have"
		}
	}
	return ""
}

// nameByte are the bytes of names: a token's, without upper case (RFC 9110, section 5.6.2).
var nameByte = func() (ok [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
		ok[b] = true
	}
	return ok
}()

// isValue says whether a field's value may have its bytes: no control characters but the tab.
func (t text) isValue() bool {
	if !t.huffman {
		return areValue(t.raw)
	}
	if !hasLongRun(t.raw) {
		return true
	}
	s, err := hpack.HuffmanDecodeToString(t.raw)
	return err == nil && areValue([]byte(s))
}

func areValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// hasLongRun says whether ten one-bits stand in a row: the Huffman code of every control character begins so (RFC 7541,
// appendix B), and few others', so that few values need decoding.
func hasLongRun(b []byte) bool {
	for ; len(b) >= 8; b = b[6:] { // two bytes are looked at twice: a run may stand across
		if tenOnes(binary.BigEndian.Uint64(b)) {
			return true
		}
	}
	var last [8]byte
	copy(last[:], b)
	return tenOnes(binary.BigEndian.Uint64(last[:]))
}

func tenOnes(x uint64) bool {
	x &= x << 1 // runs of two,
	x &= x << 2 // four,
	x &= x << 4 // eight
	return x&(x<<2) != 0
}
