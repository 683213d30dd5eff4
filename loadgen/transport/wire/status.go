package wire

import (
	"fmt"
	"strconv"

	"golang.org/x/net/http2"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// status is how the trailers say that a call ended.
func (f *fields) grpcStatus() (codes.Code, string) {
	if !f.hasStatus {
		return codes.Unknown, "the trailers have no grpc-status"
	}
	if f.isOK() {
		return codes.OK, ""
	}
	n, err := strconv.ParseUint(f.status.String(), 10, 32)
	if err != nil {
		return codes.Unknown, fmt.Sprintf("malformed grpc-status %q", f.status.String())
	}
	code, message := codes.Code(n), unescape(f.message.String())
	if f.hasDetails {
		var details spb.Status
		b, ok := f.details.binary()
		if !ok || proto.Unmarshal(b, &details) != nil {
			message += " (malformed grpc-status-details-bin)"
			details.Code = int32(n) //nolint:gosec // what cannot be read contradicts nothing
		}
		if codes.Code(details.GetCode()) != code { //nolint:gosec // a code is compared, whatever it is
			// as above
			why := fmt.Sprintf("grpc-status is %v, and grpc-status-details-bin says %v", code,
				codes.Code(details.GetCode())) //nolint:gosec
			if message != "" {
				why += fmt.Sprintf("; grpc-message %q", message)
			}
			return codes.Internal, why
		}
		for _, d := range details.GetDetails() {
			message = fmt.Sprintf("%s [%s]", message, d.GetTypeUrl())
		}
	}
	if code == codes.OK {
		return codes.OK, ""
	}
	return code, message
}

// isOK says whether the status is the usual way to write OK.
func (f *fields) isOK() bool {
	return f.hasStatus && len(f.status.raw) == 1 && f.status.raw[0] == '0' && !f.status.huffman && !f.hasDetails
}

// resetCode is the code of a stream that the server reset (gRPC over HTTP/2, "Errors").
func resetCode(code http2.ErrCode) codes.Code {
	switch code {
	case http2.ErrCodeRefusedStream:
		return codes.Unavailable
	case http2.ErrCodeCancel:
		return codes.Canceled
	case http2.ErrCodeEnhanceYourCalm:
		return codes.ResourceExhausted
	case http2.ErrCodeInadequateSecurity:
		return codes.PermissionDenied
	}
	return codes.Internal
}
