package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"grpcbench/loadgen/transport"
)

// zipped is a compressed message in gRPC's framing.
func zipped(body string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(body))
	_ = z.Close()
	return "\x01" + message(b.String())[1:]
}

func details(t testing.TB, code codes.Code) string {
	t.Helper()
	b, err := proto.Marshal(&spb.Status{Code: int32(code), Details: []*anypb.Any{{TypeUrl: "type/Reason"}}})
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

// What a server answers to one call, and what becomes of the call. Every answer
// is then delivered byte by byte too: the outcome must be the same.
func TestAnswers(t *testing.T) {
	plain := func(more ...string) func(p *peer) {
		return func(p *peer) {
			p.begin(1)
			p.message(1, "yes")
			p.headers(1, true, more...)
		}
	}
	only := func(fields ...string) func(p *peer) {
		return func(p *peer) {
			p.headers(1, true, append([]string{":status", "200", "content-type", "application/grpc"}, fields...)...)
		}
	}
	encoded := func(encoding, data string) func(p *peer) {
		return func(p *peer) {
			fields := slices.Clone(begun)
			if encoding != "" {
				fields = append(fields, "grpc-encoding", encoding)
			}
			p.headers(1, false, fields...)
			for ; len(data) > maxFrame; data = data[maxFrame:] {
				p.dataFrame(1, false, data[:maxFrame])
			}
			p.dataFrame(1, false, data)
			p.end(1)
		}
	}
	for _, tt := range []struct {
		name   string
		reason string
		spec   transport.Spec
		answer func(p *peer)
		want   string
		big    bool // too long to go byte by byte
	}{
		{name: "good", reason: "the plain case", answer: plain("grpc-status", "0"), want: "OK"},
		{
			name: "zero length", reason: "an empty message is a message", answer: func(p *peer) { p.answer(1, "") },
			want: "OK",
		},
		{
			name: "no answer", reason: "a unary call has exactly one", answer: func(p *peer) { p.answer(1) },
			want: "Internal: the server ended the stream without an answer",
		},
		{
			name: "two answers", reason: "as above", answer: func(p *peer) { p.answer(1, "a", "b") },
			want: "Internal: the server sent more than one answer",
		},
		{
			name: "error after an answer", reason: "the status is the call's, whatever came before",
			answer: plain("grpc-status", "13", "grpc-message", "late"), want: "Internal: late",
		},
		{
			name: "trailers only", reason: "HEADERS with END_STREAM are head and trailers",
			answer: only("grpc-status", "5", "grpc-message", "who"), want: "NotFound: who",
		},
		{
			name: "trailers only OK", reason: "OK, but there is no answer", answer: only("grpc-status", "0"),
			want: "Internal: the server ended the stream without an answer",
		},
		{
			name: "no answers of a server stream", reason: "a stream may be empty",
			spec:   transport.Spec{Kind: transport.ServerStream},
			answer: only("grpc-status", "0"), want: "OK",
		},
		{
			name: "percent", reason: "grpc-message is percent-encoded",
			answer: only("grpc-status", "2", "grpc-message", "100%25 %e2%82%AC"), want: "Unknown: 100% €",
		},
		{
			name: "percent, cut", reason: "what is no code stays",
			answer: only("grpc-status", "2", "grpc-message", "a%2"), want: "Unknown: a%2",
		},
		{
			name: "percent, not hex", reason: "as above", answer: only("grpc-status", "2", "grpc-message", "%zz%"),
			want: "Unknown: %zz%",
		},
		{
			name: "message of an OK", reason: "it says nothing about a good call",
			answer: plain("grpc-status", "0", "grpc-message", "fine"), want: "OK",
		},
		{name: "no status", reason: "200 without a grpc-status is UNKNOWN (http-grpc-status-mapping.md), as with " +
			"grpc-go", answer: plain("x", "y"), want: "Unknown: "},
		{name: "no status, trailers only", reason: "as above", answer: only(), want: "Unknown: "},
		{
			name: "malformed status", reason: "as grpc-go has it", answer: plain("grpc-status", "OK"),
			want: "Unknown: malformed grpc-status \"OK\"",
		},
		{
			name: "empty status", reason: "as above", answer: plain("grpc-status", ""),
			want: "Unknown: malformed grpc-status",
		},
		{
			name: "unknown status", reason: "codes beyond 16 are passed on", answer: plain("grpc-status", "99"),
			want: "Code(99)",
		},
		{
			name: "details", reason: "their types are told",
			answer: plain("grpc-status", "8", "grpc-message", "full", "grpc-status-details-bin",
				details(t, codes.ResourceExhausted)), want: "ResourceExhausted: full [type/Reason]",
		},
		{
			name: "details, padded", reason: "base64 may come with its padding",
			answer: plain("grpc-status", "8", "grpc-status-details-bin", details(t, codes.ResourceExhausted)+"="),
			want:   "ResourceExhausted:  [type/Reason]",
		},
		{
			name: "details, conflicting", reason: "one of the two is wrong",
			answer: plain("grpc-status", "8", "grpc-status-details-bin", details(t, codes.NotFound)),
			want:   "Internal: grpc-status is ResourceExhausted, and grpc-status-details-bin says NotFound",
		},
		{
			name: "details, no base64", reason: "the status holds all the same",
			answer: plain("grpc-status", "8", "grpc-message", "full", "grpc-status-details-bin", "!"),
			want:   "ResourceExhausted: full (malformed",
		},
		{
			name: "details, no message", reason: "as above",
			answer: plain("grpc-status", "8", "grpc-message", "full", "grpc-status-details-bin", "/w"),
			want:   "ResourceExhausted: full (malformed",
		},
		{
			name: "no :status", reason: "a response has one",
			answer: func(p *peer) { p.headers(1, false, "content-type", "application/grpc") },
			want:   "Internal: HTTP/2 PROTOCOL_ERROR: HEADERS without :status",
		},
		{name: "HTML", reason: "not gRPC's content type", answer: func(p *peer) {
			p.headers(1, false, ":status", "200", "content-type", "text/html")
			p.dataFrame(1, true, "<h1>Welcome")
		}, want: `Unknown: HTTP status 200 (OK), content-type "text/html": want application/grpc; it says "<h1>Welcome"`},
		{name: "HTML without end", reason: "the beginning is enough", answer: func(p *peer) {
			p.headers(1, false, ":status", "502", "content-type", "text/html")
			p.dataFrame(1, false, strings.Repeat("<br>", 100))
		}, want: `Unavailable: HTTP status 502 (Bad Gateway), content-type "text/html": want application/grpc; it says "<br><br>`},
		{
			name:   "grpc-status beside an HTTP status",
			reason: "http-grpc-status-mapping.md: only where there is no grpc-status", answer: func(p *peer) {
				p.headers(1, true, ":status", "503", "content-type", "application/grpc", "grpc-status", "5",
					"grpc-message", "nope")
			}, want: "NotFound: nope",
		},
		{name: "grpc-status beside HTML", reason: "as above", answer: func(p *peer) {
			p.headers(1, true, ":status", "503", "content-type", "text/html", "grpc-status", "5", "grpc-message",
				"nope")
		}, want: "NotFound: nope"},
		{name: "grpc-status in the trailers of an HTTP status", reason: "as above", answer: func(p *peer) {
			p.headers(1, false, ":status", "503", "content-type", "application/grpc")
			p.headers(1, true, "grpc-status", "5", "grpc-message", "nope")
		}, want: "NotFound: nope"},
		{
			name: "trailers without grpc-status after an HTTP status", reason: "it is all there is",
			answer: func(p *peer) {
				p.headers(1, false, ":status", "503", "content-type", "text/plain")
				p.dataFrame(1, false, "no healthy upstream")
				p.headers(1, true, "x", "y")
			}, want: `Unavailable: HTTP status 503 (Service Unavailable), content-type "text/plain": want application/grpc; it says "no healthy upstream"`,
		},
		{
			name: "no content type", reason: "as above", answer: func(p *peer) { p.headers(1, true, ":status", "200") },
			want: `Unknown: HTTP status 200 (OK), content-type ""`,
		},
		{
			name: "grpc-web", reason: "a longer name is another type",
			answer: func(p *peer) { p.headers(1, true, ":status", "200", "content-type", "application/grpc-web") },
			want:   "Unknown: HTTP status 200 (OK), content-type",
		},
		{
			name: "subtype", reason: "+proto and parameters are gRPC, in any case",
			answer: func(p *peer) {
				p.headers(1, false, ":status", "200", "content-type", "Application/grpc+proto")
				p.message(1, "")
				p.end(1)
			}, want: "OK",
		},
		{
			name: "parameters", reason: "as above",
			answer: func(p *peer) {
				p.headers(1, false, ":status", "200", "content-type", "application/grpc;charset=x")
				p.message(1, "")
				p.end(1)
			}, want: "OK",
		},
		{
			name: "1xx first", reason: "informational heads precede the head",
			answer: func(p *peer) {
				p.headers(1, false, ":status", "103", "link", "x")
				p.headers(1, false, ":status", "100")
				p.answer(1, "yes")
			}, want: "OK",
		},
		{
			name: "1xx at the end", reason: "no head will come",
			answer: func(p *peer) { p.headers(1, true, ":status", "100") },
			want:   "Internal: HTTP/2 PROTOCOL_ERROR: HTTP status 100 ends the stream",
		},
		{
			name: "a bad :status", reason: "one response is malformed, and not the connection",
			answer: func(p *peer) { p.headers(1, false, ":status", "abc") },
			want:   "Internal: HTTP/2 PROTOCOL_ERROR: HEADERS with a :status that is no HTTP status",
		},
		{
			name: "second head", reason: "what follows a head ends the stream",
			answer: func(p *peer) { p.begin(1); p.begin(1) }, want: "Internal: HTTP/2 PROTOCOL_ERROR: a second HEADERS",
		},
		{
			name: "END_STREAM on DATA", reason: "gRPC ends by trailers",
			answer: func(p *peer) { p.begin(1); p.dataFrame(1, true, message("yes")) },
			want:   "Internal: the server ended the stream without trailers",
		},
		{
			name: "within a message", reason: "it was announced longer",
			answer: func(p *peer) { p.begin(1); p.dataFrame(1, false, message("yes")[:7]); p.end(1) },
			want:   "Internal: the server ended the stream within a message",
		},
		{
			name: "within a message's head", reason: "as above",
			answer: func(p *peer) {
				p.begin(1)
				p.message(1, "yes")
				p.dataFrame(1, false, "\x00\x00")
				p.end(1)
			}, want: "Internal: the server ended the stream within a message",
		},
		{
			name: "DATA before HEADERS", reason: "there is no head to judge it by",
			answer: func(p *peer) { p.message(1, "yes") }, want: "Internal: HTTP/2 PROTOCOL_ERROR: DATA before HEADERS",
		},
		{
			name: "wrong answer", reason: "the source says so", answer: func(p *peer) { p.answer(1, "wrong") },
			want: "DataLoss: answer 0: it is \"wrong\"",
		},
		{
			name: "flag", reason: "a message's flag is 0 or 1",
			answer: func(p *peer) { p.begin(1); p.dataFrame(1, false, "\x02\x00\x00\x00\x00") },
			want:   "Internal: a message with the flag 2",
		},
		{
			name: "too long", reason: "4 MiB at most, by its head",
			answer: func(p *peer) { p.begin(1); p.dataFrame(1, false, "\x00\x00\x40\x00\x01") },
			want:   "ResourceExhausted: an answer of 4194305 bytes",
		},
		{
			name: "longest", reason: "4 MiB exactly is taken",
			answer: encoded("", message(strings.Repeat("a", maxMessage))), want: "OK", big: true,
		},
		{name: "gzip", reason: "it was asked for", answer: encoded("gzip", zipped("yes")), want: "OK"},
		{
			name: "gzip, wrong", reason: "the plain text is judged", answer: encoded("gzip", zipped("wrong")),
			want: "DataLoss: answer 0: it is \"wrong\"",
		},
		{
			name: "gzip, unused", reason: "a flag of 0 is plain, whatever the encoding",
			answer: encoded("gzip", message("yes")), want: "OK",
		},
		{
			name: "gzip, no encoding", reason: "a flag without an encoding", answer: encoded("", zipped("yes")),
			want: "Internal: a compressed message, and no grpc-encoding",
		},
		{
			name: "gzip, identity", reason: "as above", answer: encoded("identity", zipped("yes")),
			want: "Internal: a compressed message, and no grpc-encoding",
		},
		{
			name: "brotli", reason: "unknown encoding", answer: encoded("br", zipped("yes")),
			want: "Internal: grpc-encoding \"br\"",
		},
		{
			name: "gzip, no gzip", reason: "corrupt head", answer: encoded("gzip", "\x01"+message("yes")[1:]),
			want: "Internal: gunzip an answer",
		},
		{
			name: "gzip, cut", reason: "its end is missing",
			answer: encoded("gzip", "\x01"+message(zipped("yes")[messageHead:20])[1:]),
			want:   "Internal: gunzip an answer",
		},
		{
			name: "gzip, bad sum", reason: "its checksum is wrong",
			answer: encoded("gzip", strings.Replace(zipped("yes"), zipped("yes")[len(zipped("yes"))-8:],
				"\x00\x00\x00\x00\x03\x00\x00\x00", 1)), want: "Internal: gunzip an answer",
		},
		{
			name: "gzip, longest", reason: "4 MiB of plain text",
			answer: encoded("gzip", zipped(strings.Repeat("a", maxMessage))), want: "OK", big: true,
		},
		{
			name: "bomb", reason: "more than 4 MiB of plain text",
			answer: encoded("gzip", zipped(strings.Repeat("a", maxMessage+1))),
			want:   "ResourceExhausted: an answer of more than", big: true,
		},
		{
			name: "padding", reason: "HEADERS and DATA may be padded",
			answer: func(p *peer) {
				head := p.block(begun...)
				p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersPadded, 1,
					"\x05"+head+"\x00\x00\x00\x00\x00")
				p.raw(http2.FrameData, http2.FlagDataPadded, 1, "\x03"+message("yes")+"\x00\x00\x00")
				p.raw(http2.FrameData, http2.FlagDataPadded, 1, "\x00")
				p.end(1)
			}, want: "OK",
		},
		{
			name: "priority", reason: "HEADERS may carry one, and PRIORITY frames are ignored",
			answer: func(p *peer) {
				p.raw(http2.FramePriority, 0, 1, "\x00\x00\x00\x00\x10")
				const flags = http2.FlagHeadersEndHeaders | http2.FlagHeadersPriority | http2.FlagHeadersPadded
				p.raw(http2.FrameHeaders, flags, 1, "\x01\x00\x00\x00\x00\x10"+p.block(begun...)+"\x00")
				p.message(1, "yes")
				p.end(1)
			}, want: "OK",
		},
		{
			name: "unknown frames", reason: "they are ignored",
			answer: func(p *peer) { p.raw(0x77, 0xff, 1, "abc"); p.raw(0x78, 0, 0, ""); p.answer(1, "yes") },
			want:   "OK",
		},
		{
			name: "CONTINUATION", reason: "a block may be cut anywhere",
			answer: func(p *peer) {
				head := p.block(begun...)
				p.raw(http2.FrameHeaders, 0, 1, "")
				for i := range len(head) {
					p.raw(http2.FrameContinuation, 0, 1, head[i:i+1])
				}
				p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, "")
				p.message(1, "yes")
				tail := p.block("grpc-status", "3", "grpc-message", "cut")
				p.raw(http2.FrameHeaders, http2.FlagHeadersEndStream, 1, tail[:5])
				p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, tail[5:])
			}, want: "InvalidArgument: cut",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, chunk := range []int{0, 1} {
				if chunk > 0 && tt.big {
					continue
				}
				bubble(t, func(t *testing.T) {
					r := newRig(t, tt.spec)
					r.tune = func(_ int, client *pipeEnd, _ *peer) { client.in.chunk = chunk }
					r.connect()
					c := r.start()
					tt.answer(r.peer(1))
					if r.want(c, tt.want); t.Failed() {
						t.Logf("%d bytes a read; %s", chunk, tt.reason)
					}
					// The connection is none the worse for it.
					next := r.start()
					r.peer(1).answer(3, "yes")
					if r.want(next, "OK"); len(r.peers) != 1 {
						t.Error("the call's end was the connection's")
					}
				})
			}
		})
	}
}

