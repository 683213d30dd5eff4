package wire

import (
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

// refusal is an answer that is not gRPC's, as from a proxy: its status, and the beginning of what it says.
type refusal struct {
	code codes.Code
	what string
	body []byte
}

// refusalBody is how much is told of the body.
const refusalBody = 200

// refuse begins an answer that is not gRPC's. Its HTTP status is mapped to a code (http-grpc-status-mapping.md), unless
// trailers bring gRPC's own.
func (s *stream) refuse(h *fields, last bool, now int64) {
	r := &refusal{code: transport.HTTPCode(h.httpStatus), what: fmt.Sprintf("HTTP status %d", h.httpStatus)}
	if text := http.StatusText(h.httpStatus); text != "" {
		r.what += " (" + text + ")"
	}
	if !h.contentType.isGRPC() {
		r.what += fmt.Sprintf(", content-type %q: want application/grpc", h.contentType)
	}
	s.refusal, s.answered = r, true
	if last {
		s.failRefused(now)
	}
}

// readRefusal takes some of the body, and ends the call once there is enough of it to tell.
func (s *stream) readRefusal(body []byte, last bool, now int64) {
	r := s.refusal
	r.body = append(r.body, body[:min(len(body), refusalBody-len(r.body))]...)
	if last || len(r.body) == refusalBody {
		s.failRefused(now)
	}
}

// isStatus says whether there is a grpc-status that counts: an OK does only in an answer of gRPC's type.
func (f *fields) isStatus() bool {
	if !f.hasStatus || f.contentType.isGRPC() {
		return f.hasStatus
	}
	code, _ := f.grpcStatus()
	return code != codes.OK
}

// endRefusal ends the call by its trailers. An OK there is none without an answer of gRPC's.
func (s *stream) endRefusal(h *fields, now int64) {
	if h.isStatus() {
		s.trailers(h, now)
	} else {
		s.failRefused(now)
	}
}

func (s *stream) failRefused(now int64) {
	r := s.refusal
	if len(r.body) > 0 {
		r.what += fmt.Sprintf("; it says %q", strings.ToValidUTF8(string(r.body), "?"))
	}
	s.fail(r.code, r.what, now)
}
