package result

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// inflate undoes base64, the 8 bytes of the head and the compression.
func inflate(t *testing.T, text []byte) []byte {
	t.Helper()
	packed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := zlib.NewReader(bytes.NewReader(packed[8:]))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// The library's encoder, which Java's tools are known to read, is the oracle: byte for byte what is compressed.
func TestEncodesAsTheLibraryDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var e encoder // one for all: what it keeps must not show
	for _, tt := range []struct {
		reason  string
		lowest  int64
		highest int64
		figures int
		values  func(*hdrhistogram.Histogram)
	}{
		{"empty", 1, 3_600_000_000_000, 3, func(*hdrhistogram.Histogram) {}},
		{"a zero alone", 1, 3_600_000_000_000, 3, func(h *hdrhistogram.Histogram) { _ = h.RecordValue(0) }},
		{"the largest", 1, 3_600_000_000_000, 3, func(h *hdrhistogram.Histogram) { _ = h.RecordValue(3_600_000_000_000) }},
		{"one zero between two", 1, 1000, 2, func(h *hdrhistogram.Histogram) { _, _ = h.RecordValue(5), h.RecordValue(7) }},
		{"a great count", 1, 1000, 2, func(h *hdrhistogram.Histogram) { _ = h.RecordValues(9, 1<<50) }},
		{"another geometry", 1000, 1_000_000, 4, func(h *hdrhistogram.Histogram) { _ = h.RecordValue(123_456) }},
		{"many", 1, 3_600_000_000_000, 3, func(h *hdrhistogram.Histogram) {
			for range 100_000 {
				_ = h.RecordValue(int64(random.ExpFloat64() * 1e6))
			}
		}},
	} {
		h := hdrhistogram.New(tt.lowest, tt.highest, tt.figures)
		tt.values(h)
		want, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.encode(h)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(inflate(t, got), inflate(t, want)) {
			t.Errorf("%s: not what the library writes", tt.reason)
		}
		back, err := hdrhistogram.Decode(got)
		if err != nil || !back.Equals(h) {
			t.Errorf("%s: read back: %v", tt.reason, err)
		}
	}
}

func TestEncodesWithoutGarbage(t *testing.T) {
	h := hdrhistogram.New(1, 3_600_000_000_000, 3)
	for i := range int64(1000) {
		_ = h.RecordValue(i * i)
	}
	var e encoder
	size := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := e.encode(h); err != nil {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	// The counts' copy, which the library makes, is some 270 KiB.
	if size > 400<<10 {
		t.Errorf("%d bytes for each histogram", size)
	}
}
