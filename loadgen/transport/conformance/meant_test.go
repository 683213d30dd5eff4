package conformance

import (
	"regexp"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

// difference is one between what grpcconn and what wire makes of some answers.
type difference struct {
	name   string // of it
	reason string
	group  string
	row    string // a pattern of the names of the rows
	// is says whether the two outcomes differ in this way.
	is func(kind transport.Kind, grpcconn, wire outcome) bool
}

// becomes is a difference of codes, whatever follows from it.
func becomes(grpcconn, wire codes.Code) func(transport.Kind, outcome, outcome) bool {
	return func(_ transport.Kind, g, w outcome) bool {
		return g.code == grpcconn && w.code == wire && w.next == g.next
	}
}

// fails is wire's failure by a code, whatever grpc-go has.
func fails(code codes.Code) func(transport.Kind, outcome, outcome) bool {
	return func(_ transport.Kind, _, w outcome) bool { return w.code == code && w.received == 0 }
}

// words are a difference of nothing but the message.
func words(_ transport.Kind, g, w outcome) bool {
	g.explains, g.says = w.explains, w.says
	return g == w
}

// unread is an answer that wire takes as if what grpc-go ends the call for was not there.
func unread(_ transport.Kind, g, w outcome) bool {
	return g.code == codes.Internal && w.code != codes.Internal && w.connections == g.connections
}

// meant are the differences that are as they should be. One that no answer shows any more fails the test, so that
// none of them hides what comes later.
var meant = []difference{
	{
		name: "grpc-status in an answer that is not of gRPC's type", group: "status",
		row: `content-type=(text/html|\(missing\))$`,
		reason: "a grpc-status that is there wins, unless it is OK (http-grpc-status-mapping.md); grpc-go goes by " +
			"the content type alone",
		is: believed,
	},
	{
		name: "an HTTP status without grpc-status", group: "status",
		row: `^(trailers only|headers).*:status=(204|[345]..) grpc-status="\(missing\)" content-type=application/grpc`,
		reason: "http-grpc-status-mapping.md maps the HTTP status of an answer that has no grpc-status; grpc-go does " +
			"so only where the content-type is not gRPC's",
		is: func(_ transport.Kind, g, w outcome) bool { return g.code == codes.Unknown && w.code != codes.OK },
	},
	{
		name: "an error page of gRPC's type", group: "status",
		row: `page: :status=(204|[345]..) .* content-type=application/grpc`,
		reason: "the HTTP status says more of a page than grpc-go's reading of its first bytes as a message's " +
			"length, or that it has no trailers",
		is: func(_ transport.Kind, g, w outcome) bool {
			return g.code != codes.OK && w.code != codes.OK && w.received == 0
		},
	},
	{
		name: "a page of gRPC's type, with 200", group: "status",
		row:    `^a page: :status=200 .* content-type=application/grpc`,
		reason: "what follows a flag that is neither 0 nor 1 is no length: grpc-go looks at that first",
		is:     becomes(codes.ResourceExhausted, codes.Internal),
	},
	{
		name: "a malformed grpc-status in a head", group: "status", row: `page: .* grpc-status="(abc)?" `,
		reason: "a head that does not end the stream has no grpc-status to say: wire does not read it there, and " +
			"tells the HTTP status or the missing trailers",
		is: func(_ transport.Kind, g, w outcome) bool { return g.code == codes.Unknown && w.code != codes.OK },
	},
	{
		name: "trailers without grpc-status, with a message", group: "status",
		row:    `:status=200 grpc-status="\(missing\)" content-type=application/grpc`,
		reason: "that grpc-status is missing says more than a grpc-message that stands alone",
		is:     words,
	},
	{
		name: "trailers without anything", group: "end of the stream", row: `^(no status at all|empty trailers)$`,
		reason: "a failure without words is explained",
		is:     words,
	},
	{
		name: "a grpc-status with a sign", group: "status spelling", row: `^grpc-status="[+-]`,
		reason: "it is 1*DIGIT",
		is:     func(_ transport.Kind, _, w outcome) bool { return w.code == codes.Unknown },
	},
	{
		name: "a grpc-status past 2^31-1", group: "status spelling", row: `^grpc-status="(2147483648|4294967295)"`,
		reason: "a code has 32 bits, and is passed on; it fails all the same",
		is:     func(_ transport.Kind, g, w outcome) bool { return g.code == codes.Unknown && w.code > 1<<31-1 },
	},
	{
		name: "details that say another message", group: "status spelling",
		row:    `^grpc-status=5 grpc-status-details-bin="(CAU=?|CAo|)"`,
		reason: "wire tells the codes that contradict each other, and the trailers' own message where they do not",
		is:     words,
	},
	{
		name: "details that cannot be read", group: "status spelling",
		row:    `^grpc-status=\d grpc-status-details-bin="!"`,
		reason: "the status holds all the same, and says so; of an OK wire reads no details",
		is:     unread,
	},
	{
		name: "no :status", group: "status spelling", row: `^:status="\(missing\)" content-type=application/grpc`,
		reason: "a response has one (RFC 9113, section 8.3.2)",
		is:     fails(codes.Internal),
	},
	{
		name: "a malformed :status", group: "status spelling", row: `^:status="(|abc|99|0200|2000|-200)"`,
		reason: "it makes the response malformed (RFC 9113, sections 8.1.1 and 8.3.2), and that is told as for every " +
			"other malformed field",
		is: fails(codes.Internal),
	},
	{
		name: "gRPC's type in upper case", group: "status spelling", row: `^content-type="Application/gRPC"`,
		reason: "media types are the same in any case (RFC 9110, section 8.3.1)",
		is:     becomes(codes.Unknown, codes.OK),
	},
	{
		name: "metadata of bytes that are no base64", group: "header size", row: `no base64`,
		reason: "wire does not decode what nobody reads",
		is:     unread,
	},
	{
		name: "a failure after half a message", group: "message framing",
		row:    `^(half|a message and half|a head of).*, a failure$`,
		reason: "the server's own status says more than that its message is cut off",
		is:     becomes(codes.Internal, codes.NotFound),
	},
	{
		name: "RST_STREAM FLOW_CONTROL_ERROR", group: "end of the stream", row: `^RST_STREAM FLOW_CONTROL_ERROR`,
		reason: `it is INTERNAL in gRPC over HTTP/2, under "Errors"`,
		is:     becomes(codes.ResourceExhausted, codes.Internal),
	},
	{
		name: "RST_STREAM with an unknown code", group: "end of the stream", row: `^RST_STREAM unknown`,
		reason: "it is like INTERNAL_ERROR (RFC 9113, section 7)",
		is:     becomes(codes.Unknown, codes.Internal),
	},
	{
		name: "an informational head of gRPC's type", group: "end of the stream",
		row:    `^an informational head of gRPC's type`,
		reason: "1xx precedes the head, whatever type it has (RFC 9113, section 8.1)",
		is:     becomes(codes.Internal, codes.OK),
	},
	{
		name: "DATA before HEADERS", group: "end of the stream", row: `^DATA (before|and no)`,
		reason: "there is no head to judge it by (RFC 9113, section 8.1); grpc-go takes the messages",
		is:     fails(codes.Internal),
	},
	{
		name: "a window past 2^31-1", group: "end of the stream", row: `^a window past`,
		reason: "it is an error of the stream (RFC 9113, section 6.9.1)",
		is:     fails(codes.Internal),
	},
	{
		name: "a broken rule of the connection", group: "end of the connection",
		row: `^(DATA on a stream that was never opened|a stream that the server opens|PUSH_PROMISE|a frame size below)`,
		reason: "each is an error of the connection (RFC 9113, sections 5.1, 5.1.1, 8.4 and 6.5.2); grpc-go " +
			"overlooks it",
		is: becomes(codes.OK, codes.Unavailable),
	},
}

// differenceOf finds the meant difference that two outcomes are, or nil.
func differenceOf(group, name string, kind transport.Kind, got [2]outcome) *difference {
	for i, d := range meant {
		if d.group == group && regexp.MustCompile(d.row).MatchString(name) && d.is(kind, got[0], got[1]) {
			return &meant[i]
		}
	}
	return nil
}

// believed is a call that ends by a grpc-status which grpc-go does not read.
func believed(kind transport.Kind, g, w outcome) bool {
	if w.received > 0 || g.received > 0 || g.code == codes.OK {
		return false
	}
	return w.says || w.code == codes.Unknown || w.code == codes.OK && kind == transport.ServerStream ||
		w.code == codes.Internal && kind == transport.Unary
}
