// Command peers compares what load generators cost: each runs against the same
// target, in turn, round by round, with a CPU account of its own.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"grpcbench/loadgen/child"
	"grpcbench/server/target"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "target": // what child starts
		err = target.Run(ctx, os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
	case len(os.Args) > 1 && os.Args[1] == "bare":
		err = bare(ctx, os.Args[2:])
	default:
		err = compare(ctx, os.Args[1:])
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// compare runs every arm once a round and prints the table.
func compare(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("peers", flag.ContinueOnError)
	rounds := fs.Int("rounds", 7, "rounds, each with every generator once")
	calls := fs.Int("n", 100_000, "calls a generator makes in a round")
	workers := fs.Int("c", 50, "calls in flight")
	if err := fs.Parse(args); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "grpcbench-peers-")
	if err != nil {
		return fmt.Errorf("make a folder for the runs: %w", err)
	}
	defer os.RemoveAll(tmp)
	server, err := child.Start(ctx, nil, os.Stderr)
	if err != nil {
		return err
	}
	defer server.Stop() //nolint:errcheck // the comparison is made
	pinned := "server and client share the cores"
	if runtime.NumCPU() > 1 {
		if err := pin(server.Ready.PID, 0); err != nil {
			return err
		}
		if err := pin(os.Getpid(), 1); err != nil { // what we start inherits it
			return err
		}
		pinned = "server on core 0, client on core 1"
	}
	arms, err := findArms(ctx, load{addr: server.Ready.Addr, calls: *calls, workers: *workers, tmp: tmp})
	if err != nil {
		return err
	}
	fmt.Printf("Search, unary, 1 connection, %d in flight, %d calls a round, %d rounds; %s\n\n", *workers, *calls, *rounds, pinned)
	for range *rounds {
		for _, a := range arms {
			if err := a.run(ctx, *calls); err != nil {
				return err
			}
		}
	}
	fmt.Print(tabulate(arms))
	return nil
}

// tabulate shows each arm's figures, and its CPU as a ratio to the first arm's in the same round.
func tabulate(arms []*arm) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %-12s | %-26s | %-22s | %9s | %9s |\n|---|---|---|---|---|\n",
		"generator", "client CPU, µs a call", "ratio to "+filepath.Base(arms[0].name), "calls/s", "peak RSS")
	for _, a := range arms {
		var ratios []float64
		for i, m := range a.measured {
			ratios = append(ratios, m.cpu/arms[0].measured[i].cpu)
		}
		fmt.Fprintf(&b, "| %-12s | %-26s | %-22s | %9.0f | %5.0f MiB |\n", a.name,
			spread(a.column(func(m measurement) float64 { return m.cpu }), "%.2f"), spread(ratios, "%.3f"),
			median(a.column(func(m measurement) float64 { return m.rate })),
			median(a.column(func(m measurement) float64 { return m.rss }))/(1<<20))
	}
	return b.String()
}

// spread writes the median with the least and the greatest.
func spread(v []float64, format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", median(v), slices.Min(v), slices.Max(v))
}

func median(v []float64) float64 {
	s := slices.SortedFunc(slices.Values(v), cmp.Compare)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// patience is how long one run of a generator may take.
const patience = 2 * time.Minute
