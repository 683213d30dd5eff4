package message

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// wellKnown compiles what is within a message of google.protobuf whose JSON is its own; ok is that it is one.
func (c *compiler) wellKnown(path string, desc protoreflect.MessageDescriptor, v any) (body []node, sample any,
	ok bool, err error,
) {
	switch name := desc.Name(); name {
	case "Timestamp":
		body, sample, err = c.timestamp(path, v)
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue",
		"StringValue", "BytesValue":
		body, sample, err = c.value(path, desc.Fields().ByNumber(1), v, true)
	case "Struct":
		var same any
		body, same, sample, err = c.mapped(path, desc.Fields().ByNumber(1), v)
		if err == nil && same != nil {
			body = append([]node{{literal: c.fixed(desc, same)}}, body...)
		}
	case "ListValue":
		body, sample, err = c.list(path, desc.Fields().ByNumber(1), v)
	case "Value":
		number := protoreflect.FieldNumber(3) // a string
		switch v.(type) {
		case map[string]any:
			number = 5
		case []any:
			number = 6
		}
		body, sample, err = c.value(path, desc.Fields().ByNumber(number), v, false)
	case "Any":
		body, sample, err = c.any(path, v)
	case "Duration", "FieldMask", "Empty":
		err = fmt.Errorf("%s: no slot fits a %s", path, desc.FullName())
	default:
		return nil, nil, false, nil
	}
	return body, sample, true, err
}

func (c *compiler) timestamp(path string, v any) ([]node, any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, nil, fmt.Errorf("%s: want a time: not %s", path, kindOf(v))
	}
	t, err := c.slots.parseText(s, c.where+path[1:])
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	slot := t.soleSlot()
	switch {
	case slot != nil && slot.kind == slotNow && slot.unit == "rfc3339":
	case slot != nil && slot.kind == slotSaved:
	case slot != nil && slot.kind == slotRow:
		if err := slot.feed.check(slot.column,
			func(value []byte) error { _, err := parseTime(string(value)); return err }); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
	default:
		return nil, nil, fmt.Errorf("%s: %q is no time: ${now} is one, and so is a feed's column of times", path,
			clip(s))
	}
	c.leaf(t, true, false)
	return []node{{leaf: &leaf{op: op{code: opTimestamp, slot: slot}}}}, "2006-01-02T15:04:05Z", nil
}

// any compiles an Any: its type's name, and a message of the type.
func (c *compiler) any(path string, v any) ([]node, any, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("%s: want an object with @type: not %s", path, kindOf(v))
	}
	url, _ := object["@type"].(string)
	if url == "" || hasSlots(url) || c.types == nil {
		return nil, nil, fmt.Errorf("%s: want a @type, which has no slots", path)
	}
	mt, err := c.types.FindMessageByURL(url)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: the type %s is not known", path, url)
	}
	inner := map[string]any{}
	for key, value := range object {
		if key != "@type" {
			inner[key] = value
		}
	}
	var within any = inner
	own := mt.Descriptor().FullName().Parent() == "google.protobuf" && ownJSON(mt.Descriptor().Name())
	if own { // of which value is the JSON
		within = inner["value"]
	}
	body, sample, err := c.message(path, mt.Descriptor(), within)
	if err != nil {
		return nil, nil, err
	}
	samples := map[string]any{"@type": url}
	if fields, ok := sample.(map[string]any); ok && !own {
		maps.Copy(samples, fields)
	} else {
		samples["value"] = sample
	}
	literal := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), url)
	return []node{
		{literal: literal},
		{literal: protowire.AppendTag(nil, 2, protowire.BytesType), group: body, grouped: true},
	}, samples, nil
}

// ownJSON says whether a message of google.protobuf has a JSON of its own, other than an object of its fields.
func ownJSON(name protoreflect.Name) bool {
	return strings.HasSuffix(string(name), "Value") && name != "EnumValue" ||
		slices.Contains([]protoreflect.Name{"Timestamp", "Duration", "Struct", "Any", "FieldMask", "Empty"}, name)
}
