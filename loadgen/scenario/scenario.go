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

// Options are a run's choices about its calls. What is left out is the RPC's own.
type Options struct {
	Transport string
	// HTTPMethod and HTTPRule, counted from 1, choose the REST route; without them it is the first that fits.
	HTTPMethod string
	HTTPRule   int
	// Messages is how many messages a client's stream carries; 0 means until the run ends, and Own the RPC's own number.
	Messages int
	// Size is the payload in bytes, 0 the RPC's own.
	Size     int
	Interval time.Duration
	// Pace is the time between the intended sends of two messages; 0 for as fast as they go.
	Pace     time.Duration
	Timeout  time.Duration
	Metadata []string
	// Turns is a name of transport.TurnsNames, or empty; Receive and ReceiveFor are as in transport.Spec.
	Turns      string
	Receive    int
	ReceiveFor time.Duration
}

// Own is a number of messages that the RPC chooses.
const Own = -1

// ownMessages is how many messages the streams of the target's own RPCs carry where nobody says.
const ownMessages = 100

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

// Resolve fills in what o leaves to the RPC.
func (d Definition) Resolve(o Options) Options {
	switch {
	case o.Messages >= 0:
	case !d.Streams():
		o.Messages = 1
	case d.Given > 0:
		o.Messages = d.Given
	default:
		o.Messages = ownMessages
	}
	if o.Turns == "" && d.Kind == transport.Bidi && d.Given > 0 {
		o.Turns = transport.TurnsNames[transport.Free] // others' streams are not known to answer each message
	}
	if o.Transport == transport.REST && len(d.routes()) > 0 {
		request, _ := d.example(d.DefaultSize)
		if route, _, _, err := pick(d.routes(), o, request); err == nil {
			o.HTTPMethod = route.HTTPMethod
		}
	}
	return o
}

// Check names what is wrong with o for this RPC, flag by flag.
func (d Definition) Check(o Options) (problems []error) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	name := d.Name
	if d.Given > 0 {
		name = d.Method
	}
	switch transports := d.Transports(); {
	case !slices.Contains(transport.Names, o.Transport): // said already
	case !slices.Contains(transports, o.Transport) && d.Given > 0:
		wrong("-transport rest: %s has no google.api.http option, by which a gateway takes unary calls", name)
	case !slices.Contains(transports, o.Transport):
		wrong("-transport %s: it does not carry %s (%s does)", o.Transport, name, strings.Join(transports, ", "))
	case o.Transport == transport.REST:
		request, _ := d.example(d.DefaultSize)
		if _, _, _, err := pick(d.routes(), o, request); err != nil {
			wrong("-transport rest: %w", err)
		}
	}
	if !d.Streams() {
		if o.Messages >= 0 && o.Messages != 1 {
			wrong("-messages %d: %s sends one message a call", o.Messages, name)
		}
		if o.Interval > 0 {
			wrong("-interval %v: %s sends one message a call", o.Interval, name)
		}
		if o.Pace > 0 {
			wrong("-message-rate: %s sends one message a call", name)
		}
	}
	if d.Kind != transport.Bidi && o.Turns != "" {
		wrong("-stream %s: %s is no bidi stream, but a %v", o.Turns, name, d.Kind)
	}
	if d.Kind&transport.ServerStream == 0 && (o.Receive > 0 || o.ReceiveFor > 0) {
		wrong("-receive and -receive-for: %s has one answer a call", name)
	}
	switch {
	case o.Size > 0 && d.Given > 0:
		wrong("-size %d: what %s carries is in -data", o.Size, name)
	case o.Size > 0 && !d.Sized:
		wrong("-size %d: %s carries no payload", o.Size, name)
	case o.Size > 0 && o.Size < d.MinSize:
		wrong("-size %d: %s needs at least %d bytes, by which it tells its messages apart", o.Size, name, d.MinSize)
	}
	messages, apart := d.Resolve(o).Messages, max(o.Interval, o.Pace)
	both := o.Interval > 0 && o.Pace > 0 // said already
	if need := float64(messages-1) * apart.Seconds(); o.Timeout > 0 && need >= o.Timeout.Seconds() && !both && d.Streams() {
		wrong("-messages %d of a stream, %v apart, take %.0fs: more than -timeout %v", messages, apart, need, o.Timeout)
	}
	return problems
}

// Build returns what every call of a run does, and the messages.
func (d Definition) Build(o Options) (transport.Spec, transport.Source, error) {
	o = d.Resolve(o)
	spec := transport.Spec{
		Method: "/" + d.Method, Kind: d.Kind, Send: 1,
		Interval: o.Interval, Pace: o.Pace, Timeout: o.Timeout, Metadata: o.Metadata,
		Turns: transport.Turns(max(0, slices.Index(transport.TurnsNames, o.Turns))), Receive: o.Receive, ReceiveFor: o.ReceiveFor, //nolint:gosec // one of three
	}
	if d.Streams() {
		if spec.Send = o.Messages; o.Messages > 0 {
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
