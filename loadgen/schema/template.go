package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Source is a service, method or type as the text of a .proto file, with its comments where the schema has them.
func Source(d protoreflect.Descriptor) (string, error) {
	p := protoprint.Printer{Compact: true}
	text, err := p.PrintProtoToString(d)
	if err != nil {
		return "", fmt.Errorf("write %s as source: %w", d.FullName(), err)
	}
	return strings.TrimRight(text, "\n") + "\n", nil
}

// Template is JSON of a type to fill in: each field once, of a oneof the first.
func Template(m protoreflect.MessageDescriptor) string {
	var b bytes.Buffer
	template(&b, m, nil)
	var indented bytes.Buffer
	if json.Indent(&indented, b.Bytes(), "", "  ") != nil {
		return b.String()
	}
	return indented.String()
}

// wellKnownJSON are the types whose JSON is no object.
var wellKnownJSON = map[protoreflect.FullName]string{
	"google.protobuf.Timestamp": `"2006-01-02T15:04:05Z"`, "google.protobuf.Duration": `"1.5s"`,
	"google.protobuf.FieldMask": `"field,another.field"`,
	"google.protobuf.Struct":    `{}`, "google.protobuf.Value": `null`, "google.protobuf.ListValue": `[]`,
	"google.protobuf.Empty":       `{}`,
	"google.protobuf.Any":         `{"@type":"type.googleapis.com/pkg.Type"}`,
	"google.protobuf.DoubleValue": `0`, "google.protobuf.FloatValue": `0`, "google.protobuf.Int32Value": `0`,
	"google.protobuf.UInt32Value": `0`,
	"google.protobuf.Int64Value":  `"0"`, "google.protobuf.UInt64Value": `"0"`, "google.protobuf.BoolValue": `false`,
	"google.protobuf.StringValue": `""`, "google.protobuf.BytesValue": `""`,
}

func template(b *bytes.Buffer, m protoreflect.MessageDescriptor, within []protoreflect.FullName) {
	if text, ok := wellKnownJSON[m.FullName()]; ok {
		b.WriteString(text)
		return
	}
	for _, outer := range within {
		if outer == m.FullName() { // of itself: once is enough
			b.WriteString("{}")
			return
		}
	}
	within = append(slices.Clip(within), m.FullName())
	b.WriteByte('{')
	some := false
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() && o.Fields().Get(0) != f {
			continue
		}
		if some {
			b.WriteByte(',')
		}
		some = true
		fmt.Fprintf(b, "%q:", f.JSONName())
		switch {
		case f.IsMap():
			b.WriteString(`{"key":`)
			templateValue(b, f.MapValue(), within)
			b.WriteByte('}')
		case f.IsList():
			b.WriteByte('[')
			templateValue(b, f, within)
			b.WriteByte(']')
		default:
			templateValue(b, f, within)
		}
	}
	b.WriteByte('}')
}

func templateValue(b *bytes.Buffer, f protoreflect.FieldDescriptor, within []protoreflect.FullName) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		template(b, f.Message(), within)
	case protoreflect.EnumKind:
		fmt.Fprintf(b, "%q", f.Enum().Values().Get(0).Name())
	case protoreflect.StringKind, protoreflect.BytesKind:
		b.WriteString(`""`)
	case protoreflect.BoolKind:
		b.WriteString("false")
	case protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind, protoreflect.Fixed64Kind,
		protoreflect.Sfixed64Kind:
		b.WriteString(`"0"`)
	default:
		b.WriteString("0")
	}
}
