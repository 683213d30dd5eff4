package message

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

// anyFile draws a file of proto2, proto3 or an edition: an enum, and messages with fields of every kind and label.
func anyFile(r *rand.Rand) (protoreflect.FileDescriptor, error) {
	type field = descriptorpb.FieldDescriptorProto
	file := &descriptorpb.FileDescriptorProto{
		Name: new("any.proto"), Package: new("any"),
		Dependency: []string{
			"google/protobuf/any.proto", "google/protobuf/struct.proto",
			"google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto",
		},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: new("E"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: new("NONE"), Number: new(int32(0))},
			{Name: new("ONE"), Number: new(int32(1))},
			{Name: new("LAST"), Number: new(int32(-7))},
		}}},
	}
	syntax := r.IntN(3)
	switch syntax {
	case 0:
		file.Syntax = new("proto2")
	case 1:
		file.Syntax = new("proto3")
	default:
		file.Syntax, file.Edition = new("editions"), descriptorpb.Edition_EDITION_2023.Enum()
	}
	known := []string{
		".any.M0", ".any.M1", ".google.protobuf.Value", ".google.protobuf.Struct",
		".google.protobuf.ListValue", ".google.protobuf.StringValue", ".google.protobuf.Int64Value",
		".google.protobuf.BoolValue",
	}
	for m := range 2 {
		msg := &descriptorpb.DescriptorProto{Name: new(fmt.Sprintf("M%d", m))}
		for n := range 1 + r.IntN(6) {
			f := &field{
				Name: new(fmt.Sprintf("f_%d", n)), Number: new(int32(1 + n*n*n*37)),
				Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			}
			kind := descriptorpb.FieldDescriptorProto_Type(1 + r.IntN(18)) //nolint:gosec // one of them
			if kind == descriptorpb.FieldDescriptorProto_TYPE_GROUP {
				kind = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
				if syntax == 2 {
					delimited := &descriptorpb.FeatureSet{MessageEncoding: descriptorpb.FeatureSet_DELIMITED.Enum()}
					f.Options = &descriptorpb.FieldOptions{Features: delimited}
				}
			}
			f.Type = kind.Enum()
			switch kind {
			case descriptorpb.FieldDescriptorProto_TYPE_MESSAGE:
				f.TypeName = new(known[r.IntN(len(known))])
			case descriptorpb.FieldDescriptorProto_TYPE_ENUM:
				f.TypeName = new(".any.E")
			default:
			}
			switch r.IntN(5) {
			case 0:
				f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
				if scalar := kind != descriptorpb.FieldDescriptorProto_TYPE_MESSAGE &&
					kind != descriptorpb.FieldDescriptorProto_TYPE_STRING &&
					kind != descriptorpb.FieldDescriptorProto_TYPE_BYTES; scalar && syntax < 2 && r.IntN(2) == 0 {
					f.Options = &descriptorpb.FieldOptions{Packed: new(r.IntN(2) == 0)}
				}
			case 1: // a map
				entry := &descriptorpb.DescriptorProto{
					Name:    new(fmt.Sprintf("F%dEntry", n)),
					Options: &descriptorpb.MessageOptions{MapEntry: new(true)},
				}
				keys := []descriptorpb.FieldDescriptorProto_Type{
					descriptorpb.FieldDescriptorProto_TYPE_STRING,
					descriptorpb.FieldDescriptorProto_TYPE_INT32, descriptorpb.FieldDescriptorProto_TYPE_UINT64,
					descriptorpb.FieldDescriptorProto_TYPE_BOOL,
				}
				key := &field{
					Name: new("key"), Number: new(int32(1)),
					Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
					Type:  keys[r.IntN(len(keys))].Enum(),
				}
				value := proto.Clone(f).(*field) //nolint:errcheck // it is one
				value.Name, value.Number, value.Options = new("value"), new(int32(2)), nil
				entry.Field = []*field{key, value}
				msg.NestedType = append(msg.NestedType, entry)
				f.Label, f.Type, f.Options = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(),
					descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), nil
				f.TypeName = new(fmt.Sprintf(".any.M%d.F%dEntry", m, n))
			case 2: // a oneof, of its own or that of the field before
				if len(msg.Field) == 0 || msg.Field[len(msg.Field)-1].OneofIndex == nil || r.IntN(2) == 0 {
					msg.OneofDecl = append(msg.OneofDecl,
						&descriptorpb.OneofDescriptorProto{Name: new(fmt.Sprintf("o_%d", n))})
				}
				f.OneofIndex = new(int32(len(msg.OneofDecl) - 1)) //nolint:gosec // few
			}
			msg.Field = append(msg.Field, f)
		}
		file.MessageType = append(file.MessageType, msg)
	}
	return protodesc.NewFile(file, protoregistry.GlobalFiles)
}

