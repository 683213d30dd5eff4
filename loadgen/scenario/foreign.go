package scenario

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/transport"
)

// Foreign is a method of any service, with what is sent to it. Its answers are judged by the call's status, and a sample
// of them by whether they are messages of the method's type.
func Foreign(md protoreflect.MethodDescriptor, requests []proto.Message) (Definition, error) {
	d := Definition{
		Name:   string(md.Name()),
		Method: string(md.Parent().FullName()) + "/" + string(md.Name()),
		Kind:   kindOf(md),
		// dynamic messages: nothing of the method is linked in.
		Request: dynamicpb.NewMessage(md.Input()), Response: dynamicpb.NewMessage(md.Output()),
		Given: len(requests), descriptor: md,
	}
	if len(requests) == 0 {
		return d, errors.New("there is nothing to send")
	}
	if len(requests) > 1 && !d.Streams() {
		return d, fmt.Errorf("-data: %s sends one message a call, and there are %d", d.Method, len(requests))
	}
	if len(requests) == 1 {
		d.example = func(int) (request, want proto.Message) { return requests[0], nil }
	}
	encoded, err := message.Encode(requests)
	if err != nil {
		return d, err
	}
	d.source = func(int) (message.Source, error) {
		return message.Source{Messages: encoded, Answer: message.Answer{Sample: message.ParsesAs(md.Output())}}, nil
	}
	return d, nil
}

func kindOf(md protoreflect.MethodDescriptor) (k transport.Kind) {
	if md.IsStreamingClient() {
		k |= transport.ClientStream
	}
	if md.IsStreamingServer() {
		k |= transport.ServerStream
	}
	return k
}
