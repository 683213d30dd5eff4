package message

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Route is one HTTP binding of a method, by its option google.api.http.
type Route struct {
	// HTTPMethod is GET and the like, Template the path with its variables.
	HTTPMethod, Template string
	// Body is the field that the request's body is, "*" for what is not in the path, empty for none; ResponseBody is
	// the field of the answer that is sent, empty for all of it.
	Body, ResponseBody string
}

func (r Route) String() string { return r.HTTPMethod + " " + r.Template }

// Routes are a method's HTTP bindings, in the order in which it has them.
func Routes(md protoreflect.MethodDescriptor) []Route {
	// The option may have been read by whom it was unknown to: its bytes are the same.
	raw, err := proto.Marshal(md.Options())
	options := &descriptorpb.MethodOptions{}
	if err != nil || proto.Unmarshal(raw, options) != nil {
		return nil
	}
	rule, ok := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil
	}
	var all []Route
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		route := Route{Body: r.GetBody(), ResponseBody: r.GetResponseBody()}
		switch p := r.GetPattern().(type) {
		case *annotations.HttpRule_Get:
			route.HTTPMethod, route.Template = http.MethodGet, p.Get
		case *annotations.HttpRule_Put:
			route.HTTPMethod, route.Template = http.MethodPut, p.Put
		case *annotations.HttpRule_Post:
			route.HTTPMethod, route.Template = http.MethodPost, p.Post
		case *annotations.HttpRule_Delete:
			route.HTTPMethod, route.Template = http.MethodDelete, p.Delete
		case *annotations.HttpRule_Patch:
			route.HTTPMethod, route.Template = http.MethodPatch, p.Patch
		case *annotations.HttpRule_Custom:
			route.HTTPMethod, route.Template = p.Custom.GetKind(), p.Custom.GetPath()
		default:
			continue
		}
		all = append(all, route)
	}
	return all
}

// Request is a program's messages as they travel by the route: the request target, and the body; without is that the
// route has none. An error says which field does not fit.
func (r Route) Request(p *Program) (target, body *Texts, without bool, err error) {
	if p.keyed {
		return nil, nil, false, fmt.Errorf("%v: over HTTP the key of a map can have no slots", r)
	}
	fields, err := p.tree()
	if err != nil {
		return nil, nil, false, err
	}
	path, text, err := r.request(p.example, fields)
	if err != nil {
		return nil, nil, false, err
	}
	return p.texts(path, true), p.texts(string(text), false), text == nil, nil
}

// request writes a message whose fields are those of the tree.
func (r Route) request(m proto.Message, fields map[string]any) (target string, body []byte, err error) {
	path, err := r.path(m, fields)
	if err != nil {
		return "", nil, fmt.Errorf("%v: %w", r, err)
	}
	switch {
	case r.Body == "*":
		body, err = json.Marshal(fields)
		fields = nil
	case r.Body != "":
		var part any = map[string]any{}
		if v, ok := fields[r.Body]; ok {
			part = v
		}
		delete(fields, r.Body)
		body, err = json.Marshal(part)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%v: write the body: %w", r, err)
	}
	query := url.Values{}
	if err := intoQuery(query, "", fields); err != nil {
		return "", nil, fmt.Errorf("%v: %w", r, err)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, body, nil
}

// path fills the template's variables in, and takes their fields out of what is left.
func (r Route) path(m proto.Message, fields map[string]any) (string, error) {
	var b strings.Builder
	rest := r.Template
	for {
		before, after, more := strings.Cut(rest, "{")
		b.WriteString(before)
		if !more {
			return b.String(), nil
		}
		variable, behind, closed := strings.Cut(after, "}")
		if !closed {
			return "", errors.New("a variable without its end")
		}
		name, pattern, _ := strings.Cut(variable, "=")
		value, err := takePath(m.ProtoReflect().Descriptor(), fields, strings.Split(name, "."))
		if err != nil {
			return "", err
		}
		if value == "" {
			return "", fmt.Errorf("the path needs the field %s, which is empty", name)
		}
		if !fits(value, pattern) {
			return "", fmt.Errorf("the path takes %s as the field %s, not %q", cmp.Or(pattern, "one segment"), name,
				clip(value))
		}
		segments := strings.Split(value, "/")
		for i := range segments {
			segments[i] = url.PathEscape(segments[i])
		}
		b.WriteString(strings.Join(segments, "/"))
		rest = behind
	}
}

// fits says whether a variable's value is of its pattern: literal segments, * for any one and ** for all that follow.
func fits(value, pattern string) bool {
	pattern = cmp.Or(pattern, "*") // gateways do not find a value with a / in it there, however it is written
	got, want := strings.Split(value, "/"), strings.Split(pattern, "/")
	for i, w := range want {
		if w == "**" {
			return true
		}
		if i >= len(got) || w != "*" && w != got[i] {
			return false
		}
	}
	return len(got) == len(want)
}

// takePath removes the field at a path and returns its text, as a URL has it.
func takePath(desc protoreflect.MessageDescriptor, fields map[string]any, path []string) (string, error) {
	field := desc.Fields().ByName(protoreflect.Name(path[0]))
	if field == nil {
		return "", fmt.Errorf("%s has no field %s, which the path names", desc.FullName(), path[0])
	}
	v, there := fields[path[0]]
	if len(path) > 1 {
		inner, _ := v.(map[string]any)
		if field.Message() == nil {
			return "", fmt.Errorf("%s.%s has no fields of its own", desc.FullName(), path[0])
		}
		text, err := takePath(field.Message(), inner, path[1:])
		if len(inner) == 0 {
			delete(fields, path[0])
		}
		return text, err
	}
	delete(fields, path[0])
	if there {
		return textOf(v)
	}
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return "", nil
	case protoreflect.BoolKind:
		return "false", nil
	case protoreflect.EnumKind:
		return string(field.Enum().Values().Get(0).Name()), nil
	default:
		return "0", nil
	}
}

func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number, bool:
		return fmt.Sprint(v), nil
	default:
		return "", errors.New("a message, a list or a map does not fit there")
	}
}

// intoQuery writes fields as query parameters: those of messages within by their path, lists again and again.
func intoQuery(query url.Values, prefix string, fields map[string]any) error {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values, list := fields[name].([]any)
		if inner, ok := fields[name].(map[string]any); ok {
			if err := intoQuery(query, prefix+name+".", inner); err != nil {
				return err
			}
			continue
		}
		if !list {
			values = []any{fields[name]}
		}
		for _, v := range values {
			s, err := textOf(v)
			if err != nil {
				return fmt.Errorf("the field %s%s cannot be in a query: take a route with a body", prefix, name)
			}
			query.Add(prefix+name, s)
		}
	}
	return nil
}
