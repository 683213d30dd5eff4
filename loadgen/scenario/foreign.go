package scenario

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/transport"
)

// Foreign is a method of any service, which calls send data to: JSON with slots. Types are those that data may name.
// Its answers are judged by the call's status, and where nothing is expected of them a sample by whether they are
// messages of the method's type.
func Foreign(md protoreflect.MethodDescriptor, types message.Resolver, data string) Definition {
	return Definition{
		Name: string(md.Name()), Method: string(md.Parent().FullName()) + "/" + string(md.Name()), Kind: kindOf(md),
		Data: data, Foreign: true, descriptor: md, types: types,
	}
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
