package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/transport"
)

// Descriptor is the method's; of the target's own, whose messages are linked in, it is looked up there.
func (d Definition) Descriptor() protoreflect.MethodDescriptor {
	if d.descriptor != nil {
		return d.descriptor
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(d.Method, "/", ".")))
	md, ok := found.(protoreflect.MethodDescriptor)
	if err != nil || !ok {
		panic(fmt.Sprintf("scenario: %s is in the list of the target's RPCs, and not linked in", d.Method))
	}
	return md
}

// routes are those that a call of one message can take.
func (d Definition) routes() []message.Route {
	if d.Kind != transport.Unary || d.example == nil {
		return nil
	}
	return message.Routes(d.Descriptor())
}

// overREST makes the Source of a route, and sets where the Spec's requests go: to its Path where that is the same for each
// call, else to what stands before the first line's end of each message.
func (d Definition) overREST(o Options, size int, spec *transport.Spec) (src message.Source, err error) {
	request, want := d.example(size)
	route, target, body, err := pick(d.routes(), o, request)
	if err != nil {
		return src, err
	}
	spec.HTTPMethod = route.HTTPMethod
	sent := []byte(target)
	switch {
	case body == nil:
	case bytes.Contains(sent, []byte(message.Placeholder)):
		sent = append(append(sent, '\n'), body...)
	default:
		spec.Path, sent = target, body
	}
	if src.Messages, err = templatesOf(sent); err != nil {
		return src, err
	}
	if want == nil {
		if route.ResponseBody == "" {
			src.Answer.Sample = message.ParsesAsJSON(d.Descriptor().Output())
		}
		return src, nil
	}
	// In the order that a gateway's encoder has, and without its spaces, so that a plain comparison mostly does.
	encoded, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(want)
	if err != nil {
		return src, fmt.Errorf("write the answer as JSON: %w", err)
	}
	expected, err := message.New(encoded)
	src.Answer = message.Answer{Want: expected, Judge: message.SameJSON}
	return src, err
}

func templatesOf(encoded []byte) ([]message.Template, error) {
	t, err := message.New(encoded)
	return []message.Template{t}, err
}

// pick is the route that the options name, or the first that the message fits.
func pick(routes []message.Route, o Options, m proto.Message) (route message.Route, target string, body []byte, err error) {
	if o.HTTPRule > len(routes) {
		return route, "", nil, fmt.Errorf("-http-rule %d: there are %d: %v", o.HTTPRule, len(routes), routes)
	}
	var misfits []error
	for i, r := range routes {
		if o.HTTPRule > 0 && i != o.HTTPRule-1 || o.HTTPMethod != "" && r.HTTPMethod != o.HTTPMethod {
			continue
		}
		target, body, err := r.Request(m)
		if err == nil {
			return r, target, body, nil
		}
		misfits = append(misfits, err)
	}
	if len(misfits) == 0 {
		return route, "", nil, fmt.Errorf("-http-method %s: the routes are %v", o.HTTPMethod, routes)
	}
	return route, "", nil, errors.Join(misfits...)
}
