package message

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Saved are the values that steps take out of their answers, for what follows in their flow. A worker's are its own: it
// writes them before its next call, which reads them. What setup saved is every worker's.
type Saved struct {
	workers [][][]byte // by worker, by number
	common  [][]byte   // of setup
}

// NewSaved makes room for the values of so many workers.
func NewSaved(workers int) *Saved { return &Saved{workers: make([][][]byte, max(workers, 1))} }

// Add makes room for a value, and returns its number. Names are the steps' own, so that what a worker saved in one flow
// is not taken for another flow's.
func (s *Saved) Add() int {
	s.common = append(s.common, nil)
	for w := range s.workers {
		s.workers[w] = append(s.workers[w], nil)
	}
	return len(s.common) - 1
}

// ShareFirst makes the values that the first worker saved every worker's: those of setup, which it alone carries out.
func (s *Saved) ShareFirst() {
	for i, v := range s.workers[0] {
		s.common[i] = slices.Clone(v)
	}
}

func (s *Saved) value(worker, i int) []byte {
	if v := s.workers[worker][i]; v != nil {
		return v
	}
	return s.common[i]
}

// save keeps a value in the worker's own memory.
func (s *Saved) save(worker, i int, value []byte) {
	v := s.workers[worker][i]
	if v == nil {
		v = make([]byte, 0, max(len(value), 32))
	}
	s.workers[worker][i] = append(v[:0], value...)
}

// Save takes one value out of an answer.
type Save struct {
	into   *Saved
	number int
	name   string
	path   string
	steps  []saveStep
}

// saveStep is a field, and of a list which element.
type saveStep struct {
	field protoreflect.FieldDescriptor
	index int // of a list; else -1, the last that is there
}

// NewSave compiles what to take, and to keep under its number: the path of a field in an answer of a type, as
// session.token or items.0.id.
func NewSave(into *Saved, number int, name, path string, desc protoreflect.MessageDescriptor) (*Save, error) {
	s := &Save{into: into, number: number, name: name, path: path}
	parts := strings.Split(path, ".")
	for i := 0; i < len(parts); i++ {
		if desc == nil {
			return nil, fmt.Errorf("save %s: %s: there are no fields below %s", name, path,
				strings.Join(parts[:i], "."))
		}
		field := desc.Fields().ByJSONName(parts[i])
		if field == nil {
			field = desc.Fields().ByTextName(parts[i])
		}
		if field == nil {
			return nil, fmt.Errorf("save %s: %s: %s has no field %s; it has %s", name, path, desc.FullName(), parts[i],
				fieldNames(desc))
		}
		step := saveStep{field: field, index: -1}
		if field.IsMap() {
			return nil, fmt.Errorf("save %s: %s: %s is a map, of which no value can be named", name, path, parts[i])
		}
		if field.IsList() {
			index, err := strconv.Atoi(strings.Join(parts[min(i+1, len(parts)):min(i+2, len(parts))], ""))
			if err != nil || index < 0 {
				return nil, fmt.Errorf("save %s: %s: %s is a list: want a number behind it", name, path, parts[i])
			}
			step.index = index
			i++
		}
		s.steps = append(s.steps, step)
		desc = field.Message()
	}
	if desc != nil {
		return nil, fmt.Errorf("save %s: %s is a message: want a field of it, one of %s", name, path, fieldNames(desc))
	}
	return s, nil
}

// Extract takes the value out of an encoded answer, for the worker. An error is that it is not there.
func (s *Save) Extract(body []byte, worker int) error {
	var buf [64]byte
	value, err := s.find(buf[:0], body)
	if err != nil {
		return fmt.Errorf("save %s: the answer has no %s", s.name, s.path)
	}
	s.into.save(worker, s.number, value)
	return nil
}

var errNotThere = errors.New("it is not there")

