package result

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
)

// Cookies of the V2 encoding, as Java's HistogramLogReader knows them; 0x10 says that words are of varying length.
const (
	plainCookie      = uint32(hdrhistogram.V2EncodingCookieBase | 0x10)
	compressedCookie = uint32(hdrhistogram.V2CompressedEncodingCookieBase | 0x10)
)

// encoder makes the last column of a log's line: a histogram in the V2 compressed
// encoding, in base64. The library's own makes the same, but allocates some MiB for
// each, which every second moves the size that the collector lets the heap grow to.
// Not for concurrent use; what it returns is overwritten by the next call.
type encoder struct {
	plain   []byte
	packed  bytes.Buffer
	deflate *zlib.Writer
	text    []byte
}

func (e *encoder) encode(h *hdrhistogram.PackedHistogram) ([]byte, error) {
	e.appendPlain(h)
	e.packed.Reset()
	e.packed.Write(make([]byte, 8))
	if e.deflate == nil {
		e.deflate = zlib.NewWriter(&e.packed)
	} else {
		e.deflate.Reset(&e.packed)
	}
	if _, err := e.deflate.Write(e.plain); err != nil {
		return nil, fmt.Errorf("compress a histogram: %w", err)
	}
	if err := e.deflate.Close(); err != nil {
		return nil, fmt.Errorf("compress a histogram: %w", err)
	}
	all := e.packed.Bytes()
	binary.BigEndian.PutUint32(all, compressedCookie)
	binary.BigEndian.PutUint32(all[4:], uint32(len(all)-8))
	e.text = base64.StdEncoding.AppendEncode(e.text[:0], all)
	return e.text, nil
}

// appendPlain lays out the 40 bytes of the head, then the counts.
func (e *encoder) appendPlain(h *hdrhistogram.PackedHistogram) {
	const head = 40
	var heading [head]byte
	b := recorder.AppendCounts(append(e.plain[:0], heading[:]...), h)
	be := binary.BigEndian
	be.PutUint32(b, plainCookie)
	be.PutUint32(b[4:], uint32(len(b)-head))
	be.PutUint32(b[8:], 0) // counts stand in the order of their values
	be.PutUint32(b[12:], uint32(h.SignificantFigures()))
	be.PutUint64(b[16:], uint64(h.LowestTrackableValue()))
	be.PutUint64(b[24:], uint64(h.HighestTrackableValue()))
	be.PutUint64(b[32:], math.Float64bits(1))
	e.plain = b
}