// writer draws JSON of a type, with slots and, beside it, with their values.
type writer struct {
	*rand.Rand
	seq  uint64
	i    int
	row  string // what the feed's only column has
	rows string
}

// pair is a JSON value with slots, and the same with values.
type pair struct{ slots, values any }

func same(v any) pair { return pair{v, v} }

func (w *writer) message(desc protoreflect.MessageDescriptor, depth int) pair {
	switch desc.FullName() {
	case "google.protobuf.Struct":
		slots, values := map[string]any{}, map[string]any{}
		for n := range w.IntN(3) {
			p := w.free(depth)
			slots[fmt.Sprint("k", n)], values[fmt.Sprint("k", n)] = p.slots, p.values
		}
		return pair{slots, values}
	case "google.protobuf.ListValue":
		slots, values := []any{}, []any{}
		for range w.IntN(3) {
			p := w.free(depth)
			slots, values = append(slots, p.slots), append(values, p.values)
		}
		return pair{slots, values}
	case "google.protobuf.Value":
		return w.free(depth)
	case "google.protobuf.StringValue", "google.protobuf.Int64Value", "google.protobuf.BoolValue":
		return w.scalar(desc.Fields().ByNumber(1))
	}
	slots, values := map[string]any{}, map[string]any{}
	for n := range desc.Fields().Len() {
		field := desc.Fields().Get(n)
		if w.IntN(4) == 0 || depth > 2 && field.Message() != nil {
			continue
		}
		name := field.JSONName()
		if w.IntN(2) == 0 {
			name = field.TextName()
		}
		p := w.field(field, depth)
		slots[name], values[name] = p.slots, p.values
	}
	return pair{slots, values}
}

// free is any JSON, of a google.protobuf.Value.
func (w *writer) free(depth int) pair {
	switch k := w.IntN(6); {
	case k == 0 && depth < 3:
		p := w.free(depth + 1)
		return pair{[]any{p.slots, 1}, []any{p.values, 1}}
	case k == 1 && depth < 3:
		p := w.free(depth + 1)
		return pair{map[string]any{"a": p.slots, "b": true}, map[string]any{"a": p.values, "b": true}}
	case k == 2:
		return same(3.5)
	case k == 3:
		return same("plain")
	default:
		return w.text()
	}
}

func (w *writer) field(field protoreflect.FieldDescriptor, depth int) pair {
	switch {
	case field.IsMap():
		slots, values := map[string]any{}, map[string]any{}
		for n := range w.IntN(3) {
			key, spelt := strconv.Itoa(n), strconv.Itoa(n)
			switch field.MapKey().Kind() {
			case protoreflect.StringKind:
				if w.IntN(2) == 0 {
					key, spelt = fmt.Sprintf("k%d-${seq}", n), fmt.Sprintf("k%d-%d", n, w.seq)
				}
			case protoreflect.BoolKind:
				key = strconv.FormatBool(n == 0)
				spelt = key
			default:
				if w.IntN(2) == 0 {
					key, spelt = fmt.Sprintf("${int(%d,%d)}", 50+n, 50+n), strconv.Itoa(50+n)
				}
			}
			p := w.value(field.MapValue(), depth)
			slots[key], values[spelt] = p.slots, p.values
		}
		return pair{slots, values}
	case field.IsList():
		slots, values := []any{}, []any{}
		for range w.IntN(4) {
			p := w.value(field, depth)
			slots, values = append(slots, p.slots), append(values, p.values)
		}
		return pair{slots, values}
	default:
		return w.value(field, depth)
	}
}

