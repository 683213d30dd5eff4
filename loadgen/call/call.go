// Package call makes one RPC by hand: JSON in, JSON out.
package call

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/message"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/schema"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/server/contract"
)

// Run makes the call. Each answer goes to stdout as a line of JSON. A request
// that is not JSON of the RPC's type is a *plan.UsageError that names the
// field; a call that fails is an error with its code.
func Run(ctx context.Context, c flags.Call, stdin io.Reader, stdout, stderr io.Writer) error {
	md, types, done, err := run.FindMethod(ctx, c.Plan)
	if err != nil {
		return err
	}
	defer done()
	m := method{md, types}
	requests := m.lines(stdin)
	if c.HasData || !md.IsStreamingClient() {
		text, err := flags.ReadData(c.Plan.Data, stdin)
		if err != nil {
			return plan.NewUsageError(err)
		}
		all, err := m.parse(text)
		if err == nil && len(all) > 1 && !md.IsStreamingClient() {
			err = fmt.Errorf("%s sends one message a call, and there are %d", md.Name(), len(all))
		}
		if err != nil {
			return plan.NewUsageError(fmt.Errorf("-data: %w", err))
		}
		requests = each(all)
	}
	addr := c.Addr
	if c.Embedded() {
		target, err := child.Start(ctx, contract.Config{Args: c.Target}, stderr)
		if err != nil {
			return err
		}
		defer target.Stop() //nolint:errcheck // the call is over, and its result is told
		addr = target.Ready.Addr
	}
	config, err := run.TLSConfig(c.TLS, c.Authority)
	if err != nil {
		return err
	}
	cc, err := grpcconn.Connect(ctx, addr,
		grpcconn.Options{
			TLS: config, Authority: c.Authority, UserAgent: transport.UserAgent(c.Metadata),
			Timeout: c.ConnectTimeout,
		})
	if err != nil {
		return err
	}
	defer cc.Close()
	// a chat has no deadline
	if streams := md.IsStreamingClient() || md.IsStreamingServer(); c.Timeout > 0 && (c.HasTimeout || !streams) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	err = m.exchange(metadata.AppendToOutgoingContext(ctx, c.Metadata...), cc, requests, stdout)
	if st, ok := status.FromError(err); ok && err != nil {
		if st.Code() == codes.Canceled && ctx.Err() != nil {
			return nil // the person's own ^C
		}
		return fmt.Errorf("%s: %s: %s%s", md.Name(), result.CodeName(st.Code()), st.Message(), m.details(st))
	}
	return err
}

// method is the RPC that is called.
type method struct {
	protoreflect.MethodDescriptor
	types message.Resolver
}

// parse reads data, with the values of its slots put in.
func (m method) parse(data []byte) (all []proto.Message, err error) {
	programs, err := (&message.Slots{Seed: 1}).Compile(data, m.Input(), m.types)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the place
	}
	for i, p := range programs {
		encoded, err := p.AppendTo(nil, &message.Moment{I: i})
		if err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
		one := dynamicpb.NewMessage(m.Input())
		if err := (proto.UnmarshalOptions{Resolver: m.types}).Unmarshal(encoded, one); err != nil {
			return nil, fmt.Errorf("read a message back: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}

// details are a status's, each as JSON on a line; of types that nobody knows the name alone.
func (m method) details(st *status.Status) string {
	var b strings.Builder
	for _, detail := range st.Proto().GetDetails() {
		text, err := protojson.MarshalOptions{Resolver: m.types}.Marshal(detail)
		if err != nil {
			text, err = protojson.Marshal(detail) // google.rpc's are linked in
		}
		if err != nil {
			text = fmt.Appendf(nil, "%s, whose type is not known here", detail.GetTypeUrl())
		}
		fmt.Fprintf(&b, "\n%s", text)
	}
	return b.String()
}

// next returns the following request, or io.EOF.
type next func() (proto.Message, error)

func each(all []proto.Message) next {
	return func() (proto.Message, error) {
		if len(all) == 0 {
			return nil, io.EOF
		}
		sent := all[0]
		all = all[1:]
		return sent, nil
	}
}

// lines reads one request per line, until the end or a line quit.
func (m method) lines(r io.Reader) next {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 8<<20)
	n := 0
	return func() (proto.Message, error) {
		for in.Scan() {
			n++
			switch line := strings.TrimSpace(in.Text()); line {
			case "":
				continue
			case "quit":
				return nil, io.EOF
			default:
				all, err := message.ParseJSON([]byte(line), m.Input(), m.types)
				if err == nil && len(all) > 1 {
					err = fmt.Errorf("want one message a line, not %d", len(all))
				}
				if err != nil {
					return nil, plan.NewUsageError(fmt.Errorf("stdin line %d: %w", n, err))
				}
				return all[0], nil
			}
		}
		if err := in.Err(); err != nil {
			return nil, fmt.Errorf("read stdin: %w", err)
		}
		return nil, io.EOF
	}
}

// exchange sends the requests as they come, and prints the answers as they come.
func (m method) exchange(ctx context.Context, cc *grpc.ClientConn, requests next, stdout io.Writer) error {
	group, ctx := errgroup.WithContext(ctx)
	stream, err := cc.NewStream(ctx, &grpc.StreamDesc{
		ClientStreams: m.IsStreamingClient(),
		ServerStreams: m.IsStreamingServer(),
	}, "/"+schema.Name(m))
	if err != nil {
		return err
	}
	// Requests are read in a goroutine that no one can interrupt while it reads a terminal; it ends with the process.
	failed := make(chan error, 1)
	go func() { failed <- send(stream, requests) }()
	done := make(chan struct{})
	group.Go(func() error {
		select {
		case err := <-failed:
			return err
		case <-done:
			return nil
		}
	})
	group.Go(func() error {
		defer close(done)
		for {
			answer := dynamicpb.NewMessage(m.Output())
			err := stream.RecvMsg(answer)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.show(stdout, answer); err != nil {
				return err
			}
			if !m.IsStreamingServer() {
				return nil
			}
		}
	})
	return group.Wait()
}

func send(stream grpc.ClientStream, requests next) error {
	for {
		m, err := requests()
		if errors.Is(err, io.EOF) {
			return stream.CloseSend()
		}
		if err != nil {
			return err
		}
		if err := stream.SendMsg(m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil // the receiver knows why
			}
			return err
		}
	}
}

func (m method) show(w io.Writer, answer proto.Message) error {
	encoded, err := protojson.MarshalOptions{EmitUnpopulated: true, Resolver: m.types}.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the answer as JSON: %w", err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, encoded); err != nil { // protojson's own spaces vary from build to build
		return fmt.Errorf("encode the answer as JSON: %w", err)
	}
	line.WriteByte('\n')
	_, err = line.WriteTo(w)
	return err
}
