package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/schema"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

// Define finds what the plan calls and makes what is sent. It returns the plan with all that it left to its RPC filled
// in. What is wrong with the plan, now that its methods are known, is a *plan.UsageError; before stands what was wrong
// already, which is told with it. The workload is to be closed.
func Define(ctx context.Context, p plan.Plan, before error) (plan.Plan, *scenario.Workload, error) {
	var usage *plan.UsageError
	if errors.As(before, &usage) && (p.RPC != "" && !p.Embedded() || p.File != "") || before != nil && usage == nil {
		return p, nil, before // nobody is connected to for what cannot be carried out
	}
	w := &scenario.Workload{Saved: message.NewSaved(p.Workers)}
	var problems []error
	if usage == nil { // of feeds that are given wrongly there is nothing to open
		w.Feeds, problems = openFeeds(p)
	}
	err := plan.NewUsageError(problems...)
	switch {
	case err != nil, usage != nil && len(p.Feeds) > 0:
	case p.File == "":
		err = defineOne(ctx, &p, w)
	default:
		err = defineFlows(ctx, p, w)
	}
	if err = join(usage, err); err != nil {
		w.Close()
		return p, nil, err
	}
	for _, f := range w.Feeds {
		if n := int64(f.Rows()); f.EndsRun() && (p.Total == 0 || n < p.Total) {
			p.Total = n
		}
	}
	return p, w, nil
}

// defineOne makes the workload of the plan's RPC alone.
func defineOne(ctx context.Context, p *plan.Plan, w *scenario.Workload) error {
	d, err := define(ctx, *p)
	if err != nil {
		return err
	}
	d.Feeds = w.Feeds
	if err := plan.NewUsageError(d.Check(CallOptions(*p))...); err != nil {
		return err
	}
	o := d.Resolve(CallOptions(*p))
	p.RPC, p.Messages, p.Turns, p.HTTPMethod = d.Name, o.Messages, o.Turns, o.HTTPMethod
	w.Steps = []scenario.Step{{Definition: d, Options: CallOptions(*p), Name: d.Name}}
	w.Flows = []scenario.Flow{{Name: d.Name, Weight: 1, Steps: []int{0}}}
	return nil
}

// join puts the problems of two usage errors into one.
func join(usage *plan.UsageError, err error) error {
	var more *plan.UsageError
	switch {
	case usage == nil:
		return err
	case errors.As(err, &more):
		return plan.NewUsageError(slices.Concat(usage.Problems, more.Problems)...)
	default:
		return usage
	}
}

// define finds the definition of the plan's RPC.
func define(ctx context.Context, p plan.Plan) (scenario.Definition, error) {
	if own(p) {
		return scenario.Find(p.RPC)
	}
	md, types, done, err := FindMethod(ctx, p)
	if err != nil {
		return scenario.Definition{}, err
	}
	defer done()
	d := scenario.Foreign(md, types, string(p.DataText))
	d.Name = p.RPC
	return d, nil
}

// codeNamed is the code that a plan's name means.
func codeNamed(name string) codes.Code {
	var c codes.Code
	if name == "" || c.UnmarshalJSON([]byte(strconv.Quote(name))) != nil {
		return codes.OK
	}
	return c
}

// openFeeds opens the plan's feeds, by their names.
func openFeeds(p plan.Plan) (feeds map[string]*message.Feed, problems []error) {
	feeds = map[string]*message.Feed{}
	for _, text := range p.Feeds {
		f := plan.ParseFeed(text)
		feed, err := message.OpenFeed(f.Name, f.File, f.Order, p.Seed)
		if err != nil {
			problems = append(problems, fmt.Errorf("-feed: %w", err))
			continue
		}
		feeds[f.Name] = feed
	}
	return feeds, problems
}

// own says whether the RPC is one of the target's own, of which all is known.
func own(p plan.Plan) bool {
	_, err := scenario.Find(p.RPC)
	return err == nil && !p.Schema.Files() && p.Data == ""
}

// CallOptions are the plan's choices about calls.
func CallOptions(p plan.Plan) scenario.Options {
	return scenario.Options{
		Transport: p.Transport, HTTPMethod: p.HTTPMethod, HTTPRule: p.HTTPRule, Messages: p.Messages, Size: p.Size,
		Turns: p.Turns, Receive: p.Receive, ReceiveFor: p.ReceiveFor,
		Interval: p.Interval, Pace: p.Pace(), Timeout: p.Timeout, Metadata: p.Metadata,
		Seed: p.Seed, Expect: string(p.ExpectText), Success: codeNamed(p.ExpectCode),
	}
}

