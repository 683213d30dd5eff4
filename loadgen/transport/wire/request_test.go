package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// decode reads a request's frames as a server would, and counts them.
func decode(t *testing.T, b []byte) (fields [][2]string, stream uint32, frames int) {
	t.Helper()
	var block []byte
	fr := http2.NewFramer(nil, bytes.NewReader(b))
	fr.SetMaxReadFrameSize(maxFrame)
	for ended := false; !ended; frames++ {
		f, err := fr.ReadFrame()
		if err != nil {
			t.Fatalf("frame %d: %v", frames, err)
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				t.Error("the head ends the stream")
			}
			block, ended = append(block, f.HeaderBlockFragment()...), f.HeadersEnded()
		case *http2.ContinuationFrame:
			block, ended = append(block, f.HeaderBlockFragment()...), f.HeadersEnded()
		}
		if stream != 0 && stream != f.Header().StreamID {
			t.Errorf("frame %d is on stream %d, not %d", frames, f.Header().StreamID, stream)
		}
		stream = f.Header().StreamID
	}
	d := hpack.NewDecoder(0, func(f hpack.HeaderField) { fields = append(fields, [2]string{f.Name, f.Value}) })
	if _, err := d.Write(block); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return fields, stream, frames
}

func TestRequest(t *testing.T) {
	long := strings.Repeat("v", 3*maxFrame)
	for _, tt := range []struct {
		name   string
		reason string
		spec   transport.Spec
		left   int64
		more   [][2]string
		frames int
	}{
		{name: "plain", reason: "what every call has", frames: 1},
		{
			name: "timeout", reason: "the whole, without leading zeros", spec: transport.Spec{Timeout: time.Second},
			more: [][2]string{{"grpc-timeout", "1000000u"}}, frames: 1,
		},
		{
			name: "rest of a timeout", reason: "as wide as the whole, rounded up",
			spec: transport.Spec{Timeout: time.Second}, left: int64(12345*time.Microsecond) + 1,
			more: [][2]string{{"grpc-timeout", "0012346u"}}, frames: 1,
		},
		{
			name: "all of a timeout left", reason: "no more digits than there are",
			spec: transport.Spec{Timeout: 99_999_999}, left: 99_999_999,
			more: [][2]string{{"grpc-timeout", "99999999n"}}, frames: 1,
		},
		{
			name: "nothing of a timeout left", reason: "a nanosecond is a unit",
			spec: transport.Spec{Timeout: 100 * time.Second}, left: 1, more: [][2]string{{"grpc-timeout", "000001m"}},
			frames: 1,
		},
		{
			name: "metadata", reason: "names in lower case, -bin in base64 without padding",
			spec: transport.Spec{Metadata: []string{"X-A", "b c", "x-bin", "\x00\xffa", "x-a", "again", "empty", ""}},
			more: [][2]string{
				{"x-a", "b c"},
				{"x-bin", base64.RawStdEncoding.EncodeToString([]byte("\x00\xffa"))},
				{"x-a", "again"},
				{"empty", ""},
			}, frames: 1,
		},
		{
			name: "long metadata", reason: "a block longer than a frame is cut",
			spec: transport.Spec{Timeout: time.Second, Metadata: []string{"long", long}},
			left: int64(time.Millisecond),
			more: [][2]string{{"grpc-timeout", "0001000u"}, {"long", long}}, frames: 4,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Method = "/pkg.Service/Method"
			r, err := newRequest(&tt.spec, "https", "example.org:443", false, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.spec.Timeout == 0 && r.timeout != 0 {
				t.Errorf("without a timeout, its digits are at %d: want 0, for nothing to be patched there", r.timeout)
			}
			out := []byte("before")
			// Twice: a patch must not stay in the template.
			first := requestid.ID{Run: 1, Worker: 65535, Seq: 1<<48 - 1}
			out = r.append(out, 1<<31-1, first, min(int64(tt.spec.Timeout), 1))
			at := len(out)
			id := requestid.ID{Run: 0xdeadbeef, Worker: 7, Seq: 99}
			out = r.append(out, 77, id, tt.left)
			got, stream, frames := decode(t, out[at:])
			want := append([][2]string{
				{":method", "POST"},
				{":scheme", "https"},
				{":path", "/pkg.Service/Method"},
				{":authority", "example.org:443"},
				{contract.RequestIDKey, id.String()},
				{"content-type", "application/grpc"},
				{"user-agent", "grpcbench-wire"},
				{"te", "trailers"},
				{"grpc-accept-encoding", "gzip"},
			}, tt.more...)
			if diff := cmp.Diff(want, got); diff != "" || stream != 77 || frames != tt.frames {
				t.Errorf("%s: stream %d, %d frames, want 77, %d (-want +got):\n%s", tt.reason, stream, frames,
					tt.frames, diff)
			}
			size := 0
			for _, f := range want {
				size += len(f[0]) + len(f[1]) + 32
			}
			if r.listSize != uint32(size) {
				t.Errorf("list size %d, want %d (RFC 9113, section 6.5.2)", r.listSize, size)
			}
			got, stream, _ = decode(t, out[len("before"):at])
			if stream != 1<<31-1 || got[4][1] != first.String() {
				t.Errorf("the first request is on stream %d and says %v", stream, got[4])
			}
		})
	}
}

