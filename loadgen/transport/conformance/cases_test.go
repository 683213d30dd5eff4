package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	orca "github.com/cncf/xds/go/xds/data/orca/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"grpcbench/loadgen/transport"
)

// source makes the messages of a case and judges its answers.
type source struct {
	request func(i int) proto.Message
	// answer is what is expected; a nil function expects none.
	answer func(i int) proto.Message
	// seen, where set, hears of each answer that was as expected.
	seen func(i int)
}

func (s source) Append(dst []byte, _ uint64, i int) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend(dst, s.request(i))
}

// Fixed says that large messages are the same for every call, as they are; the others are made each time.
func (s source) Fixed(i int) []byte {
	if b, err := proto.Marshal(s.request(i)); err == nil && len(b) > 1000 {
		return b
	}
	return nil
}

func (s source) Check(_ uint64, i, _ int, body []byte) error {
	if s.answer == nil {
		return fmt.Errorf("an answer of %d bytes, and none is expected", len(body))
	}
	want := s.answer(i)
	got := want.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(body, got); err != nil {
		return err
	}
	if !proto.Equal(want, got) { // cmp.Diff takes seconds to compare large payloads
		return fmt.Errorf("an answer of %d bytes is not the one of %d that is expected", len(body), proto.Size(want))
	}
	if s.seen != nil {
		s.seen(i)
	}
	return nil
}

// always is a message that does not depend on its number.
func always(m proto.Message) func(int) proto.Message { return func(int) proto.Message { return m } }

// zeros is a payload as the cases have it.
func zeros(n int) *grpc_testing.Payload { return &grpc_testing.Payload{Body: make([]byte, n)} }

const (
	testService = "/grpc.testing.TestService/"
	unaryCall   = testService + "UnaryCall"
	inputCall   = testService + "StreamingInputCall"
	outputCall  = testService + "StreamingOutputCall"
	duplexCall  = testService + "FullDuplexCall"
)

// The sizes of the cases' payloads.
var (
	requestSizes = []int{27182, 8, 1828, 45904}
	answerSizes  = []int{31415, 9, 2653, 58979}
)

const (
	largeRequest = 271828
	largeAnswer  = 314159
)

func duplexRequest(payload int, answers ...int) *grpc_testing.StreamingOutputCallRequest {
	m := &grpc_testing.StreamingOutputCallRequest{}
	if payload > 0 {
		m.Payload = zeros(payload)
	}
	for _, n := range answers {
		m.ResponseParameters = append(m.ResponseParameters, &grpc_testing.ResponseParameters{Size: int32(n)})
	}
	return m
}

func duplexAnswer(n int) proto.Message {
	return &grpc_testing.StreamingOutputCallResponse{Payload: zeros(n)}
}

func sized(i int) proto.Message { return duplexAnswer(answerSizes[i]) }

// large is the source of large_unary.
var large = largeWith(func(*grpc_testing.SimpleRequest) {})

func largeWith(change func(m *grpc_testing.SimpleRequest)) source {
	m := &grpc_testing.SimpleRequest{ResponseSize: largeAnswer, Payload: zeros(largeRequest)}
	change(m)
	return source{request: always(m), answer: always(&grpc_testing.SimpleResponse{Payload: zeros(largeAnswer)})}
}

const specialMessage = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"

func echoStatus(message string) *grpc_testing.EchoStatus {
	return &grpc_testing.EchoStatus{Code: 2, Message: message}
}

// echoed is the metadata of custom_metadata.
var echoed = []string{
	"x-grpc-test-echo-initial", "test_initial_metadata_value", "x-grpc-test-echo-trailing-bin",
	"\xab\xab\xab",
}

func wantEchoed(t *testing.T, a answers) {
	if got := a.field(t, 0, "x-grpc-test-echo-initial"); got != "test_initial_metadata_value" {
		t.Errorf("the initial metadata have the value %q", got)
	}
	if got := a.field(t, 1, "x-grpc-test-echo-trailing-bin"); strings.TrimRight(got, "=") != "q6ur" {
		t.Errorf("the trailing metadata have the value %q, want three times 0xab in base64", got)
	}
}

// step is one call of a case.
type step struct {
	name, reason string
	spec         transport.Spec
	gzip         bool // compress what is sent
	src          source
	code         codes.Code
	message      string // "*" is any
	received     int
	// extra and sent, where set, look at the call and, where that shows, at what the server sent.
	extra func(t *testing.T, call end)
	sent  func(t *testing.T, a answers)
}

