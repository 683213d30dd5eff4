// Package scenario knows what a run calls: every RPC of the target, with the data that it sends and what it expects,
// and those of other services, with what the command line says of them.
package scenario

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
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
	// Data is what calls send, as JSON with slots, and Expect what their answers hold; empty: anything of the answer's
	// type. In those of the target's own ${payload} is text of -size letters that tells each message from any other,
	// ${blob} as many bytes.
	Data, Expect string
	// Sized RPCs carry -size payload bytes, DefaultSize where that is 0; MinSize leaves room to tell messages apart.
	Sized                bool
	DefaultSize, MinSize int
	// Endless streams are ended by the client after one answer, since the server never does.
	Endless bool
	// lead is how many messages precede the counted ones on a client's stream.
	lead int

	// Foreign is that nothing is known of it but its schema.
	Foreign    bool
	descriptor protoreflect.MethodDescriptor // nil for the target's own
	types      message.Resolver
	// Feeds are by name what data draws from. They are the caller's, and stay open as long as anything that was built.
	Feeds map[string]*message.Feed
}

// slots are what the data's slots have in common.
func (d Definition) slots(o Options) *message.Slots {
	return &message.Slots{Seed: o.Seed, Run: o.Run, Feeds: d.Feeds, Step: o.Step, Saved: o.Saved, Known: o.Known}
}

// Options are a run's choices about its calls. What is left out is the RPC's own.
type Options struct {
	Transport string
	// HTTPMethod and HTTPRule, counted from 1, choose the REST route; without them it is the first that fits.
	HTTPMethod string
	HTTPRule   int
	// Messages is how many messages a client's stream carries; 0 means until the run ends, and Own the RPC's own
	// number.
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
	// Seed and Run are what data's slots draw from, beside feeds: the run's seed, and its part of request ids.
	Seed uint64
	Run  uint32
	// Expect, where it is not empty, is expected in place of what the RPC's own answers hold, and Success is the code
	// of calls that succeed.
	Expect  string
	Success codes.Code
	// Step parts this step's random values from others', Saved holds what steps save, Known the numbers in it of what
	// this one may use, by name, and Save what it saves itself: fields of its answer, by name, with their numbers in
	// Saves.
	Step  string
	Saved *message.Saved
	Known map[string]int
	Save  map[string]string
	Saves map[string]int
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
	case d.Foreign:
		programs, err := d.compile(o)
		o.Messages = max(1, len(programs))
		if err != nil {
			o.Messages = 1
		}
	default:
		o.Messages = ownMessages
	}
	if o.Turns == "" && d.Kind == transport.Bidi && d.Foreign {
		o.Turns = transport.TurnsNames[transport.Free] // others' streams are not known to answer each message
	}
	if o.Transport == transport.REST && o.HTTPMethod == "" {
		if programs, err := d.compile(o); err == nil {
			if r, err := d.pick(o, programs[0]); err == nil {
				o.HTTPMethod = r.HTTPMethod
			}
		}
	}
	return o
}

// compile makes the programs of what calls send.
func (d Definition) compile(o Options) ([]*message.Program, error) {
	programs, err := d.slots(o).Compile([]byte(d.fill(d.Data, o.Size)), d.Descriptor().Input(), d.types)
	if err != nil {
		return nil, fmt.Errorf("-data: %w", err)
	}
	if len(programs) > 1 && !d.Streams() {
		return nil, fmt.Errorf("-data: %s sends one message a call, and there are %d", d.Method, len(programs))
	}
	return programs, nil
}

// expect makes what answers are held against.
func (d Definition) expect(o Options, programs []*message.Program) ([]*message.Expectation, error) {
	text := d.fill(d.Expect, o.Size)
	if o.Expect != "" {
		text = o.Expect
	}
	if text == "" {
		return nil, nil
	}
	all, err := d.slots(o).Expect([]byte(text), d.Descriptor().Output(), d.types, programs)
	if err != nil {
		return nil, fmt.Errorf("-expect: %w", err)
	}
	return all, nil
}

// metadata parts what calls carry into what never changes, and what has slots.
func (d Definition) metadata(o Options) (fixed []string, varying []transport.Varying, err error) {
	for i := 0; i+1 < len(o.Metadata); i += 2 {
		key, value := o.Metadata[i], o.Metadata[i+1]
		if !message.HasSlots(value) {
			fixed = append(fixed, key, value)
			continue
		}
		h, err := d.slots(o).Header(key, value, i/2)
		if err == nil && key == "user-agent" {
			err = errors.New("it is a connection's, and can have no slots")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("-H %s: %w", key, err)
		}
		varying = append(varying, transport.Varying{Key: key, Value: h})
	}
	return fixed, varying, nil
}

