package main

import (
	"context"
	"fmt"
	"io"

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
	sent, err := def.Sent(run.Options(p))
	if err != nil {
		return err
	}
	for seq := d.From; seq <= d.To; seq++ {
		for i := range max(1, spec.Send) {
			line, err := sent.JSON(seq, i, 0, nil)
			if p.Transport == transport.REST {
				line, err = src.Append(nil, seq, i)
				if spec.Path != "" {
					line = append([]byte(spec.Path+"\n"), line...)
				}
			}
			if err != nil {
				return fmt.Errorf("call %d: %w", seq, err)
			}
			if _, err := fmt.Fprintf(stdout, "%s\n", line); err != nil {
				return fmt.Errorf("write the data: %w", err)
			}
		}
	}
	return nil
}
