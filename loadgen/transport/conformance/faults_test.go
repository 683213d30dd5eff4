package conformance

import (
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

// faults are differences that are wire's faults, and known. Whoever mends one takes it out: the test fails once no
// answer shows it any more.
var faults = []difference{
	{
		name: "a malformed :status", group: "status spelling", row: `^:status="(|abc|99|2000|-200)"`,
		reason: "it makes one response malformed (RFC 9113, section 8.1.1); wire ends the connection, and every call on it",
		is:     func(_ transport.Kind, _, w outcome) bool { return w.code == codes.Unavailable && w.connections == 1 },
	},
	{
		name: "details that contradict an OK", group: "status spelling", row: `^grpc-status=0 grpc-status-details-bin="CA`,
		reason: "one of the two is wrong: INTERNAL with grpc-go",
		is:     becomes(codes.Internal, codes.OK),
	},
	{
		name: "bytes that no value may have", group: "header size", row: `Huffman`,
		reason: "a response with a malformed field is not to be taken (RFC 9113, section 8.2.1)",
		is:     unread,
	},
	{
		name: "malformed fields", group: "end of the stream", row: `^(a head of upper case|a pseudo-header|:status twice|a value with|a name)`,
		reason: "as above, and sections 8.2 and 8.3",
		is:     unread,
	},
	{
		name: "an informational head that ends the stream", group: "end of the stream", row: `^an informational head alone`,
		reason: "it breaks the protocol: INTERNAL with grpc-go",
		is:     becomes(codes.Internal, codes.Unknown),
	},
	{
		name: "REFUSED_STREAM after a message", group: "end of the stream", row: `^RST_STREAM REFUSED_STREAM after the message`,
		reason: "a call that was answered is not tried again",
		is: func(_ transport.Kind, g, w outcome) bool {
			return g.attempts == 1 && w.attempts == 2 && w.code == g.code
		},
	},
	{
		name: "GOAWAY after a message", group: "end of the connection", row: `^GOAWAY .*after the message, (which is not answered|the second for the call)`,
		reason: "as above",
		is: func(_ transport.Kind, g, w outcome) bool {
			return g.attempts == 1 && w.attempts == 2 && w.code == codes.OK
		},
	},
}

// believed is a call that ends by a grpc-status which grpc-go does not read.
func believed(kind transport.Kind, g, w outcome) bool {
	if w.received > 0 || g.received > 0 || g.code == codes.OK {
		return false
	}
	return w.says || w.code == codes.Unknown || w.code == codes.OK && kind == transport.ServerStream || w.code == codes.Internal && kind == transport.Unary
}
