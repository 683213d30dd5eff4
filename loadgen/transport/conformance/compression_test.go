package conformance

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/transport"
)

func boolean(b bool) *grpc_testing.BoolValue { return &grpc_testing.BoolValue{Value: b} }

// wantFlags checks which messages came compressed.
func wantFlags(want ...byte) func(t *testing.T, a answers) {
	return func(t *testing.T, a answers) {
		if !bytes.Equal(a.flags, want) {
			t.Errorf("the answers have the flags %v, want %v", a.flags, want)
		}
	}
}

// unaryExpecting is large_unary's message, which says whether it is compressed.
func unaryExpecting(compressed bool) source {
	return largeWith(func(m *grpc_testing.SimpleRequest) { m.ExpectCompressed = boolean(compressed) })
}

func unaryAsking(compressed bool) source {
	return largeWith(func(m *grpc_testing.SimpleRequest) { m.ResponseCompressed = boolean(compressed) })
}

// inputExpecting is the two messages of client_compressed_streaming, which say whether they are compressed.
func inputExpecting(compressed bool) source {
	return source{
		request: func(i int) proto.Message {
			return &grpc_testing.StreamingInputCallRequest{
				ExpectCompressed: boolean(compressed),
				Payload:          zeros([]int{27182, 45904}[i]),
			}
		},
		answer: always(&grpc_testing.StreamingInputCallResponse{AggregatedPayloadSize: 73086}),
	}
}

// outputAsking asks for the two answers of server_compressed_streaming.
func outputAsking(compressed bool) source {
	m := duplexRequest(0, 31415, 92653)
	for _, p := range m.ResponseParameters {
		p.Compressed = boolean(compressed)
	}
	return source{request: always(m), answer: func(i int) proto.Message { return duplexAnswer([]int{31415, 92653}[i]) }}
}

// compressed are the cases of compression. A dialer compresses all that it sends, or nothing.
var compressed = []step{
	{
		name: "client_compressed_unary", reason: "the probe: the server sees what is not compressed",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src:  unaryExpecting(true), code: codes.InvalidArgument, message: "*",
	},
	{
		name: "client_compressed_unary", reason: "and what is",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1}, gzip: true,
		src: unaryExpecting(true), received: 1,
	},
	{
		name: "client_compressed_unary", reason: "a message that is not to be compressed",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src:  unaryExpecting(false), received: 1,
	},
	{
		name:   "client_compressed_unary",
		reason: "the probe the other way: a message that is compressed, against what it says",
		spec:   transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1}, gzip: true,
		src: unaryExpecting(false), code: codes.InvalidArgument, message: "*",
	},
	{
		name: "server_compressed_unary", reason: "one answer, compressed",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src:  unaryAsking(true), received: 1, sent: wantFlags(1),
	},
	{
		name: "server_compressed_unary", reason: "and one that is not",
		spec: transport.Spec{Method: unaryCall, Kind: transport.Unary, Send: 1},
		src:  unaryAsking(false), received: 1, sent: wantFlags(0),
	},
	{
		name: "client_compressed_streaming", reason: "the probe",
		spec: transport.Spec{Method: inputCall, Kind: transport.ClientStream, Send: 1},
		src:  inputExpecting(true), code: codes.InvalidArgument, message: "*",
	},
	{
		name: "client_compressed_streaming", reason: "both messages compressed",
		spec: transport.Spec{Method: inputCall, Kind: transport.ClientStream, Send: 2}, gzip: true,
		src: inputExpecting(true), received: 1,
	},
	{
		name: "client_compressed_streaming", reason: "neither compressed",
		spec: transport.Spec{Method: inputCall, Kind: transport.ClientStream, Send: 2},
		src:  inputExpecting(false), received: 1,
	},
	{
		name: "server_compressed_streaming", reason: "both answers compressed",
		spec: transport.Spec{Method: outputCall, Kind: transport.ServerStream, Send: 1},
		src:  outputAsking(true), received: 2, sent: wantFlags(1, 1),
	},
	{
		name: "server_compressed_streaming", reason: "neither compressed",
		spec: transport.Spec{Method: outputCall, Kind: transport.ServerStream, Send: 1},
		src:  outputAsking(false), received: 2, sent: wantFlags(0, 0),
	},
}
