// Command regress holds what a call costs the load generator of this tree against that of a commit before, which the
// file base names: both run the same load by turns against one target, and `loadgen compare` is the judge. It exits
// with 1 where a cost rose by more than limit, twice.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/cores"
	"grpcbench/server/contract"
	"grpcbench/server/host"
)

// base is the commit to compare with, and after it in words why it is that one.
//
//go:embed base
var base string

// limits are what may not rise. Counts are steadier than CPU time on a machine that others use too.
const limits = "client_cpu>+15%,client_io>+15%,client_switches>+15%,client_allocs>+15%"

// rounds is how often either build makes each run.
const rounds = 4

// loads are the runs: each transport, each loop, each hot path.
var loads = []struct {
	name string
	args string
}{
	{"unary over wire", "-rpc Search -transport wire -c 50"},
	{"unary over grpc", "-rpc Search -transport grpc -c 50"},
	{"open loop over wire", "-rpc Search -transport wire -c 50 -rate 2000"},
	{"open loop over grpc", "-rpc Search -transport grpc -c 50 -rate 2000"},
	{"messages over wire", "-rpc SearchIO -transport wire -c 20"},
	{"uploads over wire", "-rpc CreateRepo -transport wire -c 2"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) > 1 && os.Args[1] == "target" { // what child starts
		err = host.Run(ctx, os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
	} else {
		err = run(ctx)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "regress:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	tmp, err := os.MkdirTemp("", "grpcbench-regress-")
	if err != nil {
		return fmt.Errorf("make a folder for the builds: %w", err)
	}
	defer os.RemoveAll(tmp)
	commit, _, _ := strings.Cut(base, "\n")
	if err := command(ctx, "git", "cat-file", "-e", commit+"^{commit}"); err != nil {
		fmt.Printf("skipped: the commit to compare with, %s, is not in this clone\n", commit)
		return nil
	}
	b := builds{tmp: tmp}
	if err := b.make(ctx, commit); err != nil {
		return err
	}
	server, err := child.Start(ctx, contract.Config{}, os.Stderr)
	if err != nil {
		return err
	}
	defer server.Stop() //nolint:errcheck // the comparison is made
	b.addr = server.Ready.Addr
	if runtime.NumCPU() > 1 {
		// what we start inherits it
		if err := errors.Join(cores.Pin(server.Ready.PID, 0), cores.Pin(os.Getpid(), 1)); err != nil {
			return err
		}
	}
	failed := 0
	for _, l := range loads {
		worse, told, err := b.worse(ctx, l.name, l.args)
		if err == nil && worse {
			worse, told, err = b.worse(ctx, l.name+", again", l.args)
		}
		switch {
		case err != nil:
			return err
		case worse:
			failed++
			fmt.Printf("%s: WORSE than %s\n%s\n", l.name, commit, told)
		default:
			fmt.Printf("%s: as before\n", l.name)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d loads cost more than at %s, by more than the limits %s", failed, len(loads),
			commit, limits)
	}
	return nil
}

// builds are the two load generators.
type builds struct{ tmp, old, young, addr string }

func (b *builds) make(ctx context.Context, commit string) error {
	tree := filepath.Join(b.tmp, "tree")
	b.old, b.young = filepath.Join(b.tmp, "old"), filepath.Join(b.tmp, "young")
	if err := command(ctx, "git", "worktree", "add", "--detach", tree, commit); err != nil {
		return err
	}
	// `git worktree prune` does it too
	defer command(context.WithoutCancel(ctx), "git", "worktree", "remove", "--force", tree) //nolint:errcheck
	if err := command(ctx, "go", "-C", tree, "build", "-o", b.old, "./loadgen"); err != nil {
		return err
	}
	return command(ctx, "go", "build", "-o", b.young, "./loadgen")
}

// worse makes the runs of a load and says whether the present build costs more, with what compare says.
func (b *builds) worse(ctx context.Context, name, args string) (worse bool, told string, err error) {
	folder := filepath.Join(b.tmp, name)
	for i := range rounds {
		for j, binary := range []string{b.old, b.young} {
			if i%2 > 0 { // neither is always the first
				binary, j = []string{b.young, b.old}[j], 1-j
			}
			line := append(strings.Fields(args), "-addr", b.addr, "-d", "600ms", "-warmup", "200ms", "-q", "-o",
				filepath.Join(folder, strconv.Itoa(j), strconv.Itoa(i)))
			if err := command(ctx, binary, line...); err != nil && !hasCode(err, 4) { // INVALID runs cost as much
				return false, "", err
			}
		}
	}
	out, err := exec.CommandContext(ctx, b.young, "compare", filepath.Join(folder, "0"), filepath.Join(folder, "1"),
		"-fail-on", limits).CombinedOutput()
	if err != nil && !hasCode(err, 3) && !hasCode(err, 4) {
		return false, "", fmt.Errorf("compare: %w\n%s", err, out)
	}
	return hasCode(err, 3), string(out), nil
}

// command runs one to its end; its error has what it said.
func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func hasCode(err error, code int) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == code
}