// What HTTP itself says, as http-grpc-status-mapping.md translates it.
func TestHTTPStatus(t *testing.T) {
	for status, want := range map[string]string{
		"400": "Internal", "401": "Unauthenticated", "403": "PermissionDenied", "404": "Unimplemented",
		"429": "Unavailable", "502": "Unavailable", "503": "Unavailable", "504": "Unavailable",
		"204": "Unknown", "302": "Unknown", "418": "Unknown", "500": "Unknown",
	} {
		for _, end := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{}).connect()
				c := r.start()
				r.peer(1).headers(1, end, ":status", status, "content-type", "text/html")
				if !end {
					r.peer(1).dataFrame(1, true, "")
				}
				r.want(c, want+": HTTP status "+status)
			})
		}
	}
}

// RST_STREAM's codes, as "gRPC over HTTP/2" translates them under "Errors".
func TestResets(t *testing.T) {
	for code, want := range map[http2.ErrCode]string{
		http2.ErrCodeNo: "Internal", http2.ErrCodeProtocol: "Internal", http2.ErrCodeInternal: "Internal",
		http2.ErrCodeFlowControl: "Internal", http2.ErrCodeSettingsTimeout: "Internal",
		http2.ErrCodeStreamClosed: "Internal",
		http2.ErrCodeFrameSize:    "Internal", http2.ErrCodeCancel: "Canceled", http2.ErrCodeCompression: "Internal",
		http2.ErrCodeConnect: "Internal", http2.ErrCodeEnhanceYourCalm: "ResourceExhausted",
		http2.ErrCodeInadequateSecurity: "PermissionDenied", http2.ErrCodeHTTP11Required: "Internal",
		0x1234: "Internal",
	} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, transport.Spec{}).connect()
			c := r.start()
			r.peer(1).rst(1, code)
			r.want(c, want+": the server reset the stream: "+code.String())
			// Frames on their way when it was reset are ignored, and so is a second reset.
			r.peer(1).rst(1, code)
			r.peer(1).answer(1, "late")
			r.peer(1).window(1, 1)
			r.peer(1).take()
			next := r.start()
			r.peer(1).answer(3, "yes")
			r.want(next, "OK")
			r.heard(r.peer(1), "HEADERS 3", "DATA 3: 8 END")
		})
	}
}

