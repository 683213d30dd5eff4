package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/loadgen/transport/wire"
)

// odd is one answer of a server.
type odd struct {
	name   string
	script func(*scripted)
}

// outcome is what a caller sees of it.
type outcome struct {
	Code    codes.Code
	Answers int
}

// meant are the differences that are meant, with the reason.
var meant = map[string]string{
	"RST_STREAM FLOW_CONTROL_ERROR": `"gRPC over HTTP/2" maps it to INTERNAL; grpc-go says RESOURCE_EXHAUSTED`,
}

// answers is the table.
func answers() (all []odd) {
	add := func(name string, script func(*scripted)) { all = append(all, odd{name, script}) }
	for _, status := range []string{"200", "204", "301", "400", "401", "403", "404", "429", "500", "502", "503", "504"} {
		for _, end := range []bool{false, true} {
			add(fmt.Sprintf("HTTP %s of text/html, ended at once: %v", status, end), func(s *scripted) {
				s.headers(end, ":status", status, "content-type", "text/html")
				if !end {
					s.data(true, "<p>sorry")
				}
			})
		}
		add("HTTP "+status+" of gRPC, with a status", func(s *scripted) {
			s.headers(true, ":status", status, "content-type", "application/grpc", "grpc-status", "5", "grpc-message", "nope")
		})
	}
	for _, code := range []string{"0", "5", "14", "17", "999", "abc", ""} {
		add("status "+code+", trailers only", func(s *scripted) {
			s.headers(true, ":status", "200", "content-type", "application/grpc", "grpc-status", code)
		})
		add("status "+code+" after an answer", func(s *scripted) {
			s.begin()
			s.data(false, message(0, "yes"))
			s.trailers("grpc-status", code, "grpc-message", "why")
		})
		add("status "+code+" without an answer", func(s *scripted) {
			s.begin()
			s.trailers("grpc-status", code)
		})
	}
	add("no status, trailers only", func(s *scripted) { s.headers(true, ":status", "200", "content-type", "application/grpc") })
	add("no status after an answer", func(s *scripted) {
		s.begin()
		s.data(false, message(0, "yes"))
		s.trailers("x", "y")
	})
	for _, kind := range []string{"application/grpc+proto", "application/grpc;charset=utf-8", "application/grpc-web", "text/plain", ""} {
		add("content-type "+kind, func(s *scripted) {
			fields := []string{":status", "200"}
			if kind != "" {
				fields = append(fields, "content-type", kind)
			}
			s.headers(false, fields...)
			s.data(false, message(0, "yes"))
			s.trailers("grpc-status", "0")
		})
	}
	zipped := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return b.String()
	}
	for name, one := range map[string]struct{ encoding, message string }{
		"identity":                      {"identity", message(0, "yes")},
		"gzip":                          {"gzip", message(1, zipped("yes"))},
		"gzip, not used":                {"gzip", message(0, "yes")},
		"gzip, no gzip":                 {"gzip", message(1, "yes")},
		"gzip, cut":                     {"gzip", message(1, zipped("yes")[:12])},
		"unknown":                       {"br", message(1, "yes")},
		"unknown, not used":             {"br", message(0, "yes")},
		"none, and a compressed answer": {"", message(1, zipped("yes"))},
		"a flag of 2":                   {"gzip", message(2, "yes")},
	} {
		add("encoding "+name, func(s *scripted) {
			if one.encoding == "" {
				s.begin()
			} else {
				s.begin("grpc-encoding", one.encoding)
			}
			s.data(false, one.message)
			s.trailers("grpc-status", "0")
		})
	}
	for _, size := range []int{1 << 10, 60 << 10, 200 << 10, 1 << 20} {
		add(fmt.Sprintf("a head of %d KiB", size>>10), func(s *scripted) {
			s.begin("x-long", long(size))
			s.data(false, message(0, "yes"))
			s.trailers("grpc-status", "0")
		})
		add(fmt.Sprintf("trailers of %d KiB", size>>10), func(s *scripted) {
			s.begin()
			s.data(false, message(0, "yes"))
			s.trailers("grpc-status", "9", "x-long", long(size))
		})
	}
	for code := http2.ErrCodeNo; code <= http2.ErrCodeHTTP11Required; code++ {
		if code == http2.ErrCodeRefusedStream {
			continue // wire tries once more, as the specification allows: see its own tests
		}
		add("RST_STREAM "+code.String(), func(s *scripted) {
			s.begin()
			_ = s.fr.WriteRSTStream(s.stream, code)
		})
	}
	add("the connection cut within a message", func(s *scripted) {
		s.begin()
		s.data(false, message(0, "yes")[:6])
		_ = s.nc.Close()
	})
	add("the connection cut before anything", func(s *scripted) { _ = s.nc.Close() })
	add("GOAWAY behind the call, which is then answered", func(s *scripted) {
		_ = s.fr.WriteGoAway(s.stream, http2.ErrCodeNo, nil)
		s.begin()
		s.data(false, message(0, "yes"))
		s.trailers("grpc-status", "0")
	})
	add("trailers within a message", func(s *scripted) {
		s.begin()
		s.data(false, message(0, "yes")[:6])
		s.trailers("grpc-status", "0")
	})
	add("two answers", func(s *scripted) {
		s.begin()
		s.data(false, message(0, "yes")+message(0, "yes"))
		s.trailers("grpc-status", "0")
	})
	add("END_STREAM with the answer", func(s *scripted) {
		s.begin()
		s.data(true, message(0, "yes"))
	})
	add("a length beyond the limit", func(s *scripted) {
		s.begin()
		s.data(false, "\x00\x7f\xff\xff\xff")
		s.trailers("grpc-status", "0")
	})
	add("an answer of nothing", func(s *scripted) {
		s.begin()
		s.data(false, message(0, ""))
		s.trailers("grpc-status", "0")
	})
	add("an interim head first", func(s *scripted) {
		s.headers(false, ":status", "103")
		s.begin()
		s.data(false, message(0, "yes"))
		s.trailers("grpc-status", "0")
	})
	return all
}