func (w *writer) value(field protoreflect.FieldDescriptor, depth int) pair {
	if field.Message() != nil {
		return w.message(field.Message(), depth+1)
	}
	return w.scalar(field)
}

func (w *writer) scalar(field protoreflect.FieldDescriptor) pair {
	fixed := w.IntN(3) == 0
	switch field.Kind() {
	case protoreflect.StringKind:
		return w.text()
	case protoreflect.BytesKind:
		if fixed {
			return same("aGk=")
		}
		p := w.text()
		slots, _ := p.slots.(string)
		if !strings.Contains(slots, "${") { // else it is base64
			slots += "${seq}"
			p.values = fmt.Sprint(p.values, w.seq)
		}
		return pair{slots, base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(p.values)))}
	case protoreflect.BoolKind:
		if fixed {
			return same(true)
		}
		return pair{"${pick(false)}", false}
	case protoreflect.EnumKind:
		if fixed {
			return same("ONE")
		}
		return pair{"${pick(LAST)}", "LAST"}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if fixed {
			return same(0.25)
		}
		return pair{"${float(1.5,1.5)}", 1.5}
	default:
		least, most := intRange(field.Kind())
		switch w.IntN(6) {
		case 0:
			return same(7)
		case 1:
			return pair{fmt.Sprintf("${int(%d,%d)}", least, least), json.Number(strconv.FormatInt(least, 10))}
		case 2:
			top := int64(min(most, 1<<63-1)) //nolint:gosec // bounded
			return pair{fmt.Sprintf("${int(%d,%d)}", top, top), json.Number(strconv.FormatInt(top, 10))}
		case 3:
			return pair{"${rows.n}", json.Number(w.rows)}
		case 4:
			return pair{"${i}", w.i}
		default:
			return pair{"${seq}", w.seq}
		}
	}
}

func (w *writer) text() pair {
	var slots, values strings.Builder
	for range w.IntN(4) {
		switch w.IntN(7) {
		case 0:
			slots.WriteString("plain ü")
			values.WriteString("plain ü")
		case 1:
			slots.WriteString("${seq:08x}")
			fmt.Fprintf(&values, "%08x", w.seq)
		case 2:
			slots.WriteString("$${")
			values.WriteString("${")
		case 3:
			slots.WriteString("${rows.s}")
			values.WriteString(w.row)
		case 4:
			slots.WriteString("${i}")
			fmt.Fprint(&values, w.i)
		case 5:
			long := strings.Repeat("y", w.IntN(300))
			slots.WriteString("${pick(" + long + "y)}")
			values.WriteString(long + "y")
		default:
			slots.WriteString("${id}")
			fmt.Fprintf(&values, "0000000a-0003-%012x", w.seq)
		}
	}
	return pair{slots.String(), values.String()}
}

