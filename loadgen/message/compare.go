package message

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func compareFields(wants []want, got, wanted protoreflect.Message) error {
	for i := range wants {
		w := &wants[i]
		if w.rival {
			continue
		}
		if w.absent || w.anything {
			if has := got.Has(w.field); has != w.anything {
				return fmt.Errorf("%s: got %s, want %s", w.path, formatValue(w.field, got.Get(w.field), has),
					map[bool]string{true: "something", false: "nothing"}[w.anything])
			}
			continue
		}
		if err := w.compare(got.Get(w.field), wanted.Get(w.field), got.Has(w.field)); err != nil {
			return err
		}
	}
	return nil
}

// compare holds a field's value against what is wanted.
func (w *want) compare(got, wanted protoreflect.Value, has bool) error {
	switch {
	case w.field.IsMap() && w.keys != nil:
		var failed error
		wanted.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			found := got.Map().Get(k)
			if !found.IsValid() {
				failed = fmt.Errorf("%s: there is no key %v", w.path, k)
				return false
			}
			element := want{field: w.field.MapValue(), path: fmt.Sprintf("%s.%v", w.path, k)}
			if i := slices.Index(w.keys, k.String()); i >= 0 {
				element = w.within[i]
			}
			failed = element.compareOne(found, v, true)
			return failed == nil
		})
		return failed
	case w.field.IsList():
		list, other := got.List(), wanted.List()
		if list.Len() != other.Len() {
			return fmt.Errorf("%s: got %d elements, want %d", w.path, list.Len(), other.Len())
		}
		for i := range list.Len() {
			if err := w.elements[i].compareOne(list.Get(i), other.Get(i), true); err != nil {
				return err
			}
		}
		return nil
	default:
		return w.compareOne(got, wanted, has)
	}
}

func (w *want) compareOne(got, wanted protoreflect.Value, has bool) error {
	if w.inner {
		if !has {
			return fmt.Errorf("%s: got nothing, want %s", w.path, formatValue(w.field, wanted, true))
		}
		return compareFields(w.within, got.Message(), wanted.Message())
	}
	if !w.anything && !got.Equal(wanted) {
		return fmt.Errorf("%s: got %s, want %s", w.path, formatValue(w.field, got, has || !w.field.HasPresence()),
			formatValue(w.field, wanted, true))
	}
	return nil
}

// formatValue writes a value for people.
func formatValue(field protoreflect.FieldDescriptor, v protoreflect.Value, has bool) string {
	switch {
	case !has:
		return "nothing"
	case field.IsList(), field.IsMap():
		return clip(v.String())
	case field.Message() != nil:
		text, err := protojson.Marshal(v.Message().Interface())
		if err != nil {
			return clip(v.String())
		}
		return clip(string(text))
	case field.Kind() == protoreflect.EnumKind:
		if value := field.Enum().Values().ByNumber(v.Enum()); value != nil {
			return string(value.Name())
		}
		return fmt.Sprint(v.Enum())
	case field.Kind() == protoreflect.StringKind:
		return fmt.Sprintf("%q", clip(v.String()))
	case field.Kind() == protoreflect.BytesKind:
		return fmt.Sprintf("%q", clip(string(v.Bytes())))
	default:
		return v.String()
	}
}

// clip keeps an error message readable.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
