package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Compile makes programs of JSON with slots: one message, an array of messages, or several one after the other. No data
// is the empty message; of a feed of whole messages, named row, its row. An error says where in the data it is, and what
// the type has there.
func (e *Slots) Compile(data []byte, desc protoreflect.MessageDescriptor, types Resolver) ([]*Program, error) {
	if f := e.Feeds["row"]; f != nil && len(bytes.TrimSpace(data)) == 0 {
		if f.messages != nil {
			s := &slot{kind: slotRow, source: "row", feed: f}
			return []*Program{{ops: []op{{code: opRow, slot: s}}, slots: []*slot{s}}}, nil
		}
	}
	all, err := split(data, desc)
	if err != nil {
		return nil, err
	}
	var programs []*Program
	for i, one := range all {
		where := "$"
		if i > 0 {
			where = fmt.Sprintf("$%d", i)
		}
		p, err := e.compile(one, desc, types, where)
		if err != nil && len(all) > 1 {
			err = fmt.Errorf("message %d: %w", i, err)
		}
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	return programs, nil
}

// split parts data into messages.
func split(data []byte, desc protoreflect.MessageDescriptor) (all []json.RawMessage, err error) {
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not a %s: no JSON from byte %d on: %w", desc.FullName(), d.InputOffset(), err)
		}
		each := []json.RawMessage{raw}
		if raw[0] == '[' {
			if err := json.Unmarshal(raw, &each); err != nil {
				return nil, fmt.Errorf("not a %s: no JSON: %w", desc.FullName(), err)
			}
		}
		if len(each) == 0 {
			return nil, fmt.Errorf("not a %s: an array without any", desc.FullName())
		}
		all = append(all, each...)
	}
	if len(all) == 0 {
		all = append(all, json.RawMessage("{}"))
	}
	return all, nil
}

// compile makes the program of one message.
func (e *Slots) compile(data []byte, desc protoreflect.MessageDescriptor, types Resolver, where string) (*Program, error) {
	c := compiler{slots: e, types: types, where: where}
	if !bytes.Contains(data, []byte("${")) {
		m, err := parse(data, desc, types, false)
		if err != nil {
			return nil, err
		}
		literal, err := encode(m)
		p := c.program([]node{{literal: literal}})
		p.example = m
		return p, err
	}
	v, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("not a %s: no JSON: %w", desc.FullName(), err)
	}
	body, sample, err := c.message("$", desc, v)
	if err != nil {
		return nil, err
	}
	// What is wrong beside the slots is found as in data without any, with samples in their places.
	text, err := json.Marshal(sample)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	p := c.program(body)
	if p.example, err = parse(text, desc, types, false); err == nil {
		err = c.bad
	}
	if err != nil {
		return nil, err
	}
	if _, err := parse(withoutSlots(data), desc, types, false); err != nil && strings.Contains(err.Error(), "duplicate") {
		return nil, err // which decoding would hide
	}
	return p, nil
}

// withoutSlots is data whose strings hold no slots, so that it can be looked at for keys that are there twice.
func withoutSlots(data []byte) []byte { return bytes.ReplaceAll(data, []byte("${"), []byte("_{")) }

func decode(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err //nolint:wrapcheck // the caller says what of
}

func encode(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return b, nil
}

// compiler makes one message's program.
type compiler struct {
	slots *Slots
	types Resolver
	where string
	found []*slot
	// names are where in the message the compiler is: fields by their names in proto, keys of maps, and indices of lists.
	names  []any
	leaves []leafAt
	// keyed is that a map's key has slots.
	keyed bool
	// bad is what is wrong with a part that has no slots: it is told with its place in the whole, if that is found.
	bad error
}

// leafAt is where in a message a text with slots stands.
type leafAt struct {
	names []any
	text  text
	// quoted is that JSON has it as a string, binary that this is base64.
	quoted, binary bool
}

// within calls do one step further into the message.
func (c *compiler) within(name any, do func() error) error {
	c.names = append(c.names, name)
	err := do()
	c.names = c.names[:len(c.names)-1]
	return err
}

