package message

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// message compiles what is within a message. Sample is the same with values in the slots' places.
func (c *compiler) message(path string, desc protoreflect.MessageDescriptor, v any) (body []node, sample any,
	err error,
) {
	if desc.FullName().Parent() == "google.protobuf" {
		if body, sample, ok, err := c.wellKnown(path, desc, v); ok || err != nil {
			return body, sample, err
		}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("%s: want an object, for %s: not %s", path, desc.FullName(), kindOf(v))
	}
	samples := map[string]any{}
	var parts []ordered
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := object[key]
		samples[key] = value
		if !hasSlots(key) && !slotted(value) {
			one := ordered{nodes: []node{{literal: c.fixed(desc, map[string]any{key: value})}}}
			if field, err := c.field(path, desc, key); err == nil { // what is wrong with it, fixed found
				one.number = field.Number()
			}
			parts = append(parts, one)
			continue
		}
		field, err := c.field(path, desc, key)
		if err != nil {
			return nil, nil, err
		}
		var nodes []node
		var same, sample any
		if err := c.within(field.TextName(), func() (err error) {
			nodes, same, sample, err = c.fieldValue(path+"."+key, field, value)
			return err
		}); err != nil {
			return nil, nil, err
		}
		samples[key] = sample
		if same != nil {
			nodes = append([]node{{literal: c.fixed(desc, map[string]any{key: same})}}, nodes...)
		}
		parts = append(parts, ordered{field.Number(), nodes})
	}
	slices.SortStableFunc(parts, func(a, b ordered) int { return cmp.Compare(a.number, b.number) })
	for _, one := range parts {
		body = append(body, one.nodes...)
	}
	return body, samples, nil
}

// ordered is one field of a message. They are sent in the order of their numbers, as by every protobuf library.
type ordered struct {
	number protoreflect.FieldNumber
	nodes  []node
}

// fixed encodes what has no slots.
func (c *compiler) fixed(desc protoreflect.MessageDescriptor, v any) []byte {
	var literal []byte
	text, err := json.Marshal(v)
	if err == nil {
		var m proto.Message
		if m, err = parse(text, desc, c.types, true); err == nil {
			literal, err = encode(m)
		}
	}
	if c.bad == nil {
		c.bad = err
	}
	return literal
}

// field finds what a key of JSON means: either spelling of a name, or an extension's in brackets.
func (c *compiler) field(path string, desc protoreflect.MessageDescriptor, key string) (protoreflect.FieldDescriptor,
	error,
) {
	if name, ok := strings.CutPrefix(key, "["); ok && c.types != nil {
		if x, err := c.types.FindExtensionByName(protoreflect.FullName(strings.TrimSuffix(name, "]"))); err == nil &&
			x.TypeDescriptor().ContainingMessage().FullName() == desc.FullName() {
			return x.TypeDescriptor(), nil
		}
		return nil, fmt.Errorf("%s.%s: %s has no such extension", path, key, desc.FullName())
	}
	field := desc.Fields().ByJSONName(key)
	if field == nil {
		field = desc.Fields().ByTextName(key)
	}
	if field == nil {
		return nil, fmt.Errorf("%s.%s: %s has no such field; it has %s", path, key, desc.FullName(), fieldNames(desc))
	}
	return field, nil
}

// fieldValue compiles a field. Same is the part of a map that has no slots.
func (c *compiler) fieldValue(path string, field protoreflect.FieldDescriptor, v any) (nodes []node, same, sample any,
	err error,
) {
	switch {
	case field.IsMap():
		return c.mapped(path, field, v)
	case field.IsList():
		nodes, sample, err = c.list(path, field, v)
	default:
		nodes, sample, err = c.value(path, field, v, !field.HasPresence())
	}
	return nodes, nil, sample, err
}

func (c *compiler) mapped(path string, field protoreflect.FieldDescriptor, v any) (nodes []node, same, sample any,
	err error,
) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, nil, nil, fmt.Errorf("%s: want an object, for a map: not %s", path, kindOf(v))
	}
	fixed, samples := map[string]any{}, map[string]any{}
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if !hasSlots(key) && !slotted(object[key]) {
			fixed[key], samples[key] = object[key], object[key]
			continue
		}
		if hasSlots(key) {
			c.keyed = true
		}
		k, ks, err := c.value(path+"."+key, field.MapKey(), key, false)
		if err != nil {
			return nil, nil, nil, err
		}
		var value []node
		var vs any
		if err := c.within(key, func() (err error) {
			value, vs, err = c.value(path+"."+key, field.MapValue(), object[key], false)
			return err
		}); err != nil {
			return nil, nil, nil, err
		}
		name := fmt.Sprint(ks)
		for n := 1; hasKey(samples, name) || hasKey(object, name); n++ { // so that no sample hides another
			if field.MapKey().Kind() == protoreflect.BoolKind {
				break
			}
			name = strconv.Itoa(n)
		}
		samples[name] = vs
		nodes = append(nodes, node{literal: tag(field, protowire.BytesType), group: append(k, value...), grouped: true})
	}
	if len(fixed) > 0 {
		same = fixed
	}
	return nodes, same, samples, nil
}

