package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"grpcbench/loadgen/message"
)

// Sent makes what calls sent again, for people to read.
type Sent struct {
	source *message.Source
	desc   protoreflect.MessageDescriptor
	types  message.Resolver
	// Varies is that calls do not all send the same.
	Varies bool
	// Saved is that they send what other calls saved, without which it cannot be made again.
	Saved bool
}

// Sent is what calls of o send.
func (d Definition) Sent(o Options) (*Sent, error) {
	programs, err := d.compile(o)
	if err != nil {
		return nil, err
	}
	x := &Sent{source: &message.Source{}, desc: d.Descriptor().Input(), types: d.types}
	for _, p := range programs {
		x.source.Messages = append(x.source.Messages, p)
		x.Varies, x.Saved = x.Varies || p.Varies(), x.Saved || p.Saved()
	}
	return x, nil
}

// JSON is message i of a call, by its key, on a line; now, in nanoseconds since 1970, is when it was sent, and 0 the
// present. Secret, where it is not nil, says of which fields the values are nobody's to read.
func (x *Sent) JSON(call uint64, i int, now int64, secret func(name string) bool) ([]byte, error) {
	encoded, err := x.source.AppendAt(nil, call, i, now)
	if err != nil {
		return nil, fmt.Errorf("make message %d: %w", i, err)
	}
	m := dynamicpb.NewMessage(x.desc)
	if err := (proto.UnmarshalOptions{Resolver: x.types}).Unmarshal(encoded, m); err != nil {
		return nil, fmt.Errorf("read a message back: %w", err)
	}
	if secret != nil {
		redact(m, secret)
	}
	text, err := protojson.MarshalOptions{Resolver: x.types}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write a message as JSON: %w", err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil { // protojson's own spaces vary from build to build
		return nil, fmt.Errorf("write a message as JSON: %w", err)
	}
	return line.Bytes(), nil
}

// redacted stands for what is secret.
const redacted = "***"

// redact puts something else in the places of secrets: of all text and bytes within a field whose name says so.
func redact(m protoreflect.Message, secret func(string) bool) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		hide := secret(string(field.Name()))
		switch {
		case field.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, value protoreflect.Value) bool {
				if kind := field.MapValue().Kind(); hide || secret(k.String()) {
					if w, ok := hidden(kind); ok {
						v.Map().Set(k, w)
					}
				}
				if field.MapValue().Message() != nil {
					redact(value.Message(), secret)
				}
				return true
			})
		case field.IsList():
			for i := range v.List().Len() {
				if w, ok := hidden(field.Kind()); ok && hide {
					v.List().Set(i, w)
				}
				if field.Message() != nil {
					redact(v.List().Get(i).Message(), secret)
				}
			}
		case field.Message() != nil:
			redact(v.Message(), secret)
		default:
			if w, ok := hidden(field.Kind()); ok && hide {
				m.Set(field, w)
			}
		}
		return true
	})
}

func hidden(k protoreflect.Kind) (protoreflect.Value, bool) {
	switch k {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(redacted), true
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(redacted)), true
	default:
		return protoreflect.Value{}, false
	}
}
