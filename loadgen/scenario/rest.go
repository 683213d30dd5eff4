package scenario

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

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
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(d.Method,
		"/", ".")))
	md, ok := found.(protoreflect.MethodDescriptor)
	if err != nil || !ok {
		panic(fmt.Sprintf("scenario: %s is in the list of the target's RPCs, and not linked in", d.Method))
	}
	return md
}

// routes are those that a call of one message can take.
func (d Definition) routes() []message.Route {
	if d.Kind != transport.Unary {
		return nil
	}
	return message.Routes(d.Descriptor())
}

// overREST makes the messages of a route, and sets where requests go: to the Spec's Path where that is the same for
// each call, and there is a body; else to what stands before the first line's end of each message.
func (d Definition) overREST(o Options, p *message.Program, spec *transport.Spec, src *message.Source) error {
	route, err := d.pick(o, p)
	if err != nil {
		return err
	}
	target, body, without, err := route.Request(p)
	if err != nil {
		return err //nolint:wrapcheck // it names the route
	}
	spec.HTTPMethod = route.HTTPMethod
	path, fixed := target.Literal()
	switch {
	case without:
		src.Messages = []message.Maker{target}
	case fixed && route.HTTPMethod != http.MethodGet:
		spec.Path, src.Messages = path, []message.Maker{body}
	default:
		src.Messages = []message.Maker{message.Lines{target, body}}
	}
	src.JSON, src.ResponseBody = true, route.ResponseBody
	if route.ResponseBody == "" {
		src.Sample = message.CheckParsesAsJSON(d.Descriptor().Output())
	}
	return nil
}

// pick is the route that the options name, or the first that the message fits.
func (d Definition) pick(o Options, p *message.Program) (route message.Route, err error) {
	routes := d.routes()
	if o.HTTPRule > len(routes) {
		return route, fmt.Errorf("-http-rule %d: there are %d: %v", o.HTTPRule, len(routes), routes)
	}
	var misfits []error
	for i, r := range routes {
		if o.HTTPRule > 0 && i != o.HTTPRule-1 || o.HTTPMethod != "" && r.HTTPMethod != o.HTTPMethod {
			continue
		}
		_, _, _, err := r.Request(p)
		if err == nil {
			return r, nil
		}
		misfits = append(misfits, err)
	}
	if len(misfits) == 0 {
		return route, fmt.Errorf("-http-method %s: the routes are %v", o.HTTPMethod, routes)
	}
	return route, errors.Join(misfits...)
}
