package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/transport"
)

// data writes what calls would send, a message as JSON on each line; over rest the request itself.
func data(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	d, err := flags.ReadDataCommand(args, stdin, stdout)
	p, work, err := run.Define(ctx, d.Plan, err)
	if err != nil {
		return err
	}
	defer work.Close()
	if len(work.Steps) > 1 {
		return plan.NewUsageError(
			errors.New("-f: data shows the calls of one method; describe -f shows what each step sends"))
	}
	step := work.Steps[0]
	spec, src, err := step.Build(step.Options)
	if err != nil {
		return err
	}
	sent, err := step.Sent(step.Options)
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
