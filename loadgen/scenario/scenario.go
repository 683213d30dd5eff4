// Package scenario knows every RPC of the target: its name, its kind, the
// messages a load run sends and the answers it expects.
package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/transport"
)

// Definition is one RPC.
type Definition struct {
	// Name is the short name that -rpc takes, and Method the full one, without the leading slash.
	Name, Method string
	Kind         transport.Kind
	// About says in a few words what the target does.
	About string
	// Request and Response are empty messages of the RPC's types.
	Request, Response proto.Message
	// Sized RPCs carry -size payload bytes, DefaultSize where that is 0; MinSize leaves room for the counter.
	Sized                bool
	DefaultSize, MinSize int
	// Endless streams are ended by the client after one answer, since the server never does.
	Endless bool

	source func(size int) (message.Source, error)
	// example is the one message that is sent and the answer that is expected, nil for any; nil where a call has more.
	example    func(size int) (request, want proto.Message)
	descriptor protoreflect.MethodDescriptor // nil for the target's own
	// Given is how many messages there are to send, where they are not the target's own.
	Given int
	// lead is how many messages precede the counted ones on a client's stream.
	lead int
}

// Options are a run's choices about its calls.
type Options struct {
	Transport string
	// HTTPMethod and HTTPRule, counted from 1, choose the REST route; without them it is the first that fits.
	HTTPMethod string
	HTTPRule   int
	// Messages is how many messages a client's stream carries; 0 means until the run ends.
	Messages int
	// Size is the payload in bytes, 0 the scenario's own.
	Size     int
	Interval time.Duration
	// Pace is the time between the intended sends of two messages; 0 for as fast as they go.
	Pace     time.Duration
	Timeout  time.Duration
	Metadata []string
	// Turns, Receive and ReceiveFor are as in transport.Spec.
	Turns      transport.Turns
	Receive    int
	ReceiveFor time.Duration
}

// Find returns the definition of a short name or of pkg.Service/Method, in any case of letters for the short one.
func Find(name string) (Definition, error) {
	for _, d := range All() {
		if strings.EqualFold(name, d.Name) || strings.TrimPrefix(name, "/") == d.Method {
			return d, nil
		}
	}
	return Definition{}, fmt.Errorf("unknown RPC %q: the RPCs are %s", name, strings.Join(Names(), ", "))
}

// Names are the short names.
func Names() []string {
	var names []string
	for _, d := range All() {
		names = append(names, d.Name)
	}
	return names
}

// Transports are those that carry the RPC.
func (d Definition) Transports() []string {
	if len(d.routes()) > 0 {
		return []string{transport.GRPC, transport.Wire, transport.REST}
	}
	return []string{transport.GRPC, transport.Wire}
}

// Streams says whether a call sends as many messages as the run chooses.
func (d Definition) Streams() bool { return d.Kind&transport.ClientStream != 0 }

// Check names what is wrong with o for this RPC, flag by flag.
func (d Definition) Check(o Options) (problems []error) {
	if !slices.Contains(d.Transports(), o.Transport) {
		problems = append(problems, fmt.Errorf("-transport %s: it does not carry %s (%s does)", o.Transport, d.Name, strings.Join(d.Transports(), ", ")))
	}
	if o.Transport == transport.REST && len(problems) == 0 {
		request, _ := d.example(d.DefaultSize)
		if _, _, _, err := pick(d.routes(), o, request); err != nil {
			problems = append(problems, fmt.Errorf("-transport rest: %w", err))
		}
	}
	switch {
	case o.Size < 0:
		problems = append(problems, fmt.Errorf("-size %d: want 0 or more", o.Size))
	case o.Size > 0 && !d.Sized:
		problems = append(problems, fmt.Errorf("-size %d: %s carries no payload", o.Size, d.Name))
	case o.Size > 0 && o.Size < d.MinSize:
		problems = append(problems, fmt.Errorf("-size %d: %s needs at least %d bytes, by which it tells its messages apart", o.Size, d.Name, d.MinSize))
	}
	return problems
}

// Build returns what every call of a run does, and the messages.
func (d Definition) Build(o Options) (transport.Spec, transport.Source, error) {
	spec := transport.Spec{
		Method: "/" + d.Method, Kind: d.Kind, Send: 1,
		Interval: o.Interval, Pace: o.Pace, Timeout: o.Timeout, Metadata: o.Metadata,
		Turns: o.Turns, Receive: o.Receive, ReceiveFor: o.ReceiveFor,
	}
	if d.Streams() {
		switch spec.Send = o.Messages; {
		case o.Messages < 0:
			spec.Send = d.Given
		case o.Messages > 0:
			spec.Send += d.lead
		}
	}
	if d.Endless && spec.Receive == 0 && spec.ReceiveFor == 0 {
		spec.Receive = 1
	}
	if d.Kind == transport.ServerStream && d.Given == 0 {
		spec.Answers = 1 // the target's own streams are never empty
	}
	size := o.Size
	if size == 0 {
		size = d.DefaultSize
	}
	var src message.Source
	var err error
	if o.Transport == transport.REST {
		src, err = d.overREST(o, size, &spec)
	} else {
		src, err = d.source(size)
	}
	if err != nil {
		return spec, nil, fmt.Errorf("make the messages of %s: %w", d.Name, err)
	}
	return spec, src, nil
}

// payload is text of size bytes that holds the counter.
func payload(size int) string {
	return message.Placeholder + strings.Repeat("x", max(0, size-message.CounterLen))
}

// templates encodes messages.
func templates(messages ...proto.Message) ([]message.Template, error) {
	var all []message.Template
	for _, m := range messages {
		encoded, err := proto.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("encode a %T: %w", m, err)
		}
		t, err := message.New(encoded)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// echo is a Source of one message and the answer that means want.
func echo(request, want proto.Message) (message.Source, error) {
	t, err := templates(request, want)
	if err != nil {
		return message.Source{}, err
	}
	return message.Source{Messages: t[:1], Answer: message.Answer{Want: t[1], Judge: message.SameProto(want)}}, nil
}
