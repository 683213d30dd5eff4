package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"grpcbench/loadgen/transport"
)

var everyKind = []transport.Kind{transport.Unary, transport.ServerStream, transport.ClientStream, transport.Bidi}

func zipped(body string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(body))
	_ = z.Close()
	return b.String()
}

// encodingRows are the product of what grpc-encoding says, what the message is, and how the call ends.
func encodingRows() (rows []row) {
	good := zipped("yes")
	for _, encoding := range []string{missing, "identity", "gzip", "GZIP", "br", "snappy", "deflate", ""} {
		for _, m := range []struct{ name, bytes string }{
			{"plain", message(0, "yes")},
			{"plain and empty", message(0, "")},
			{"compressed", message(1, good)},
			{"compressed, empty", message(1, zipped(""))},
			{"flagged, of no bytes", message(1, "")},
			{"flagged, not gzip", message(1, "yes")},
			{"flagged, cut off", message(1, good[:len(good)-9])},
			{"flagged, without its sum", message(1, good[:len(good)-8])},
			{"flagged, of a wrong sum", message(1, good[:len(good)-8]+"\x00\x00\x00\x00\x03\x00\x00\x00")},
			{"flagged, of a wrong length", message(1, good[:len(good)-4]+"\x04\x00\x00\x00")},
			{"flagged, with bytes after it", message(1, good+"x")},
			{"compressed twice", message(1, zipped(good))},
			{"two members", message(1, good+good)},
			{"of 4 MiB", message(1, zipped(strings.Repeat("a", 4<<20)))},
			{"of 4 MiB and 1", message(1, zipped(strings.Repeat("a", 4<<20+1)))},
		} {
			for _, status := range []string{"0", "13"} {
				rows = append(rows, row{
					name: fmt.Sprintf("grpc-encoding=%s, %s, grpc-status=%s", encoding, m.name, status), says: text,
					script: func(p *peer, id uint32, _ int) {
						p.begin(id, fields("grpc-encoding", encoding)...)
						p.payload(id, false, m.bytes)
						p.headers(id, true, "grpc-status", status, "grpc-message", text)
					},
				})
			}
		}
	}
	return rows
}

// headerRows are headers of many sizes, in each place; with -short all sizes of one shape only.
func headerRows() (rows []row) {
	for _, size := range []int{1 << 10, 60 << 10, 200 << 10, 1 << 20} {
		for _, shape := range []struct {
			name string
			add  func() []string
		}{
			{"one field", func() []string { return []string{"x-long", strings.Repeat("x", size)} }},
			{
				"one that Huffman's code makes longer",
				func() []string { return []string{"x-long", strings.Repeat("\x7f", size)} },
			},
			{"one of bytes", func() []string { return []string{"x-long-bin", strings.Repeat("AAAA", size/4)} }},
			{"fields of 16 bytes", func() (all []string) {
				for range size / 48 { // a field counts for 32 bytes more than it has
					all = append(all, "x-short1", "12345678")
				}
				return all
			}},
			{"grpc-message", func() []string { return []string{"grpc-message", strings.Repeat("x", size)} }},
			{"no base64", func() []string { return []string{"x-long-bin", strings.Repeat("!", size)} }},
		} {
			if testing.Short() && size > 1<<10 && shape.name != "one field" {
				continue
			}
			more := shape.add()
			for _, where := range []struct {
				name  string
				write func(p *peer, id uint32)
			}{
				{"headers", func(p *peer, id uint32) {
					p.begin(id, more...)
					p.payload(id, false,
						message(0, "yes"))
					p.end(id)
				}},
				{"trailers", func(p *peer, id uint32) {
					p.begin(id)
					p.payload(id, false, message(0, "yes"))
					p.end(id,
						more...)
				}},
				{"trailers of a failure", func(p *peer, id uint32) {
					p.begin(id)
					p.headers(id, true, append([]string{"grpc-status", "5"}, more...)...)
				}},
				{"trailers only", func(p *peer, id uint32) {
					p.headers(id, true, append([]string{
						":status", "200", "content-type", "application/grpc",
						"grpc-status", "5",
					}, more...)...)
				}},
			} {
				rows = append(rows, row{
					name:   fmt.Sprintf("%d KiB, %s, in the %s", size>>10, shape.name, where.name),
					script: func(p *peer, id uint32, _ int) { where.write(p, id) },
				})
			}
		}
	}
	return rows
}

// framingRows are messages that are not what a stream of gRPC has.
func framingRows() (rows []row) {
	for _, m := range []struct {
		name string
		data []string // of DATA frames
	}{
		{"no message", nil},
		{"an empty message", []string{message(0, "")}},
		{"two messages", []string{message(0, "yes"), message(0, "no")}},
		{"two in one frame", []string{message(0, "yes") + message(0, "no")}},
		{"three messages", []string{message(0, "a"), message(0, "b"), message(0, "c")}},
		{"a message byte by byte", strings.Split(message(0, "yes"), "")},
		{"empty frames between", []string{"", message(0, "yes")[:3], "", message(0, "yes")[3:], ""}},
		{"half a message", []string{message(0, "yes")[:7]}},
		{"half a head", []string{message(0, "yes")[:3]}},
		{"a message and half of one", []string{message(0, "yes") + message(0, "no")[:6]}},
		{"a message and half a head", []string{message(0, "yes") + message(0, "no")[:2]}},
		{"a head of a message that does not come", []string{message(0, "yes")[:5]}},
		{"flag 2", []string{message(2, "yes")}},
		{"flag 255", []string{message(255, "yes")}},
		{"flag 2, in a head alone", []string{message(2, "yes")[:5]}},
		{"4 MiB and 1 announced", []string{"\x00\x00\x40\x00\x01"}},
		{"4 GiB announced", []string{"\x00\xff\xff\xff\xff"}},
		{"4 GiB announced, compressed", []string{"\x01\xff\xff\xff\xff"}},
		{"4 GiB announced after a message", []string{message(0, "yes") + "\x00\xff\xff\xff\xff"}},
	} {
		send := func(p *peer, id uint32) {
			p.begin(id)
			for _, d := range m.data {
				p.payload(id, false, d)
			}
		}
		rows = append(rows,
			row{
				name: m.name + ", OK", kinds: everyKind,
				script: func(p *peer, id uint32, _ int) { send(p, id); p.end(id) },
			},
			row{name: m.name + ", a failure", kinds: everyKind, says: text, script: func(p *peer, id uint32, _ int) {
				send(p, id)
				p.headers(id, true, "grpc-status", "5", "grpc-message", text)
			}},
			row{
				name: m.name + ", END_STREAM on DATA", kinds: everyKind,
				script: func(p *peer, id uint32, _ int) { send(p, id); p.payload(id, true, "") },
			},
		)
	}
	return rows
}
