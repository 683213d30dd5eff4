package message

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Expectation is what an answer has to hold: fields, and within them fields. What it does not name may be anything; a
// list is held where it has the same length and each element is, a map where it has each of the keys. It may be used
// concurrently.
type Expectation struct {
	program *Program // makes the expected message
	desc    protoreflect.MessageDescriptor
	types   Resolver
	wants   []want
	// plain is that every want can be looked for in an answer's bytes.
	plain bool
	// whole is that answers hold no more than what is expected, as far as is known: such an answer has the bytes that
	// program makes, and to compare them is the quickest check. The first good answer with more ends it.
	whole atomic.Bool
}

// want is one field that is expected.
type want struct {
	field  protoreflect.FieldDescriptor
	number protowire.Number
	path   string
	// one of these, or none: then the field as a whole is compared.
	anything, absent bool
	// rival is that the field is one of a oneof with another that is wanted: decoders know what its being there means.
	rival    bool
	leaf     *leaf  // of a plain one
	unsent   bool   // the default, which is not sent
	within   []want // of a message
	inner    bool
	elements []want // of a list, each of one element
	keys     []string
}

// Expect compiles what is expected of answers to what requests send: JSON of the answer's type, one for all answers, or
// in turn, of which the last is for all that follow.
func (e *Slots) Expect(data []byte, desc protoreflect.MessageDescriptor, types Resolver,
	requests []*Program,
) ([]*Expectation, error) {
	answers := &Slots{
		Seed: e.Seed, Run: e.Run, Feeds: e.Feeds, Step: e.Step, Saved: e.Saved, Known: e.Known,
		answer: true,
	}
	for _, p := range requests {
		answers.asked = append(answers.asked, p.slots...)
	}
	each, err := split(data, desc)
	if err != nil {
		return nil, err
	}
	var all []*Expectation
	for i, one := range each {
		x, err := answers.expect(one, desc, types)
		if err != nil && len(each) > 1 {
			err = fmt.Errorf("answer %d: %w", i, err)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

func (e *Slots) expect(data []byte, desc protoreflect.MessageDescriptor, types Resolver) (*Expectation, error) {
	p, err := e.compile(data, desc, types, "expect$")
	if err != nil {
		return nil, err
	}
	v, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	x := &Expectation{program: p, desc: desc, types: types, plain: true}
	object, _ := v.(map[string]any)
	x.wants = x.wantsOf("$", desc, object, e)
	x.whole.Store(!hasAny(x.wants))
	return x, nil
}

// wantsOf are the fields that an object names; it was compiled, so that they exist.
func (x *Expectation) wantsOf(path string, desc protoreflect.MessageDescriptor, object map[string]any,
	e *Slots,
) (all []want) {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	c := compiler{slots: e, types: x.types}
	for _, key := range keys {
		field, err := c.field(path, desc, key)
		if err != nil {
			continue
		}
		all = append(all, x.wantOf(path+"."+key, field, object[key], e, field.IsList()))
	}
	all = append(all, rivals(all)...)
	slices.SortStableFunc(all, func(a, b want) int { return cmp.Compare(a.number, b.number) })
	return all
}

// rivals are the other fields of the oneofs that wants are of.
func rivals(wants []want) (all []want) {
	for _, w := range wants {
		oneof := w.field.ContainingOneof()
		if oneof == nil {
			continue
		}
		for i := range oneof.Fields().Len() {
			field := oneof.Fields().Get(i)
			named := slices.ContainsFunc(wants, func(w want) bool { return w.number == field.Number() })
			if !named {
				all = append(all, want{field: field, number: field.Number(), rival: true, unsent: true})
			}
		}
	}
	return all
}

// hasAny says whether a want leaves open what a field holds: no bytes can stand for that.
func hasAny(wants []want) bool {
	return slices.ContainsFunc(wants, func(w want) bool { return w.anything || hasAny(w.within) || hasAny(w.elements) })
}

func (x *Expectation) wantOf(path string, field protoreflect.FieldDescriptor, v any, e *Slots, list bool) want {
	w := want{field: field, number: field.Number(), path: path}
	free := field.Message() == nil || field.Message().FullName().Parent() != "google.protobuf" // of a JSON of its own
	switch v := v.(type) {
	case nil:
		w.absent, w.unsent = true, true
		return w
	case string:
		w.anything = v == "${any}"
	case []any:
		x.plain = false
		for i, element := range v {
			w.elements = append(w.elements, x.wantOf(fmt.Sprintf("%s[%d]", path, i), field, element, e, false))
		}
		return w
	case map[string]any:
		if field.IsMap() {
			x.plain = false
			for key, value := range v {
				w.keys = append(w.keys, key)
				w.within = append(w.within, x.wantOf(path+"."+key, field.MapValue(), value, e, false))
			}
			return w
		}
		if free {
			w.inner, w.within = true, x.wantsOf(path, field.Message(), v, e)
			if field.Kind() == protoreflect.GroupKind {
				x.plain = false
			}
			return w
		}
	}
	if field.Message() != nil || list {
		x.plain = false
		return w
	}
	w.leaf = x.leafOf(path, field, v, e)
	w.unsent = w.leaf != nil && w.leaf.unsent() && !field.HasPresence()
	if w.leaf == nil && !w.anything {
		x.plain = false
	}
	return w
}

// leafOf is what makes the value of a plain field, for the answer's bytes to be held against.
func (x *Expectation) leafOf(path string, field protoreflect.FieldDescriptor, v any, e *Slots) *leaf {
	source, ok := v.(string)
	if ok && hasSlots(source) {
		t, err := e.parseText(source, "expect$"+path[1:])
		if err != nil {
			return nil
		}
		l, _, err := leafOf(field, t)
		if err != nil {
			return nil
		}
		return l
	}
	m, ok := x.find(path)
	if !ok {
		return nil
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		return textLeaf(text(nil).with([]byte(m.String())))
	case protoreflect.BytesKind:
		return textLeaf(text(nil).with(m.Bytes()))
	case protoreflect.BoolKind:
		return constant(field, int64(b2i(m.Bool())))
	case protoreflect.EnumKind:
		return constant(field, int64(m.Enum()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return numberLeaf(field, &slot{kind: slotFloat, low: m.Float()})
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		if m.Uint() > math.MaxInt64 {
			return nil // rare, and quick enough the other way
		}
		return constant(field, int64(m.Uint())) //nolint:gosec // looked at just now
	default:
		return constant(field, m.Int())
	}
}

func constant(field protoreflect.FieldDescriptor, v int64) *leaf {
	return numberLeaf(field, &slot{kind: slotConst, from: v})
}

// unsent says whether the value is ever the default, which is not sent.
func (l *leaf) unsent() bool {
	if l.code == opGroup {
		return len(l.text) == 0
	}
	return l.slot.kind == slotConst && l.slot.from == 0 || l.slot.kind == slotFloat && l.slot.low == 0 &&
		l.slot.wide == 0
}

// find is the value at a path of the example.
func (x *Expectation) find(path string) (v protoreflect.Value, ok bool) {
	m := x.program.example.ProtoReflect()
	names := strings.Split(strings.TrimPrefix(path, "$."), ".")
	for i, name := range names {
		field := m.Descriptor().Fields().ByJSONName(name)
		if field == nil {
			field = m.Descriptor().Fields().ByTextName(name)
		}
		if field == nil || field.IsList() || field.IsMap() {
			return v, false
		}
		v = m.Get(field)
		if i < len(names)-1 {
			if field.Message() == nil {
				return v, false
			}
			m = v.Message()
		}
	}
	return v, true
}

// Check says what of an answer is not as expected. It decodes the answer only where its bytes do not say that all is
// well.
func (x *Expectation) Check(body []byte, m *Moment) error {
	whole := x.whole.Load()
	if whole {
		var buf [256]byte
		if wanted, err := x.program.AppendTo(buf[:0], m); err == nil && bytes.Equal(wanted, body) {
			return nil
		}
	}
	err := x.search(body, m)
	if err == nil && whole {
		x.whole.Store(false)
	}
	return err
}

// search looks for each want in an answer.
func (x *Expectation) search(body []byte, m *Moment) error {
	var buf [256]byte
	if x.plain && matches(body, x.wants, m, buf[:0]) {
		return nil
	}
	got := dynamicpb.NewMessage(x.desc)
	if err := (proto.UnmarshalOptions{Resolver: x.types}).Unmarshal(body, got); err != nil {
		return fmt.Errorf("it is no %s: %w", x.desc.FullName(), err)
	}
	return x.check(got, m)
}

// CheckJSON is Check of an answer in JSON; field, where it is not empty, is the one field that the answer is.
func (x *Expectation) CheckJSON(body []byte, field string, m *Moment) error {
	if field != "" {
		body = slices.Concat([]byte(`{"`+field+`":`), body, []byte("}"))
	}
	got := dynamicpb.NewMessage(x.desc)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true, Resolver: x.types}).Unmarshal(body, got); err != nil {
		return fmt.Errorf("it is no %s: %s", x.desc.FullName(), clip(string(body)))
	}
	return x.check(got, m)
}

func (x *Expectation) check(got protoreflect.Message, m *Moment) error {
	encoded, err := x.program.AppendTo(nil, m)
	if err != nil {
		return fmt.Errorf("make what is expected: %w", err)
	}
	wanted := dynamicpb.NewMessage(x.desc)
	if err := (proto.UnmarshalOptions{Resolver: x.types, AllowPartial: true}).Unmarshal(encoded, wanted); err != nil {
		return fmt.Errorf("read what is expected: %w", err)
	}
	if err := compareFields(x.wants, got, wanted); err != nil {
		return fmt.Errorf("%w%s", err, x.rows(m))
	}
	return nil
}

// rows says which rows of feeds were expected.
func (x *Expectation) rows(m *Moment) string {
	var all []string
	for _, s := range x.program.slots {
		if s.kind == slotRow {
			where := fmt.Sprintf("%s, line %d", s.feed.File, s.feed.rows.line(m.rowOf(s.feed)))
			if !slices.Contains(all, where) {
				all = append(all, where)
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, "; ") + ")"
}
