package wire

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// The header block with a traceparent, in one frame and in several: each field there once, whole, and of this call.
func TestTraceparentInTheBlock(t *testing.T) {
	sampler := requestid.NewSampler(0.5)
	for _, tt := range []struct {
		reason string
		spec   transport.Spec
		more   [][2]string
		frames int
	}{
		{"nothing else", transport.Spec{}, nil, 1},
		{"a timeout, patched too", transport.Spec{Timeout: time.Second}, [][2]string{{"grpc-timeout", "0001000u"}}, 1},
		{
			"metadata of several frames",
			transport.Spec{Timeout: time.Second, Metadata: []string{"long", strings.Repeat("v", 3*maxFrame)}},
			[][2]string{{"grpc-timeout", "0001000u"}, {"long", strings.Repeat("v", 3*maxFrame)}},
			4,
		},
	} {
		tt.spec.Method = "/pkg.Service/Method"
		r, err := newRequest(&tt.spec, "https", "example.org:443", false, sampler)
		if err != nil {
			t.Fatal(err)
		}
		flags := map[string]int{}
		var out []byte
		for seq := range uint64(50) { // one after the other: nothing of a call may stay in the template
			id := requestid.ID{Run: 0xdeadbeef, Worker: uint16(seq % 3), Seq: seq}
			at := len(out)
			out = r.append(out, uint32(2*seq+1), id, int64(min(tt.spec.Timeout, time.Millisecond)))
			got, stream, frames := decode(t, out[at:])
			want := append([][2]string{
				{":method", "POST"},
				{":scheme", "https"},
				{":path", "/pkg.Service/Method"},
				{":authority", "example.org:443"},
				{contract.RequestIDKey, id.String()},
				{"traceparent", sampler.Traceparent(id)},
				{"content-type", "application/grpc"},
				{"user-agent", "grpcbench-wire"},
				{"te", "trailers"},
				{"grpc-accept-encoding", "gzip"},
			}, tt.more...)
			if diff := cmp.Diff(want, got); diff != "" || stream != uint32(2*seq+1) || frames != tt.frames {
				t.Fatalf("%s, call %d: stream %d, %d frames, want %d of them (-want +got):\n%s", tt.reason, seq,
					stream, frames, tt.frames, diff)
			}
			flags[got[5][1][53:]]++
			size := 0
			for _, f := range want {
				size += len(f[0]) + len(f[1]) + 32
			}
			if r.listSize != uint32(size) {
				t.Fatalf("%s: list size %d, want %d", tt.reason, r.listSize, size)
			}
		}
		if flags["01"] == 0 || flags["00"] == 0 || len(flags) != 2 {
			t.Errorf("%s: of 50 calls half of which are sampled, the flags are %v", tt.reason, flags)
		}
	}
}

// A cut falls where it likes: before, into and after each of the three fields that are patched.
func TestTraceparentCut(t *testing.T) {
	sampler := requestid.NewSampler(1)
	id := requestid.ID{Run: 0xdeadbeef, Worker: 7, Seq: 99}
	cuts := 0
	for pad := range 400 {
		spec := transport.Spec{Method: "/" + strings.Repeat("m", maxFrame-330+pad), Timeout: time.Second}
		r, err := newRequest(&spec, "http", "a:1", false, sampler)
		if err != nil {
			t.Fatal(err)
		}
		got, stream, frames := decode(t, r.append(nil, 5, id, int64(time.Millisecond)))
		if frames == 2 {
			cuts++
		}
		if want := [][2]string{
			got[0], got[1], got[2], got[3],
			{contract.RequestIDKey, id.String()},
			{"traceparent", sampler.Traceparent(id)},
		}; stream != 5 || !slices.Equal(got[:6], want) ||
			got[10][1] != "0001000u" || got[2][1] != spec.Method {
			t.Fatalf("with a path of %d bytes the request says %v, %v and %v", len(spec.Method), got[4], got[5],
				got[10])
		}
	}
	if cuts < 250 {
		t.Errorf("only %d of 400 blocks were cut", cuts)
	}
}

// Without -otlp the block is what it was before there were traces.
func TestNoTraceparent(t *testing.T) {
	spec := transport.Spec{Method: "/pkg.Service/Method", Timeout: time.Second}
	r, err := newRequest(&spec, "http", "a:1", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, _, _ := decode(t, r.append(nil, 1, requestid.ID{}, 1))
	if slices.ContainsFunc(got, func(f [2]string) bool { return f[0] == "traceparent" }) {
		t.Errorf("it says %v", got)
	}
}

// What a call costs is copied bytes, with a traceparent too.
func TestTraceparentAllocatesNothing(t *testing.T) {
	spec := transport.Spec{Method: "/pkg.Service/Method", Timeout: time.Second}
	r, err := newRequest(&spec, "http", "a:1", false, requestid.NewSampler(0.5))
	if err != nil {
		t.Fatal(err)
	}
	var dst []byte
	id := requestid.ID{Run: 1}
	if n := testing.AllocsPerRun(1000, func() { id.Seq++; dst = r.append(dst[:0], 1, id, 1) }); n != 0 {
		t.Errorf("append: %v allocations, want none", n)
	}
}