// source makes a request and takes any answer.
type source struct{}

func (source) Append(dst []byte, _ uint64, _ int) ([]byte, error) {
	return append(dst, "hello"...), nil
}
func (source) Check(uint64, int, int, []byte) error { return nil }

// owner waits for one call.
type owner chan *transport.Call

func (o owner) Done(c *transport.Call)                         { o <- c }
func (owner) Message(*transport.Call, transport.Series, int64) {}

// call makes one over a transport.
func call(t *testing.T, d transport.Dialer, addr string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := d.Dial(ctx, addr, transport.Spec{Method: "/a.B/C", Send: 1, Timeout: 5 * time.Second}, source{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	done := make(owner, 1)
	now := transport.Now()
	if err := conn.Start(&transport.Call{Intended: now, Free: now, Owner: done}); err != nil {
		t.Fatal(err)
	}
	conn.Flush()
	c := <-done
	return outcome{c.Code, c.MessagesReceived}
}

// The same answer means the same over either transport: the code, and how many answers came. What is meant to differ is
// listed above.
func TestOddAnswersMeanTheSame(t *testing.T) {
	for _, tt := range answers() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, tt.script)
			over := call(t, grpcconn.Dialer{Options: grpcconn.Options{Timeout: 5 * time.Second}}, addr)
			own := call(t, &wire.Dialer{Timeout: 5 * time.Second}, addr)
			if reason := meant[tt.name]; reason != "" {
				if over == own {
					t.Errorf("it is meant to differ (%s), and does not: %+v", reason, over)
				}
				return
			}
			if over != own {
				t.Errorf("over grpc-go it is %+v, over wire %+v", over, own)
			}
		})
	}
}