// leaf notes a text with slots.
func (c *compiler) leaf(t text, quoted, binary bool) {
	for _, p := range t {
		if p.slot != nil {
			c.found = append(c.found, p.slot)
		}
	}
	c.leaves = append(c.leaves, leafAt{slices.Clone(c.names), t, quoted, binary})
}

// node is what a program is made of: literal bytes, or a tag with a leaf or with what is within a message.
type node struct {
	literal []byte // of a leaf or a group its tag
	leaf    *op
	group   []node
	grouped bool
}

// program lays nodes out as ops, what does not change together with what follows.
func (c *compiler) program(nodes []node) *Program {
	p := &Program{slots: c.found, leaves: c.leaves, keyed: c.keyed}
	rest := p.lay(nodes, nil)
	if len(rest) > 0 {
		p.ops = append(p.ops, op{literal: rest})
	}
	return p
}

func (p *Program) lay(nodes []node, before []byte) (rest []byte) {
	rest = before
	for _, n := range nodes {
		rest = append(rest, n.literal...)
		switch {
		case n.leaf != nil:
			o := *n.leaf
			o.literal, rest = rest, nil
			p.ops = append(p.ops, o)
		case n.grouped:
			at := len(p.ops)
			p.ops = append(p.ops, op{code: opGroup, literal: rest})
			if rest = p.lay(n.group, nil); len(rest) > 0 {
				p.ops = append(p.ops, op{literal: rest})
			}
			rest, p.ops[at].end = nil, len(p.ops)
		}
	}
	return rest
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

// message compiles what is within a message. Sample is the same with values in the slots' places.
func (c *compiler) message(path string, desc protoreflect.MessageDescriptor, v any) (body []node, sample any, err error) {
	if desc.FullName().Parent() == "google.protobuf" {
		if body, sample, ok, err := c.wellKnown(path, desc, v); ok || err != nil {
			return body, sample, err
		}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("%s: want an object, for %s: not %s", path, desc.FullName(), kindOf(v))
	}
	fixed, samples := map[string]any{}, map[string]any{}
	var changing []string
	for key, value := range object {
		samples[key] = value
		if hasSlots(key) || slotted(value) {
			changing = append(changing, key)
		} else {
			fixed[key] = value
		}
	}
	slices.Sort(changing)
	var after []node
	for _, key := range changing {
		field, err := c.field(path, desc, key)
		if err != nil {
			return nil, nil, err
		}
		var nodes []node
		var same, sample any
		if err := c.within(field.TextName(), func() (err error) {
			nodes, same, sample, err = c.fieldValue(path+"."+key, field, object[key])
			return err
		}); err != nil {
			return nil, nil, err
		}
		if samples[key] = sample; same != nil {
			fixed[key] = same
		}
		after = append(after, nodes...)
	}
	if len(fixed) == 0 {
		return after, samples, nil
	}
	return append([]node{{literal: c.fixed(desc, fixed)}}, after...), samples, nil
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
func (c *compiler) field(path string, desc protoreflect.MessageDescriptor, key string) (protoreflect.FieldDescriptor, error) {
	if name, ok := strings.CutPrefix(key, "["); ok && c.types != nil {
		if x, err := c.types.FindExtensionByName(protoreflect.FullName(strings.TrimSuffix(name, "]"))); err == nil && x.TypeDescriptor().ContainingMessage().FullName() == desc.FullName() {
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
func (c *compiler) fieldValue(path string, field protoreflect.FieldDescriptor, v any) (nodes []node, same, sample any, err error) {
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

func (c *compiler) mapped(path string, field protoreflect.FieldDescriptor, v any) (nodes []node, same, sample any, err error) {
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
		samples[fmt.Sprint(ks)] = vs
		nodes = append(nodes, node{literal: tag(field, protowire.BytesType), group: append(k, value...), grouped: true})
	}
	if len(fixed) > 0 {
		same = fixed
	}
	return nodes, same, samples, nil
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
func (c *compiler) value(path string, field protoreflect.FieldDescriptor, v any, implicit bool) (nodes []node, sample any, err error) {
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
			nodes = append(append([]node{{literal: tag(field, protowire.StartGroupType)}}, body...), node{literal: tag(field, protowire.EndGroupType)})
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
	case protoreflect.StringKind, protoreflect.EnumKind, protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind,
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
		leaf.tag = len(literal)
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
