package wire

import (
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// encodeBlock writes a block as servers without a dynamic table do; what begins with * is not in Huffman coding.
func encodeBlock(t testing.TB, fields ...string) []byte {
	t.Helper()
	var block []byte
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		if value, ok := strings.CutPrefix(value, "*"); ok {
			block, _ = appendField(block, name, value)
			continue
		}
		block = append(block, 0)
		for _, s := range []string{name, value} {
			block = appendInt(block, 0x80, 7, hpack.HuffmanEncodeLength(s))
			block = hpack.AppendHuffmanString(block, s)
		}
	}
	return block
}

func TestPattern(t *testing.T) {
	head := []string{":status=*200", "content-type=application/grpc", "x-request-id=0a-1", "server=s"}
	for _, tt := range []struct {
		why    string
		learnt []string
		block  []string
		alike  bool
	}{
		{"the same block", head, head, true},
		{
			"the last value that nobody reads is another", head,
			[]string{":status=*200", "content-type=application/grpc", "x-request-id=0a-1", "server=another one"},
			true,
		},
		{
			"its name and value are written plain", head,
			[]string{":status=*200", "content-type=application/grpc", "x-request-id=0a-1", "server=*s"},
			false,
		},
		{
			"it has a control character", head,
			[]string{":status=*200", "content-type=application/grpc", "x-request-id=0a-1", "server=\x01"},
			false,
		},
		{
			"one before it is another", head,
			[]string{":status=*200", "content-type=application/grpc", "x-request-id=0a-2", "server=s"},
			false,
		},
		{"another status", head, []string{
			":status=*404", "content-type=application/grpc", "x-request-id=0a-1",
			"server=s",
		}, false},
		{"a field more", head, append(head[:4:4], "grpc-encoding=gzip"), false},
		{"a field less", head, head[:3], false},
		{
			"a value that is read is another",
			[]string{"x=1", "grpc-status=*0"},
			[]string{"x=1", "grpc-status=*1"},
			false,
		},
		{
			"a value before one that is read is another",
			[]string{"x=1", "grpc-status=*0"},
			[]string{"x=2", "grpc-status=*0"},
			true,
		},
		{
			"another load report",
			[]string{"grpc-status=*0", "endpoint-load-metrics-bin=AA"},
			[]string{"grpc-status=*0", "endpoint-load-metrics-bin=AB"},
			true,
		},
		{
			"another load report, and a value that nobody reads",
			[]string{"endpoint-load-metrics-bin=AA", "x=1"},
			[]string{"endpoint-load-metrics-bin=AB", "x=2"},
			false,
		},
		{"nothing that may differ", []string{"grpc-status=*0"}, []string{"grpc-status=*0"}, true},
		{"nothing at all", nil, nil, false},
	} {
		learnt, block := encodeBlock(t, tt.learnt...), encodeBlock(t, tt.block...)
		var f fields
		if err := f.parse(learnt, new(knownNames)); err != nil {
			t.Fatal(err)
		}
		var p pattern
		p.learn(learnt, &f)
		if _, got := p.alike(block); got != tt.alike {
			t.Errorf("%s: alike is %v", tt.why, got)
		}
	}
}

// Whatever is alike says the same. Blocks are those that the seeds can be turned into.
func FuzzPattern(f *testing.F) {
	for _, fields := range [][]string{
		{":status=*200", "content-type=application/grpc", "x-request-id=0a-1"},
		{"grpc-status=*0", "grpc-message="},
		{"x=*1", "grpc-status=*0", "y=2"},
		{"x=*1", "grpc-status=*0", "endpoint-load-metrics-bin=AA", "y=2"},
	} {
		block := encodeBlock(f, fields...)
		f.Add(block, block)
	}
	f.Fuzz(func(t *testing.T, learnt, block []byte) {
		var a, b fields
		if a.parse(learnt, new(knownNames)) != nil || a.malformed != "" {
			return
		}
		var p pattern
		p.learn(learnt, &a)
		value, ok := p.alike(block)
		if !ok {
			return
		}
		if p.hasReport {
			a.loadReport = value
		}
		if err := b.parse(block, new(knownNames)); err != nil || b.malformed != "" || b.plain() != a.plain() {
			t.Errorf("%q is alike %q: %v, malformed %q, %+v and %+v", block, learnt, err, b.malformed, b.plain(),
				a.plain())
		}
	})
}