// The answer's end that Huffman coding writes must read like the plain one.
func TestStatusInHuffmanCoding(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		c := r.start()
		p := r.peer(1)
		p.begin(1)
		p.message(1, "yes")
		// grpc-status: 0 and grpc-message: x, both with the Huffman bit.
		block := huffman("grpc-status") + huffman("0")
		block += "\x00" + huffman("grpc-message") + huffman("x")
		p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, 1, "\x00"+block)
		r.want(c, "OK")
	})
}

// Most answers of a connection begin alike, and their heads are only compared: what the first said holds for those
// like it, and not for others.
func TestHeadsAlike(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		p := r.peer(1)
		for i, encoding := range []string{"gzip", "gzip", "gzip", "identity", "identity", "gzip", "", "gzip"} {
			id := uint32(2*i + 1)
			c := r.start()
			head := slices.Clone(begun)
			if encoding != "" {
				head = append(head, "grpc-encoding", encoding)
			}
			p.headers(id, false, head...)
			p.dataFrame(id, false, zipped("yes"))
			p.end(id)
			want := "OK"
			if encoding != "gzip" {
				want = "Internal: a compressed message, and no grpc-encoding"
			}
			r.want(c, want)
		}
	})
}

// The load report is kept undecoded, and can be read until Done returns.
func TestLoadReport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{}).connect()
		var report []string
		r.again = func(c *transport.Call) {
			if c.LoadReport != nil {
				report = append(report, c.LoadReport())
			}
		}
		c := r.start()
		r.peer(1).begin(1)
		r.peer(1).message(1, "yes")
		r.peer(1).end(1, "endpoint-load-metrics-bin", base64.StdEncoding.EncodeToString([]byte("busy")))
		r.want(c, "OK")
		r.restart(c)
		r.peer(1).answer(3, "yes")
		r.want(c, "OK")
		if len(report) != 1 || report[0] != "busy" {
			t.Errorf("load reports %q: want one, of the first call", report)
		}
	})
}
