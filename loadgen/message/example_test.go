package message_test

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/apipb"

	"grpcbench/loadgen/message"
)

// JSON with slots becomes a program; each call's message is made of the call's number alone, so it can be made again.
func Example() {
	slots := &message.Slots{Seed: 1}
	programs, err := slots.Compile([]byte(`{"name":"user-${seq}","version":"v${int(1,9)}"}`),
		(&apipb.Api{}).ProtoReflect().Descriptor(), protoregistry.GlobalTypes)
	if err != nil {
		fmt.Println(err)
		return
	}
	source := &message.Source{Messages: []message.Maker{programs[0]}}
	for call := range uint64(3) {
		body, err := source.Append(nil, call, 0)
		if err != nil {
			fmt.Println(err)
			return
		}
		var m apipb.Api
		if err := proto.Unmarshal(body, &m); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.GetName(), m.GetVersion())
	}
	// Output:
	// user-0 v9
	// user-1 v3
	// user-2 v6
}