func hasKey(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

func (c *compiler) list(path string, field protoreflect.FieldDescriptor, v any) (nodes []node, sample any, err error) {
	list, ok := v.([]any)
	if !ok {
		return nil, nil, fmt.Errorf("%s: want an array, for a repeated field: not %s", path, kindOf(v))
	}
	samples := make([]any, len(list))
	for i, value := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		var each []node
		var s any
		if err := c.within(i, func() (err error) {
			each, s, err = c.value(at, field, value, false)
			return err
		}); err != nil {
			return nil, nil, err
		}
		samples[i] = s
		if field.IsPacked() && len(each[0].literal) > 0 { // their tag stands once, before them all
			each[0].literal = each[0].literal[len(tag(field, wireType(field.Kind()))):]
		}
		nodes = append(nodes, each...)
	}
	if field.IsPacked() {
		nodes = []node{{literal: tag(field, protowire.BytesType), group: nodes, grouped: true}}
	}
	return nodes, samples, nil
}

func tag(field protoreflect.FieldDescriptor, t protowire.Type) []byte {
	return protowire.AppendTag(nil, field.Number(), t)
}

func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}

// value compiles one value of a field, its tag included; implicit is that the default is not sent.
func (c *compiler) value(path string, field protoreflect.FieldDescriptor, v any, implicit bool) (nodes []node,
	sample any, err error,
) {
	if !slotted(v) {
		literal, err := c.single(path, field, v)
		return []node{{literal: literal}}, v, err
	}
	if field.Message() != nil {
		body, sample, err := c.message(path, field.Message(), v)
		if err != nil {
			return nil, nil, err
		}
		if field.Kind() == protoreflect.GroupKind {
			nodes = append(append([]node{{literal: tag(field, protowire.StartGroupType)}}, body...),
				node{literal: tag(field, protowire.EndGroupType)})
			return nodes, sample, nil
		}
		return []node{{literal: tag(field, protowire.BytesType), group: body, grouped: true}}, sample, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, nil, fmt.Errorf("%s: want %v: not %s", path, field.Kind(), kindOf(v))
	}
	t, err := c.slots.parseText(s, c.where+path[1:])
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	switch field.Kind() {
	case protoreflect.BytesKind:
		c.leaf(t, true, true)
	case protoreflect.StringKind, protoreflect.EnumKind, protoreflect.Int64Kind, protoreflect.Uint64Kind,
		protoreflect.Sint64Kind,
		protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		c.leaf(t, true, false)
	default:
		c.leaf(t, false, false)
	}
	leaf, sample, err := leafOf(field, t)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	literal := tag(field, wireType(field.Kind()))
	if implicit {
		leaf.tag = uint8(len(literal)) //nolint:gosec // five bytes at most
	}
	return []node{{literal: literal, leaf: leaf}}, sample, nil
}

// single encodes one element of a list, or of a map's entry, that has no slots, with its tag.
func (c *compiler) single(path string, field protoreflect.FieldDescriptor, v any) ([]byte, error) {
	if field.ContainingMessage().IsMapEntry() {
		m, err := c.entry(field, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return m, nil
	}
	var whole any = []any{v}
	if field.ContainingMessage().FullName() != "google.protobuf.ListValue" {
		name := field.JSONName()
		if field.IsExtension() {
			name = "[" + string(field.FullName()) + "]"
		}
		whole = map[string]any{name: whole}
	}
	literal := c.fixed(field.ContainingMessage(), whole)
	if field.IsPacked() && len(literal) > 0 { // without its length: tag and element, as one that is not packed
		_, _, n := protowire.ConsumeTag(literal)
		body, _ := protowire.ConsumeBytes(literal[n:])
		literal = append(tag(field, wireType(field.Kind())), body...)
	}
	return literal, nil
}

// entry encodes the key or the value of a map's entry.
func (c *compiler) entry(field protoreflect.FieldDescriptor, v any) ([]byte, error) {
	if key, ok := v.(string); ok && field.Kind() == protoreflect.BoolKind {
		v = key == "true"
	}
	m := dynamicpb.NewMessage(field.ContainingMessage())
	text, err := json.Marshal(map[string]any{field.JSONName(): v})
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	if err := (protojson.UnmarshalOptions{Resolver: c.types, AllowPartial: true}).Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s does not fit", kindOf(v))
	}
	return encode(m)
}

// slotted says whether a JSON value has a slot anywhere.
func slotted(v any) bool {
	switch v := v.(type) {
	case string:
		return hasSlots(v)
	case []any:
		return slices.ContainsFunc(v, slotted)
	case map[string]any:
		for key, value := range v {
			if hasSlots(key) || slotted(value) {
				return true
			}
		}
	}
	return false
}
