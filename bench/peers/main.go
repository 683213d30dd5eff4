// Command peers compares what load generators cost: each runs against the same
// target, in turn, round by round, with a CPU account of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/cores"
	"grpcbench/server/contract"
	"grpcbench/server/host"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "target": // what child starts
		err = host.Run(ctx, os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
	case len(os.Args) > 1 && os.Args[1] == "bare":
		err = bare(ctx, os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "echo": // what startEcho starts
		err = serveEcho()
	case len(os.Args) > 1 && os.Args[1] == "floor":
		err = floor(os.Args[2:])
	default:
		err = compare(ctx, os.Args[1:])
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// compare makes every comparison and prints a table for each.
func compare(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("peers", flag.ContinueOnError)
	rounds := fs.Int("rounds", 5, "rounds, each with every generator once")
	scale := fs.Int("n", 200_000, "unary calls that a generator makes in a round; streams carry as much in proportion")
	only := fs.String("only", "", "only the comparisons whose title has this in it, as: their own")
	if err := fs.Parse(args); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "grpcbench-peers-")
	if err != nil {
		return fmt.Errorf("make a folder for the runs: %w", err)
	}
	defer os.RemoveAll(tmp)
	server, err := child.Start(ctx, contract.Config{}, os.Stderr)
	if err != nil {
		return err
	}
	defer server.Stop() //nolint:errcheck // the comparison is made
	mirror, err := startEcho(ctx)
	if err != nil {
		return err
	}
	defer mirror.stop()
	pinned := "server and client share the cores"
	if runtime.NumCPU() > 1 {
		if err := errors.Join(cores.Pin(server.Ready.PID, 0), cores.Pin(mirror.pid, 0)); err != nil {
			return err
		}
		if err := cores.Pin(os.Getpid(), 1); err != nil { // what we start inherits it
			return err
		}
		pinned = "server on core 0, client on core 1"
	}
	t := tools{addr: server.Ready.Addr, echo: mirror.addr, tmp: tmp}
	if err := t.find(ctx); err != nil {
		return err
	}
	made := 0
	for _, c := range t.comparisons(*scale) {
		if !strings.Contains(c.title, *only) {
			continue
		}
		made++
		fmt.Printf("%s; %d rounds; %s\n\n", c.title, *rounds, pinned)
		if err := c.run(ctx, *rounds); err != nil {
			return err
		}
		fmt.Println(c.table())
	}
	if made == 0 {
		return fmt.Errorf("-only %s: no comparison's title has that", *only)
	}
	for _, missing := range t.missing {
		fmt.Println(missing)
	}
	return nil
}