// Wherever a block is cut, what is patched stands where it should: a cut through the id or the timeout, too.
func TestRequestCutThroughPatches(t *testing.T) {
	for pad := range 140 {
		spec := transport.Spec{Method: "/" + strings.Repeat("m", maxFrame-200+pad), Timeout: time.Second}
		r, err := newRequest(&spec, "http", "a:1", false, nil)
		if err != nil {
			t.Fatal(err)
		}
		id := requestid.ID{Run: 0xdeadbeef, Worker: 7, Seq: 99}
		got, stream, _ := decode(t, r.append(nil, 5, id, int64(time.Millisecond)))
		if stream != 5 || got[4][1] != id.String() || got[9][1] != "0001000u" {
			t.Errorf("with a path of %d bytes the request says %v and %v", len(spec.Method), got[4], got[9])
			return
		}
	}
}

// valueOf makes a value of a length that the call says.
type valueOf string

func (v valueOf) Append(dst []byte, call uint64) ([]byte, error) {
	if v == "" {
		return dst, errors.New("no words")
	}
	return append(dst, strings.Repeat(string(v), int(call))...), nil //nolint:gosec // a test's
}

// What differs from call to call follows the block, however long it is, in its last frame or in frames behind.
func TestVaryingMetadata(t *testing.T) {
	for _, fixed := range []string{"", strings.Repeat("f", maxFrame-500), strings.Repeat("f", 2*maxFrame)} {
		spec := transport.Spec{
			Method: "/a/b", Timeout: time.Second,
			Varying: []transport.Varying{{Key: "one", Value: valueOf("x")}, {Key: "two-bin", Value: valueOf("\xff")}},
		}
		if fixed != "" {
			spec.Metadata = []string{"fixed", fixed}
		}
		r, err := newRequest(&spec, "http", "a:1", false, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []uint64{0, 1, 10, 94, 126, 127, 128, 300, 6000, maxFrame, 3 * maxFrame} {
			out := []byte("before")
			at := len(out)
			out = r.append(out, 5, requestid.ID{Run: 1, Worker: 2, Seq: 3}, 0)
			if out, err = r.appendVaryingFields(out, at+r.last(), n); err != nil {
				t.Fatal(err)
			}
			got, stream, _ := decode(t, out[at:])
			// a test's
			want := [][2]string{
				{"one", strings.Repeat("x", int(n))},
				{"two-bin", base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, int(n)))},
			} //nolint:gosec
			if diff := cmp.Diff(want, got[len(got)-2:]); diff != "" || stream != 5 ||
				got[4][1] != (requestid.ID{Run: 1, Worker: 2, Seq: 3}).String() {
				t.Errorf("%d bytes beside %d that are fixed, stream %d (-want +got):\n%.300s", n, len(fixed), stream,
					diff)
			}
		}
	}
	spec := transport.Spec{Method: "/a/b", Varying: []transport.Varying{{Key: "one", Value: valueOf("")}}}
	r, err := newRequest(&spec, "http", "a:1", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.appendVaryingFields(r.append(nil, 1, requestid.ID{}, 0), r.last(), 1); err == nil ||
		!strings.Contains(err.Error(), "make the metadata one: no words") {
		t.Errorf("a value that cannot be made: %v", err)
	}
	if _, err := newRequest(&transport.Spec{Varying: []transport.Varying{{Key: "grpc-x", Value: valueOf("x")}}},
		"http", "a:1", false, nil); err == nil {
		t.Error("gRPC's own name was taken")
	}
}