// FindMethod finds the plan's RPC, with the types that its data may name. Done releases what was needed to find it; it
// is nil beside an error.
func FindMethod(ctx context.Context, p plan.Plan) (md protoreflect.MethodDescriptor, types message.Resolver,
	done func(),
	err error,
) {
	if p.RPC == "" {
		return nil, nil, nil, plan.NewUsageError(
			fmt.Errorf("-rpc is missing: the target's RPCs are %s; with -addr, loadgen "+
				"list shows a server's", strings.Join(scenario.Names(), ", ")))
	}
	own, err := scenario.Find(p.RPC)
	isOwn := err == nil && !p.Schema.Files()
	switch {
	case isOwn && p.Embedded():
		return own.Descriptor(), protoregistry.GlobalTypes, func() {}, nil
	case p.Embedded() && !p.Schema.Files():
		return nil, nil, nil, plan.NewUsageError(fmt.Errorf("-rpc: %w; another server's are at its -addr", err))
	}
	patience := p.ConnectTimeout
	if isOwn { // it is known anyway, where the server takes its time to tell
		patience = min(patience, askOwn)
	}
	ctx, tire := context.WithCancelCause(ctx)
	tired := time.AfterFunc(patience, func() {
		tire(fmt.Errorf("the server's reflection does not answer within %v: -proto or -protoset do without", patience))
	})
	defer tired.Stop()
	s, done, err := OpenSchema(ctx, p, false)
	if err != nil && isOwn { // who calls it will say so too, and what is wrong with the data comes first
		return own.Descriptor(), protoregistry.GlobalTypes, func() {}, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if md, err = s.Method(p.RPC); err != nil && context.Cause(ctx) != nil {
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	if errors.Is(err, schema.ErrNotFound) && p.Schema.Files() && !p.Embedded() { // the server may know more
		if more, doneToo, asked := OpenSchema(ctx, p, true); asked == nil {
			if found, err := more.Method(p.RPC); err == nil {
				done()
				return found, more.Types(), doneToo, nil
			}
			doneToo()
		}
	}
	// a target of ours elsewhere, whose reflection is behind something that does not let it through
	if err != nil && isOwn {
		done()
		return own.Descriptor(), protoregistry.GlobalTypes, func() {}, nil
	}
	if err != nil {
		done()
		return nil, nil, nil, UsageOf(fmt.Errorf("-rpc: %w", err))
	}
	return md, s.Types(), done, nil
}

// askOwn is how long a server is asked for a method that has the name of one of the target's own.
const askOwn = time.Second

// OpenSchema reads the plan's files, and connects to whom reflection is asked of: where there are no files, or ask says
// so. Done ends that connection; it is nil beside an error.
func OpenSchema(ctx context.Context, p plan.Plan, ask bool) (s *schema.Schema, done func(), err error) {
	c := schema.Config{
		Protos: p.Schema.Protos, Imports: p.Schema.Imports, Sets: p.Schema.Sets,
		Metadata: fixedMetadata(p.Metadata),
	}
	hangUp := func() {}
	if ask || !p.Schema.Files() {
		cc, err := connect(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		c.Server, hangUp = cc, func() { _ = cc.Close() } // it has answered
	}
	if s, err = schema.Open(ctx, c); err != nil {
		hangUp()
		return nil, nil, UsageOf(err)
	}
	return s, func() { s.Close(); hangUp() }, nil
}

// fixedMetadata is what goes with reflection too: all that has no slots, which are calls'.
func fixedMetadata(all []string) (fixed []string) {
	for i := 0; i+1 < len(all); i += 2 {
		if !message.HasSlots(all[i+1]) {
			fixed = append(fixed, all[i], all[i+1])
		}
	}
	return fixed
}

// UsageOf is an error of a schema as one of the command line, unless it is the server's, or the network's.
func UsageOf(err error) error {
	if errors.Is(err, schema.ErrNotAsked) {
		return err
	}
	return plan.NewUsageError(err)
}

// connect connects to whom reflection is asked of.
func connect(ctx context.Context, p plan.Plan) (*grpc.ClientConn, error) {
	addr, _, _ := strings.Cut(p.Addr, ",")
	config, err := TLSConfig(p.TLS, p.Authority)
	if err != nil {
		return nil, err
	}
	return grpcconn.Connect(ctx, cmp.Or(p.Schema.ReflectAddr, addr), grpcconn.Options{
		TLS: config, Authority: p.Authority, UserAgent: transport.UserAgent(p.Metadata), Timeout: p.ConnectTimeout,
	})
}
