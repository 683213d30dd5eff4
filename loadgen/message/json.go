package message

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Resolver finds the types that are named within data: those of an Any, and extensions.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// ParseJSON reads data of a type, without slots: one message as JSON, an array of messages, or several one after the
// other. No data is the empty message. An error says where in the data it is, and what the type has there.
func ParseJSON(data []byte, desc protoreflect.MessageDescriptor, types Resolver) ([]proto.Message, error) {
	each, err := split(data, desc)
	if err != nil {
		return nil, err
	}
	var all []proto.Message
	for i, one := range each {
		m, err := parse(one, desc, types, false)
		if err != nil && len(each) > 1 {
			err = fmt.Errorf("message %d: %w", i, err)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// parse reads one message; partial takes it without what proto2 requires.
func parse(data []byte, desc protoreflect.MessageDescriptor, types Resolver, partial bool) (proto.Message, error) {
	m := dynamicpb.NewMessage(desc)
	err := protojson.UnmarshalOptions{Resolver: types, AllowPartial: partial}.Unmarshal(data, m)
	if err == nil {
		return m, nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) == nil {
		if where := explainMisfit("$", desc, v); where != nil {
			return nil, where
		}
	}
	// protojson varies its wording's spaces from build to build.
	why := strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto:"))
	return nil, fmt.Errorf("not a %s: %s", desc.FullName(), why)
}

// explainMisfit finds the first place where v is not of the type, with words for whoever wrote it. It knows less than
// protojson does, and says nothing where it does not know.
func explainMisfit(path string, desc protoreflect.MessageDescriptor, v any) error {
	if desc.ParentFile() != nil && desc.FullName().Parent() == "google.protobuf" {
		return nil // they have a JSON of their own
	}
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: want an object, for %s: not %s", path, desc.FullName(), kindOf(v))
	}
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if strings.HasPrefix(key, "[") {
			continue // an extension
		}
		field := desc.Fields().ByJSONName(key)
		if field == nil {
			field = desc.Fields().ByTextName(key)
		}
		if field == nil {
			return fmt.Errorf("%s.%s: %s has no such field; it has %s", path, key, desc.FullName(), fieldNames(desc))
		}
		if err := misfitField(path+"."+key, field, object[key]); err != nil {
			return err
		}
	}
	return nil
}

func misfitField(path string, field protoreflect.FieldDescriptor, v any) error {
	if v == nil {
		return nil
	}
	switch {
	case field.IsMap():
		object, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: want an object, for a map: not %s", path, kindOf(v))
		}
		for key, value := range object {
			if err := misfitValue(path+"."+key, field.MapValue(), value); err != nil {
				return err
			}
		}
		return nil
	case field.IsList():
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s: want an array, for a repeated field: not %s", path, kindOf(v))
		}
		for i, value := range list {
			if err := misfitValue(fmt.Sprintf("%s[%d]", path, i), field, value); err != nil {
				return err
			}
		}
		return nil
	default:
		return misfitValue(path, field, v)
	}
}

func misfitValue(path string, field protoreflect.FieldDescriptor, v any) error {
	wrong := func(want string) error { return fmt.Errorf("%s: want %s: not %s", path, want, kindOf(v)) }
	text, isText := v.(string)
	_, isNumber := v.(json.Number)
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return explainMisfit(path, field.Message(), v)
	case protoreflect.StringKind:
		if !isText {
			return wrong("a string")
		}
	case protoreflect.BytesKind:
		if !isText {
			return wrong("a string of base64")
		}
		if _, err := base64.StdEncoding.DecodeString(padded(text)); err != nil {
			return fmt.Errorf("%s: want bytes as base64: %q is none", path, clip(text))
		}
	case protoreflect.BoolKind:
		if _, ok := v.(bool); !ok {
			return wrong("true or false")
		}
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		if isText && values.ByName(protoreflect.Name(text)) == nil {
			var names []string
			for i := range min(values.Len(), 20) {
				names = append(names, string(values.Get(i).Name()))
			}
			return fmt.Errorf("%s: %s has no %q; it has %s", path, field.Enum().FullName(), clip(text),
				strings.Join(names, ", "))
		}
		if !isText && !isNumber {
			return wrong("a name of " + string(field.Enum().FullName()))
		}
	default:
		if isText {
			_, err := strconv.ParseFloat(text, 64)
			isNumber = err == nil
		}
		if !isNumber {
			return wrong("a number (" + field.Kind().String() + ")")
		}
	}
	return nil
}

// padded is base64 of either alphabet, with or without its end, as protojson takes it.
func padded(s string) string {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return s + strings.Repeat("=", (4-len(s)%4)%4)
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case string:
		return fmt.Sprintf("the string %q", clip(v))
	default:
		return fmt.Sprint(v)
	}
}

func fieldNames(desc protoreflect.MessageDescriptor) string {
	var names []string
	for i := range desc.Fields().Len() {
		names = append(names, desc.Fields().Get(i).JSONName())
	}
	if len(names) == 0 {
		return "none at all"
	}
	return strings.Join(names, ", ")
}

// CheckParses judges a sample of answers by whether they are messages of the type: to look at each would cost more than
// the call.
func CheckParses(desc protoreflect.MessageDescriptor) func(seq uint64, i int, body []byte) error {
	return func(seq uint64, i int, body []byte) error {
		if seq%sampled != 0 || i >= sampled {
			return nil
		}
		if err := proto.Unmarshal(body, dynamicpb.NewMessage(desc)); err != nil {
			return fmt.Errorf("it is no %s: %w", desc.FullName(), err)
		}
		return nil
	}
}

// CheckParsesAsJSON is CheckParses for answers in JSON.
func CheckParsesAsJSON(desc protoreflect.MessageDescriptor) func(seq uint64, i int, body []byte) error {
	return func(seq uint64, _ int, body []byte) error {
		if seq%sampled != 0 {
			return nil
		}
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body,
			dynamicpb.NewMessage(desc)); err != nil {
			return fmt.Errorf("it is no %s: %s", desc.FullName(), clip(string(body)))
		}
		return nil
	}
}

// sampled says which answers are looked at: those of one call in so many, and of that call the first so many.
const sampled = 256