// find appends the value's text to dst.
func (s *Save) find(dst, body []byte) ([]byte, error) {
	for i, step := range s.steps {
		value, kind, ok := step.find(body)
		if last := i == len(s.steps)-1; last {
			if !ok && step.index < 0 && !step.field.HasPresence() && step.field.Kind() != protoreflect.StringKind &&
				step.field.Kind() != protoreflect.BytesKind {
				return appendScalar(dst, step.field, 0), nil // a default is not sent
			}
			if !ok {
				return dst, errNotThere
			}
			if kind == protowire.BytesType {
				return append(dst, value...), nil
			}
			return appendScalar(dst, step.field, number(value, kind)), nil
		}
		if !ok {
			return dst, errNotThere
		}
		body = value
	}
	return dst, errNotThere
}

// find is the field's value in a message: the last, or of a list the one that is meant.
func (s *saveStep) find(body []byte) (found []byte, kind protowire.Type, ok bool) {
	n := 0
	for len(body) > 0 {
		num, typ, size := protowire.ConsumeTag(body)
		if size < 0 {
			return nil, 0, false
		}
		body = body[size:]
		size = protowire.ConsumeFieldValue(num, typ, body)
		if size < 0 {
			return nil, 0, false
		}
		value := body[:size]
		body = body[size:]
		if num != s.field.Number() {
			continue
		}
		packed := typ == protowire.BytesType && wireType(s.field.Kind()) != protowire.BytesType &&
			s.field.Kind() != protoreflect.GroupKind
		switch {
		case packed:
			value, _ = protowire.ConsumeBytes(value)
			for t := wireType(s.field.Kind()); len(value) > 0; n++ {
				size := protowire.ConsumeFieldValue(num, t, value)
				if size < 0 {
					return nil, 0, false
				}
				if n == s.index {
					return value[:size], t, true
				}
				value = value[size:]
			}
			continue
		case typ == protowire.BytesType:
			value, _ = protowire.ConsumeBytes(value)
		case typ == protowire.StartGroupType:
			value, _ = protowire.ConsumeGroup(num, value)
		}
		found, kind, ok = value, typ, true
		if s.index >= 0 && n == s.index {
			return found, kind, true
		}
		n++
	}
	return found, kind, ok && s.index < 0
}

// number is an encoded number's value, of fixed ones their bits.
func number(value []byte, kind protowire.Type) (v uint64) {
	switch kind {
	case protowire.Fixed32Type:
		n, _ := protowire.ConsumeFixed32(value)
		return uint64(n)
	case protowire.Fixed64Type:
		v, _ = protowire.ConsumeFixed64(value)
	default:
		v, _ = protowire.ConsumeVarint(value)
	}
	return v
}

// appendScalar appends a number, a bool or an enum as text.
func appendScalar(dst []byte, field protoreflect.FieldDescriptor, v uint64) []byte {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, v != 0)
	case protoreflect.EnumKind:
		// as varints have it
		if value := field.Enum().Values().ByNumber(protoreflect.EnumNumber(v)); value != nil { //nolint:gosec
			return append(dst, value.Name()...)
		}
		return strconv.AppendInt(dst, int64(int32(v)), 10) //nolint:gosec // as above
	case protoreflect.FloatKind:
		return strconv.AppendFloat(dst, float64(math.Float32frombits(uint32(v))), 'g', -1, 32) //nolint:gosec // 32 bits
	case protoreflect.DoubleKind:
		return strconv.AppendFloat(dst, math.Float64frombits(v), 'g', -1, 64)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(dst, v, 10)
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return strconv.AppendInt(dst, protowire.DecodeZigZag(v), 10)
	case protoreflect.Sfixed32Kind:
		return strconv.AppendInt(dst, int64(int32(v)), 10) //nolint:gosec // 32 bits
	default:
		return strconv.AppendInt(dst, int64(v), 10) //nolint:gosec // as varints have it
	}
}

// encodeJSON is an answer in JSON, encoded; field, where it is not empty, is the one that the answer is.
func encodeJSON(body []byte, field string, desc protoreflect.MessageDescriptor) ([]byte, error) {
	if field != "" {
		body = slices.Concat([]byte(`{"`+field+`":`), body, []byte("}"))
	}
	m := dynamicpb.NewMessage(desc)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("it is no %s: %s", desc.FullName(), clip(string(body)))
	}
	encoded, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a %s: %w", desc.FullName(), err)
	}
	return encoded, nil
}
