// Package requestid makes and reads request ids: fixed width, unique within a
// run, and without any randomness per call.
package requestid

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
)

// Len is the length of every id: rrrrrrrr-wwww-ssssssssssss, 8 hex digits of
// the run, 4 of the worker, 12 of the call's sequence number. So a prefix names
// a run, or one of its workers.
const Len = 8 + 1 + 4 + 1 + 12

// MaxWorkers and MaxSeq bound what an id can say.
const (
	MaxWorkers = 1 << 16
	MaxSeq     = 1<<48 - 1
)

// ID names one call.
type ID struct {
	Run    uint32
	Worker uint16
	Seq    uint64 // the low 48 bits count
}

const digits = "0123456789abcdef"

// Append appends the id's text to dst; it allocates only to grow dst.
func (id ID) Append(dst []byte) []byte {
	var b [Len]byte
	id.PutText(&b)
	return append(dst, b[:]...)
}

// PutText writes the id's text into b.
func (id ID) PutText(b *[Len]byte) {
	putHex(b[0:8], uint64(id.Run))
	b[8] = '-'
	putHex(b[9:13], uint64(id.Worker))
	b[13] = '-'
	putHex(b[14:26], id.Seq)
}

// putHex writes the low len(b) hex digits of v.
func putHex(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[v&15]
		v >>= 4
	}
}

func (id ID) String() string {
	var b [Len]byte
	id.PutText(&b)
	return string(b[:])
}

// NewRun draws a run's part of its request ids.
func NewRun() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return binary.BigEndian.Uint32(b[:])
}

// RunPrefix is the part of an id that names its run.
func (id ID) RunPrefix() string { return id.String()[:8] }

// WorkerPrefix is the part that names its worker.
func (id ID) WorkerPrefix() string { return id.String()[:13] }

// Parse reads an id's text; it takes exactly what [ID.Append] writes.
func Parse(s string) (ID, error) {
	if len(s) != Len || s[8] != '-' || s[13] != '-' {
		return ID{}, fmt.Errorf("request id %q: want the form rrrrrrrr-wwww-ssssssssssss", s)
	}
	var parts [3]uint64
	for i, field := range []string{s[:8], s[9:13], s[14:]} {
		v, err := strconv.ParseUint(field, 16, 64)
		if err != nil {
			return ID{}, fmt.Errorf("request id %q: %w", s, err)
		}
		parts[i] = v
	}
	id := ID{Run: uint32(parts[0]), Worker: uint16(parts[1]), Seq: parts[2]}
	if id.String() != s {
		return ID{}, fmt.Errorf("request id %q: want lower-case hex digits", s)
	}
	return id, nil
}
