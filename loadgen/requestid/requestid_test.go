package requestid_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"grpcbench/loadgen/requestid"
)

// The form is a contract: logs, tags and other people's scripts are searched by it.
func TestString(t *testing.T) {
	for _, tt := range []struct {
		reason string
		id     requestid.ID
		want   string
	}{
		{"zero is spelled out", requestid.ID{}, "00000000-0000-000000000000"},
		{
			"each part in its place, padded",
			requestid.ID{Run: 0x1a, Worker: 0x2b, Seq: 0x3c},
			"0000001a-002b-00000000003c",
		},
		{
			"lower case, every digit",
			requestid.ID{Run: 0x01234567, Worker: 0x89ab, Seq: 0xcdef01234567},
			"01234567-89ab-cdef01234567",
		},
		{
			"the largest",
			requestid.ID{Run: math.MaxUint32, Worker: math.MaxUint16, Seq: requestid.MaxSeq},
			"ffffffff-ffff-ffffffffffff",
		},
		{
			"a sequence number past the largest keeps its low bits",
			requestid.ID{Seq: requestid.MaxSeq + 2},
			"00000000-0000-000000000001",
		},
	} {
		if got := tt.id.String(); got != tt.want {
			t.Errorf("%s: %+v.String() = %q, want %q", tt.reason, tt.id, got, tt.want)
		}
		var put [requestid.Len]byte
		tt.id.PutText(&put)
		if got := string(put[:]); got != tt.want {
			t.Errorf("%s: %+v.Put wrote %q, want %q", tt.reason, tt.id, got, tt.want)
		}
		if got := string(tt.id.Append([]byte("id="))); got != "id="+tt.want {
			t.Errorf("%s: %+v.Append to id= made %q, want %q", tt.reason, tt.id, got, "id="+tt.want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	edges := []uint64{
		0, 1, 9, 0xa, 0xf, 0x10, 0xff, 0x7fff, 0x8000, math.MaxUint16, 0x7fffffff, 0x80000000,
		math.MaxUint32, 1 << 40, requestid.MaxSeq,
	}
	seen := map[string]requestid.ID{}
	for _, run := range edges {
		for _, worker := range edges {
			for _, seq := range edges {
				id := requestid.ID{Run: uint32(run), Worker: uint16(worker), Seq: seq}
				s := id.String()
				if len(s) != requestid.Len || !form.MatchString(s) {
					t.Fatalf("%+v is spelled %q", id, s)
				}
				if other, ok := seen[s]; ok && other != id {
					t.Fatalf("%+v and %+v are both %q", id, other, s)
				}
				seen[s] = id
				if got, err := requestid.Parse(s); err != nil || got != id {
					t.Fatalf("Parse(%q) = %+v, %v, want %+v", s, got, err, id)
				}
			}
		}
	}
}

// A prefix names a run or one of its workers.
func TestPrefixes(t *testing.T) {
	id := requestid.ID{Run: 0xdeadbeef, Worker: 0x12, Seq: 7}
	if got, want := id.RunPrefix(), "deadbeef"; got != want {
		t.Errorf("RunPrefix() = %q, want %q", got, want)
	}
	if got, want := id.WorkerPrefix(), "deadbeef-0012"; got != want {
		t.Errorf("WorkerPrefix() = %q, want %q", got, want)
	}
	for _, prefix := range []string{id.RunPrefix(), id.WorkerPrefix()} {
		if !strings.HasPrefix(id.String(), prefix) {
			t.Errorf("%q is no prefix of %q", prefix, id)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ reason, id string }{
		{"nothing", ""},
		{"upper case in the run", "0000001A-0000-000000000000"},
		{"upper case in the worker", "00000000-00B0-000000000000"},
		{"upper case in the sequence number", "00000000-0000-0000000000C0"},
		{"no dashes", "00000000000000000000000000"},
		{"underscores", "00000000_0000_000000000000"},
		{"the first dash one early", "0000000-00000-000000000000"},
		{"the second dash one late", "00000000-00000-00000000000"},
		{"a digit that is none", "0000000g-0000-000000000000"},
		{"a sign", "+0000000-0000-000000000000"},
		{"a minus for a digit", "00000000-0000--00000000000"},
		{"a prefix of base 16", "0x000000-0000-000000000000"},
		{"separated digits", "0000_000-0000-000000000000"},
		{"a space before", " 0000000-0000-000000000000"},
		{"a digit too few", "00000000-0000-00000000000"},
		{"a digit too many", "00000000-0000-0000000000000"},
		{"a line break after", "00000000-0000-000000000000\n"},
		{"a UUID", "123e4567-e89b-12d3-a456-426614174000"},
		{"wide digits", "０0000000-0000-0000000000"},
		{"a NUL", "\x000000000-0000-000000000000"},
		{"only the run's prefix", "deadbeef"},
		{"only the worker's prefix", "deadbeef-0001"},
	} {
		got, err := requestid.Parse(tt.id)
		if err == nil {
			t.Errorf("%s: Parse(%q) = %+v, want an error", tt.reason, tt.id, got)
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("%q", tt.id)) || got != (requestid.ID{}) {
			t.Errorf("%s: Parse(%q) = %+v, %v, want no id and an error that quotes it", tt.reason, tt.id, got, err)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	id := requestid.ID{Run: 0xdeadbeef, Worker: 1, Seq: 2}
	dst := make([]byte, 0, requestid.Len)
	var b [requestid.Len]byte
	for _, tt := range []struct {
		name string
		f    func()
	}{
		{"Append into a large enough dst", func() { id.Seq++; dst = id.Append(dst[:0]) }},
		{"Put", func() { id.Seq++; id.PutText(&b) }},
	} {
		if n := testing.AllocsPerRun(1000, tt.f); n != 0 {
			t.Errorf("%s: %v allocations, want none", tt.name, n)
		}
	}
}

// FuzzParse: nothing panics, and what parses is spelled as it was read.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "00000000-0000-000000000000", "deadbeef-0012-000000000007", "ffffffff-ffff-ffffffffffff",
		"DEADBEEF-0012-000000000007", "deadbeef-0012-00000000000", "--------------------------",
		"0x000000-0_00-+00000000000",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := requestid.Parse(s)
		if err != nil {
			if id != (requestid.ID{}) {
				t.Errorf("refused (%v), and still read %+v", err, id)
			}
			return
		}
		if id.String() != s || id.Seq > requestid.MaxSeq {
			t.Errorf("Parse(%q) = %+v, which is spelled %q", s, id, id)
		}
	})
}

func ExampleID() {
	id := requestid.ID{Run: 0xdeadbeef, Worker: 3, Seq: 255}
	fmt.Println(id)
	fmt.Println(id.RunPrefix())
	fmt.Println(id.WorkerPrefix())
	// Output:
	// deadbeef-0003-0000000000ff
	// deadbeef
	// deadbeef-0003
}
