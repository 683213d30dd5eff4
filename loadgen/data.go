package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/transport"
)

// data writes what calls would send, a message as JSON on each line; over rest the request itself.
func data(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	d, err := flags.ReadDataCommand(args, stdin, stdout)
	p, def, err := run.Define(ctx, d.Plan, err)
	if err != nil {
		return err
	}
	defer run.CloseFeeds(def)
	spec, src, err := def.Build(run.Options(p))
	if err != nil {
		return err
	}
	for seq := d.From; seq <= d.To; seq++ {
		for i := range max(1, spec.Send) {
			sent, err := src.Append(nil, seq, i)
			if err != nil {
				return fmt.Errorf("make message %d of call %d: %w", i, seq, err)
			}
			if d.Transport != transport.REST {
				if sent, err = asJSON(sent, dynamicpb.NewMessage(def.Descriptor().Input())); err != nil {
					return err
				}
			} else if spec.Path != "" {
				sent = append([]byte(spec.Path+"\n"), sent...)
			}
			if _, err := fmt.Fprintf(stdout, "%s\n", sent); err != nil {
				return fmt.Errorf("write the data: %w", err)
			}
		}
	}
	return nil
}

// asJSON is an encoded message on a line.
func asJSON(encoded []byte, m proto.Message) ([]byte, error) {
	if err := proto.Unmarshal(encoded, m); err != nil {
		return nil, fmt.Errorf("read a message back: %w", err)
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write a message as JSON: %w", err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil { // protojson's own spaces vary from build to build
		return nil, fmt.Errorf("write a message as JSON: %w", err)
	}
	return line.Bytes(), nil
}
