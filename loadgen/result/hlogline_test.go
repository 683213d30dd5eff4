package result

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
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
		reason string
		values func(*hdrhistogram.PackedHistogram)
	}{
		{"empty", func(*hdrhistogram.PackedHistogram) {}},
		{"a zero alone", func(h *hdrhistogram.PackedHistogram) { _ = h.RecordValue(0) }},
		{"the largest", func(h *hdrhistogram.PackedHistogram) { _ = h.RecordValue(3_600_000_000_000) }},
		{"one zero between two", func(h *hdrhistogram.PackedHistogram) { _, _ = h.RecordValue(5), h.RecordValue(7) }},
		{"a great count", func(h *hdrhistogram.PackedHistogram) { _ = h.RecordValues(9, 1<<50) }},
		{"many", func(h *hdrhistogram.PackedHistogram) {
			for range 100_000 {
				_ = h.RecordValue(int64(random.ExpFloat64() * 1e6))
			}
		}},
	} {
		packed, h := recorder.NewPacked(), recorder.NewHistogram()
		tt.values(packed)
		packed.MergeInto(h)
		want, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.encode(packed)
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
	h := recorder.NewPacked()
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
	if size > 1<<10 {
		t.Errorf("%d bytes for each histogram", size)
	}
}
