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

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/server/contract"
)

// Run makes the call. Each answer goes to stdout as a line of JSON. A request
// that is not JSON of the RPC's type is a *plan.UsageError that names the
// field; a call that fails is an error with its code.
func Run(ctx context.Context, c plan.Call, stdin io.Reader, stdout, stderr io.Writer) error {
	def, err := scenario.Find(c.RPC)
	if err != nil {
		return err
	}
	requests := lines(stdin, def)
	if c.HasData || def.Kind&transport.ClientStream == 0 {
		first, err := parse(def, strings.TrimSpace(c.Data))
		if err != nil {
			return plan.Usage(fmt.Errorf("-data: %w", err))
		}
		requests = once(first)
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
	config, err := run.TLS(c.TLS, c.Authority)
	if err != nil {
		return err
	}
	cc, err := grpcconn.Connect(ctx, addr, grpcconn.Options{TLS: config, Authority: c.Authority, UserAgent: transport.UserAgent(c.Metadata), Timeout: c.ConnectTimeout})
	if err != nil {
		return err
	}
	defer cc.Close()
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	err = exchange(metadata.AppendToOutgoingContext(ctx, c.Metadata...), cc, def, requests, stdout)
	if st, ok := status.FromError(err); ok && err != nil {
		if st.Code() == codes.Canceled && ctx.Err() != nil {
			return nil // the person's own ^C
		}
		return fmt.Errorf("%s: %s: %s", def.Name, result.CodeName(st.Code()), st.Message())
	}
	return err
}

// next returns the following request, or io.EOF.
type next func() (proto.Message, error)

func once(m proto.Message) next {
	return func() (proto.Message, error) {
		if m == nil {
			return nil, io.EOF
		}
		sent := m
		m = nil
		return sent, nil
	}
}

// lines reads one request per line, until the end or a line quit.
func lines(r io.Reader, def scenario.Definition) next {
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
				m, err := parse(def, line)
				if err != nil {
					return nil, plan.Usage(fmt.Errorf("stdin line %d: %w", n, err))
				}
				return m, nil
			}
		}
		if err := in.Err(); err != nil {
			return nil, fmt.Errorf("read stdin: %w", err)
		}
		return nil, io.EOF
	}
}

// parse reads a request; no text is the empty message.
func parse(def scenario.Definition, text string) (proto.Message, error) {
	m := def.Request.ProtoReflect().New().Interface()
	if text == "" {
		return m, nil
	}
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		// protojson varies its wording's spaces from build to build.
		why := strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto:"))
		return nil, fmt.Errorf("not a %s: %s", m.ProtoReflect().Descriptor().FullName(), why)
	}
	return m, nil
}

// exchange sends the requests as they come, and prints the answers as they come.
func exchange(ctx context.Context, cc *grpc.ClientConn, def scenario.Definition, requests next, stdout io.Writer) error {
	group, ctx := errgroup.WithContext(ctx)
	stream, err := cc.NewStream(ctx, &grpc.StreamDesc{
		ClientStreams: def.Kind&transport.ClientStream != 0,
		ServerStreams: def.Kind&transport.ServerStream != 0,
	}, "/"+def.Method)
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
			answer := def.Response.ProtoReflect().New().Interface()
			err := stream.RecvMsg(answer)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := show(stdout, answer); err != nil {
				return err
			}
			if def.Kind&transport.ServerStream == 0 {
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

func show(w io.Writer, m proto.Message) error {
	encoded, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m)
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