// steps are the calls of those cases that are made of single ones, in order.
var steps = []step{
	{
		name: "empty_unary", reason: "messages may be of no bytes",
		spec: transport.Spec{Method: testService + "EmptyCall", Kind: transport.Unary, Send: 1},
		src:  source{request: always(&grpc_testing.Empty{}), answer: always(&grpc_testing.Empty{})}, received: 1,
		extra: func(t *testing.T, call end) {
			if call.BytesSent != 0 || call.BytesReceived != 0 {
				t.Errorf("%d bytes sent, %d received, want none", call.BytesSent, call.BytesReceived)
			}
		},
	},
	{
		name: "large_unary", reason: "messages larger than a window and than a frame",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src:  large, received: 1,
	},
	{
		name: "client_streaming", reason: "the answer sums up all that was sent",
		spec: transport.Spec{Method: inputCall, Kind: transport.ClientStream, Send: 4},
		src: source{
			request: func(i int) proto.Message {
				return &grpc_testing.StreamingInputCallRequest{Payload: zeros(requestSizes[i])}
			},
			answer: always(&grpc_testing.StreamingInputCallResponse{AggregatedPayloadSize: 74922}),
		}, received: 1,
	},
	{
		name: "server_streaming", reason: "exactly four answers, in order",
		spec: transport.Spec{Method: outputCall, Kind: transport.ServerStream, Send: 1},
		src:  source{request: always(duplexRequest(0, answerSizes...)), answer: sized}, received: 4,
	},
	{
		name: "ping_pong", reason: "each message is answered before the next",
		spec: transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 4},
		src: source{
			request: func(i int) proto.Message { return duplexRequest(requestSizes[i], answerSizes[i]) },
			answer:  sized,
		}, received: 4,
	},
	{
		name: "empty_stream", reason: "the nearest to it, a stream of no answers",
		spec: transport.Spec{Method: outputCall, Kind: transport.ServerStream, Send: 1},
		src:  source{request: always(duplexRequest(0))},
		extra: func(t *testing.T, call end) {
			if call.BytesSent != 0 {
				t.Errorf("%d bytes sent, want an empty message", call.BytesSent)
			}
		},
	},
	{
		name: "timeout_on_sleeping_server", reason: "the client's own deadline ends a call that nobody answers",
		spec: transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 1, Timeout: time.Millisecond},
		src:  source{request: always(duplexRequest(27182))}, code: codes.DeadlineExceeded, message: "*",
	},
	{
		name: "status_code_and_message", reason: "of a unary call",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src:  source{request: always(&grpc_testing.SimpleRequest{ResponseStatus: echoStatus("test status message")})},
		code: codes.Unknown, message: "test status message",
	},
	{
		name: "status_code_and_message", reason: "of a full-duplex call",
		spec: transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 1},
		src: source{request: always(
			&grpc_testing.StreamingOutputCallRequest{ResponseStatus: echoStatus("test status message")})},
		code: codes.Unknown, message: "test status message",
	},
	{
		name: "special_status_message", reason: "white space and Unicode outlive their percent-encoding",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src:  source{request: always(&grpc_testing.SimpleRequest{ResponseStatus: echoStatus(specialMessage)})},
		code: codes.Unknown, message: specialMessage,
	},
	{
		name: "special_status_message", reason: "and so does what looks like percent-encoding and is none",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src:  source{request: always(&grpc_testing.SimpleRequest{ResponseStatus: echoStatus("100% %41 %zz %")})},
		code: codes.Unknown, message: "100% %41 %zz %",
	},
	{
		name: "unimplemented_method", reason: "of a service that is there",
		spec: transport.Spec{Method: testService + "UnimplementedCall", Kind: transport.Unary, Send: 1},
		src:  source{request: always(&grpc_testing.Empty{})}, code: codes.Unimplemented, message: "*",
	},
	{
		name: "unimplemented_service", reason: "and of one that is not",
		spec: transport.Spec{
			Method: "/grpc.testing.UnimplementedService/UnimplementedCall", Kind: transport.Unary,
			Send: 1,
		},
		src: source{request: always(&grpc_testing.Empty{})}, code: codes.Unimplemented, message: "*",
	},
	{
		name: "custom_metadata", reason: "of a unary call",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1, Metadata: echoed},
		src:  large, received: 1, sent: wantEchoed,
	},
	{
		name: "custom_metadata", reason: "of a full-duplex call",
		spec: transport.Spec{Method: duplexCall, Kind: transport.Bidi, Send: 1, Metadata: echoed},
		src: source{
			request: always(duplexRequest(largeRequest, largeAnswer)),
			answer:  always(duplexAnswer(largeAnswer)),
		}, received: 1, sent: wantEchoed,
	},
	{
		name: "custom_metadata", reason: "longer than a frame, there and back: CONTINUATION both ways",
		spec: transport.Spec{
			Method: unaryCall, Kind: transport.Unary, Send: 1,
			Metadata: []string{
				"x-before", "1", "x-grpc-test-echo-initial", strings.Repeat("X", 40<<10), "x-after",
				"2",
			},
		},
		src: source{
			request: always(&grpc_testing.SimpleRequest{}),
			answer:  always(&grpc_testing.SimpleResponse{Payload: &grpc_testing.Payload{}}),
		}, received: 1,
		sent: func(t *testing.T, a answers) {
			if got := a.field(t, 0, "x-grpc-test-echo-initial"); got != strings.Repeat("X", 40<<10) {
				t.Errorf("%d bytes of metadata come back, want %d", len(got), 40<<10)
			}
		},
	},
	{
		name: "orca_per_rpc", reason: "the load report of the trailers",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src: source{
			request: always(&grpc_testing.SimpleRequest{OrcaPerQueryReport: &grpc_testing.TestOrcaReport{
				CpuUtilization: 0.8210, MemoryUtilization: 0.5847, RequestCost: map[string]float64{"cost": 3456.32},
				Utilization: map[string]float64{"util": 0.30499},
			}}),
			answer: always(&grpc_testing.SimpleResponse{Payload: &grpc_testing.Payload{}}),
		}, received: 1,
		extra: func(t *testing.T, call end) {
			var got orca.OrcaLoadReport
			if err := proto.Unmarshal([]byte(call.report), &got); err != nil {
				t.Fatal(err)
			}
			want := &orca.OrcaLoadReport{
				CpuUtilization: 0.8210, MemUtilization: 0.5847, RequestCost: map[string]float64{"cost": 3456.32},
				Utilization: map[string]float64{"util": 0.30499},
			}
			if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
				t.Errorf("the load report (-want +got):\n%s", diff)
			}
		},
	},
}