// round compiles one random message of a random type, and holds what it makes against what protojson makes of the
// values.
func round(t *testing.T, seed uint64, feed *Feed) (compared, held bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	file, err := anyFile(r)
	if err != nil {
		t.Fatalf("seed %d: the file: %v", seed, err)
	}
	desc := file.Messages().Get(0)
	w := &writer{Rand: r, seq: r.Uint64N(1 << 31), i: r.IntN(300), row: `a "quoted", field`, rows: "42"}
	p := w.message(desc, 0)
	slots, err := json.Marshal(p.slots)
	if err != nil {
		t.Fatal(err)
	}
	values, err := json.Marshal(p.values)
	if err != nil {
		t.Fatal(err)
	}
	e := &Slots{Seed: 1, Run: 10, Feeds: map[string]*Feed{"rows": feed}}
	want := dynamicpb.NewMessage(desc)
	if err := protojson.Unmarshal(values, want); err != nil {
		if _, err := e.Compile(slots, desc, protoregistry.GlobalTypes); err == nil {
			t.Fatalf("seed %d: protojson refuses %s, and %s compiles", seed, values, slots)
		}
		return false, false
	}
	programs, err := e.Compile(slots, desc, protoregistry.GlobalTypes)
	if err != nil {
		t.Fatalf("seed %d: %s: %v", seed, slots, err)
	}
	m := MomentOf(3<<48|w.seq, w.i)
	encoded, err := programs[0].AppendTo([]byte("before"), &m)
	if err != nil {
		t.Fatalf("seed %d: %s: %v", seed, slots, err)
	}
	got := dynamicpb.NewMessage(desc)
	if err := proto.Unmarshal(encoded[len("before"):], got); err != nil {
		t.Fatalf("seed %d: %s is no message: %v", seed, slots, err)
	}
	if !proto.Equal(got, want) {
		t.Fatalf("seed %d:\n%s\nis %s\nwant %s", seed, slots, protojson.Format(got), protojson.Format(want))
	}
	if len(got.GetUnknown()) > 0 {
		t.Fatalf("seed %d: unknown fields %x", seed, got.GetUnknown())
	}
	// The same as an expectation: it holds of itself, quickly or by decoding.
	expect, err := e.Expect(slots, desc, protoregistry.GlobalTypes, programs)
	if err != nil && strings.Contains(err.Error(), "means what the request has") {
		return true, false // of a random slot that is there twice
	}
	if err != nil {
		t.Fatalf("seed %d: expect %s: %v", seed, slots, err)
	}
	if err := expect[0].Check(encoded[len("before"):], &m); err != nil {
		t.Fatalf("seed %d: %s does not hold of itself: %v", seed, slots, err)
	}
	x := expect[0]
	for r := rand.New(rand.NewPCG(seed, 7)); x.plain && r.IntN(8) > 0; {
		body := distort(r, encoded[len("before"):])
		if r.IntN(2) > 0 {
			body = distort(r, body) // a part that is there twice, and not the same
		}
		if !matches(body, x.wants, &m, nil) {
			continue
		}
		got := dynamicpb.NewMessage(desc)
		if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(body, got); err != nil {
			continue // text that is no UTF-8, and what is wrong where nothing is wanted
		}
		if err := x.check(got, &m); err != nil {
			t.Fatalf("seed %d: a quick look at %x is content with it, and decoded %v", seed, body, err)
		}
	}
	return true, true
}

// distort changes an encoded message somewhere, or puts a part of it there again.
func distort(r *rand.Rand, b []byte) []byte {
	b = slices.Clone(b)
	if len(b) == 0 {
		return b
	}
	from := r.IntN(len(b))
	to := from + r.IntN(len(b)-from+1)
	switch r.IntN(5) {
	case 0:
		b[from] ^= 1 << r.IntN(8)
	case 1:
		b = slices.Delete(b, from, to)
	case 2:
		b = slices.Insert(b, to, b[from:to]...)
	case 3:
		b = append(b, b[:to]...)
	default:
		b = append(b[from:len(b):len(b)], b[:from]...)
	}
	return b
}

func feedOf(t testing.TB, name, content string) *Feed {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFeed("rows", file, Loop, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Data of any type and shape makes the message that protojson makes of it with the values put in. ROUNDS=10000000 is
// for a night.
func TestProgramsAreWhatProtojsonMakes(t *testing.T) {
	rounds, _ := strconv.ParseUint(os.Getenv("ROUNDS"), 10, 64)
	from, _ := strconv.ParseUint(os.Getenv("FROM"), 10, 64)
	feed := feedOf(t, "rows.csv", "n,s\n42,\"a \"\"quoted\"\", field\"\n")
	rounds = max(rounds, 3000)
	var compared, held uint64
	for seed := range rounds {
		c, h := round(t, from+seed, feed)
		if c {
			compared++
		}
		if h {
			held++
		}
	}
	t.Logf("of %d rounds %d compared messages, and %d held one as an expectation", rounds, compared, held)
	if compared < rounds*8/10 || held < rounds/2 { // else what is drawn says little
		t.Errorf("of %d rounds only %d compared messages, and %d held one as an expectation", rounds, compared, held)
	}
}

func FuzzPrograms(f *testing.F) {
	feed := feedOf(f, "rows.csv", "n,s\n42,\"a \"\"quoted\"\", field\"\n")
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { round(t, seed, feed) })
}
