package grpcconn

import (
	"testing"

	"google.golang.org/grpc/codes"
)

// grpc-go leaves a text of what failed within this process; what a server says is not mistaken for it.
func TestLocal(t *testing.T) {
	for _, tt := range []struct {
		reason string
		code   codes.Code
		text   string
		want   bool
	}{
		{
			"no descriptor to connect by", codes.Unavailable,
			`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: socket: too many open files"`, true,
		},
		{
			"no port to connect from", codes.Unavailable,
			`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: cannot assign requested address"`, true,
		},
		{
			"refused", codes.Unavailable,
			`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`, false,
		},
		{"the server's own want", codes.Unavailable, "accept: too many open files", false},
		{
			"the server's own want of a message", codes.Internal,
			"grpc: error while marshaling: string field contains invalid UTF-8", false,
		},
		{
			"no descriptor, by way of a balancer", codes.Unavailable,
			`last connection error: connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: socket: too many open files"`, true,
		},
		{
			"a header that cannot be sent", codes.Internal,
			`header key "x" contains value with non-printable ASCII characters`, true,
		},
		{
			"a message that the server could not send", codes.ResourceExhausted,
			"trying to send message larger than max (5 vs. 4)", false,
		},
		{"the server's error", codes.Internal, "oops", false},
	} {
		if got := isLocal(tt.code, tt.text); got != tt.want {
			t.Errorf("%s: %v", tt.reason, got)
		}
	}
}
