// Command loadgen drives gRPC services with load and measures them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"grpcbench/loadgen/call"
	"grpcbench/loadgen/cores"
	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recipe"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/run"
	_ "grpcbench/loadgen/transport/grpcconn/ecosystem" // so that overhead can measure them
	"grpcbench/server/host"
	_ "grpcbench/server/interceptor/ecosystem" // likewise
)

// The exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // it could not be carried out, or no call succeeded
	exitUsage   = 2
	exitMissed  = 3 // an -slo was missed, or a -fail-on
	exitInvalid = 4 // the measurement cannot be believed
)

const usage = `usage:
  loadgen [run] -rpc SearchIO -c 50 -d 30s   load an RPC and measure it; without -addr it starts its own target
  loadgen -addr A -rpc pkg.Service/Method -data '{...}'   the same of any service, by reflection, -proto or -protoset
  loadgen -f scenario.yaml -rate 500 -d 1m   several methods by weight, and flows of steps
  loadgen capacity -rpc NAME -slo 'p99<10ms'  the highest rate that keeps it; -budget 10m
  loadgen overhead                           what each interceptor costs; -interceptors LIST, -budget 2m
  loadgen timeouts                           how deadlines behave, at both ends; -deadlines 50ms,200ms, -budget 1m
  loadgen call -rpc GetUser -data '{...}'    one call, answer as JSON
  loadgen data -rpc NAME -data '{...}'        what calls would send; -seq 0..9
  loadgen suite                              all of it, in -budget 5m, into one folder
  loadgen report [DIR...]                    show runs; -format html|md|csv|json|text, -o FILE
  loadgen compare OLD NEW                    what changed, and what is noise; -fail-on 'p99>+5%'
  loadgen merge DIR... -o DIR                one result of what several processes (-shard i/n) wrote
  loadgen shards kubernetes -n 8 -- FLAGS    what runs a load in several processes there, or on slurm, or by parallel
  loadgen list [-addr A]                     the RPCs: the target's own, or those of a server or of -proto files
  loadgen describe NAME                      a service, method or type as source, and JSON of it to fill in
  loadgen target [flags]                     the server alone
  loadgen version
A subcommand's flags: loadgen SUBCOMMAND -h`

func main() {
	// net/http tells there what a server does wrong, which is in the failures of the calls
	log.SetOutput(io.Discard) //nolint:forbidigo
	ctx := untilSignal()
	os.Exit(start(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

var (
	// errInvalid is a run whose verdict is INVALID; its reasons stand in the report.
	errInvalid = errors.New("the measurement is INVALID")
	errMissed  = errors.New("-slo")
	errNothing = errors.New("nothing to do")
	errChanged = errors.New("-fail-on")
)

// start runs a subcommand and returns the exit code.
func start(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := dispatch(ctx, args, stdin, stdout, stderr)
	var usageError *plan.UsageError
	var targetUsage *host.UsageError
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if errors.Is(err, errNothing) {
		fmt.Fprintln(stderr, usage)
		return exitUsage
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(stderr, "loadgen:", report.CleanLine(strings.TrimSpace(line)))
	}
	switch {
	case errors.As(err, &usageError), errors.As(err, &targetUsage):
		return exitUsage
	case errors.Is(err, run.ErrAborted):
		return exitMissed
	case errors.Is(err, errInvalid):
		return exitInvalid
	case errors.Is(err, errMissed), errors.Is(err, errChanged):
		return exitMissed
	default:
		return exitFailed
	}
}

func dispatch(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errNothing
	}
	name, rest := args[0], args[1:]
	if strings.HasPrefix(name, "-") && name != "-h" && name != "--help" && name != "-help" {
		name, rest = "run", args
	}
	switch name {
	case "run":
		return load(ctx, rest, stdin, stdout, stderr)
	case "call":
		c, err := flags.ReadCall(rest, stdout)
		if err != nil {
			return err
		}
		if err := host.CheckFlags(c.Target); err != nil {
			return fmt.Errorf("-target: %w", err)
		}
		return call.Run(ctx, c, stdin, stdout, stderr)
	case "overhead":
		return overhead(ctx, rest, stdout, stderr)
	case "timeouts":
		return timeouts(ctx, rest, stdout, stderr)
	case "capacity":
		return capacity(ctx, rest, stdin, stdout, stderr)
	case "suite":
		return suite(ctx, rest, stdout, stderr)
	case "report":
		r, err := flags.ReadReport(rest, stdout)
		if err != nil {
			return err
		}
		return report.Write(r.Format, r.Out, stdout, stderr, r.Dirs...)
	case "merge":
		return merge(rest, stdout)
	case "shards":
		r, err := flags.ReadRecipe(rest, stdin, stdout)
		if err != nil {
			return err
		}
		return recipe.Write(stdout, r)
	case "compare":
		return comparison(rest, stdout, stderr)
	case "list":
		return list(ctx, rest, stdout)
	case "data":
		return data(ctx, rest, stdin, stdout)
	case "describe":
		return describe(ctx, rest, stdout)
	case "keep-awake": // for experiments, not for people
		return cores.StayAwake(stdin)
	case "target":
		return host.Run(ctx, rest, stdin, stdout, stderr)
	case "version":
		return report.Version(stdout)
	case "help", "-h", "-help", "--help":
		fmt.Fprintln(stdout, usage)
		return nil
	default:
		return plan.NewUsageError(fmt.Errorf("unknown subcommand %q\n%s", name, usage))
	}
}