// saves are what is taken out of answers.
func (d Definition) saves(o Options) (all []*message.Save, err error) {
	for _, name := range slices.Sorted(maps.Keys(o.Save)) {
		s, err := message.NewSave(o.Saved, o.Saves[name], name, o.Save[name], d.Descriptor().Output())
		if err != nil {
			return nil, err //nolint:wrapcheck // it names what
		}
		all = append(all, s)
	}
	return all, nil
}

// counter tells messages apart: 40 bits of the call's number and 24 of the message's.
const counter, counterLen = "${seq:010x}${i:06x}", 16

// fill puts payload and blob into the data of the target's own RPCs.
func (d Definition) fill(data string, size int) string {
	if d.Foreign || !d.Sized {
		return data
	}
	if size == 0 {
		size = d.DefaultSize
	}
	if strings.Contains(data, "${blob}") {
		data = strings.ReplaceAll(data, "${blob}", base64.StdEncoding.EncodeToString(make([]byte, size)))
	}
	data = strings.ReplaceAll(data, "${size}", strconv.Itoa(size))
	return strings.ReplaceAll(data, "${payload}", counter+strings.Repeat("x", max(0, size-counterLen)))
}

// Check names what is wrong with o for this RPC, flag by flag.
func (d Definition) Check(o Options) (problems []error) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	name := d.Name
	if d.Foreign {
		name = d.Method
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
	case o.Size > 0 && d.Foreign:
		wrong("-size %d: what %s carries is in -data", o.Size, name)
	case o.Size > 0 && !d.Sized:
		wrong("-size %d: %s carries no payload", o.Size, name)
	case o.Size > 0 && o.Size < d.MinSize:
		wrong("-size %d: %s needs at least %d bytes, by which it tells its messages apart", o.Size, name, d.MinSize)
	}
	if _, _, err := d.metadata(o); err != nil {
		problems = append(problems, err)
	}
	programs, err := d.compile(o)
	if err != nil {
		return append(problems, err)
	}
	if _, err := d.expect(o, programs); err != nil {
		problems = append(problems, err)
	}
	if _, err := d.saves(o); err != nil {
		problems = append(problems, err)
	}
	switch transports := d.Transports(); {
	case !slices.Contains(transport.Names, o.Transport): // said already
	case !slices.Contains(transports, o.Transport) && d.Foreign:
		wrong("-transport rest: %s has no google.api.http option, by which a gateway takes unary calls", name)
	case !slices.Contains(transports, o.Transport):
		wrong("-transport %s: it does not carry %s (%s does)", o.Transport, name, strings.Join(transports, ", "))
	case o.Transport == transport.REST:
		if _, err := d.pick(o, programs[0]); err != nil {
			wrong("-transport rest: %w", err)
		}
	}
	messages, apart := d.Resolve(o).Messages, max(o.Interval, o.Pace)
	both := o.Interval > 0 && o.Pace > 0 // said already
	if need := float64(messages-1) * apart.Seconds(); o.Timeout > 0 && need >= o.Timeout.Seconds() && !both &&
		d.Streams() {
		wrong("-messages %d of a stream, %v apart, take %.0fs: more than -timeout %v", messages, apart, need, o.Timeout)
	}
	return problems
}

// Build returns what every call of a run does, and the messages.
func (d Definition) Build(o Options) (transport.Spec, *message.Source, error) {
	o = d.Resolve(o)
	spec := transport.Spec{
		Method: "/" + d.Method, Kind: d.Kind, Send: 1,
		Interval: o.Interval, Pace: o.Pace, Timeout: o.Timeout, Success: o.Success,
		// one of three
		Turns: transport.Turns(max(0, slices.Index(transport.TurnsNames, o.Turns))), Receive: o.Receive,
		ReceiveFor: o.ReceiveFor, //nolint:gosec
	}
	if d.Streams() {
		spec.Send = o.Messages
		if o.Messages > 0 {
			spec.Send += d.lead
		}
	}
	if d.Endless && spec.Receive == 0 && spec.ReceiveFor == 0 {
		spec.Receive = 1
	}
	if d.Kind == transport.ServerStream && !d.Foreign {
		spec.Answers = 1 // the target's own streams are never empty
	}
	var err error
	if spec.Metadata, spec.Varying, err = d.metadata(o); err != nil {
		return spec, nil, err
	}
	programs, err := d.compile(o)
	if err != nil {
		return spec, nil, err
	}
	src := &message.Source{Single: !d.Streams()}
	if src.Expect, err = d.expect(o, programs); err != nil {
		return spec, nil, err
	}
	if src.Saves, err = d.saves(o); err != nil {
		return spec, nil, err
	}
	src.Desc = d.Descriptor().Output()
	if o.Transport == transport.REST {
		return spec, src, d.overREST(o, programs[0], &spec, src)
	}
	for _, p := range programs {
		src.Messages = append(src.Messages, p)
	}
	src.Sample = message.CheckParses(d.Descriptor().Output())
	return spec, src, nil
}
