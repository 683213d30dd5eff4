package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Compile makes programs of JSON with slots: one message, an array of messages, or several one after the other. No data
// is the empty message; of a feed of whole messages, named row, its row. An error says where in the data it is, and
// what the type has there.
func (e *Slots) Compile(data []byte, desc protoreflect.MessageDescriptor, types Resolver) ([]*Program, error) {
	if f := e.Feeds["row"]; f != nil && len(bytes.TrimSpace(data)) == 0 {
		if f.messages != nil {
			s := &slot{kind: slotRow, source: "row", feed: f}
			return []*Program{{ops: []op{{code: opColumn, slot: s}}, slots: []*slot{s}}}, nil
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
func (e *Slots) compile(data []byte, desc protoreflect.MessageDescriptor, types Resolver, where string) (*Program,
	error,
) {
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
	if _, err := parse(withoutSlots(data), desc, types, false); err != nil &&
		strings.Contains(err.Error(), "duplicate") {
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
	// names are where in the message the compiler is: fields by their names in proto, keys of maps, and indices of
	// lists.
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
