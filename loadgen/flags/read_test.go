package flags_test

import (
	"context"
	"io"
	"strings"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/run"
)

// readRun reads a run's command line as the run does: what there is to say of the target's own RPCs is said with the
// rest.
func readRun(args []string, usage io.Writer) (plan.Plan, error) {
	p, err := flags.Run(args, strings.NewReader(""), usage)
	if p.Embedded() && !p.Schema.Files() {
		p, _, err = run.Define(context.Background(), p, err)
	}
	return p, err
}
