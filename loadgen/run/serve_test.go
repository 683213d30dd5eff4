package run_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"go.uber.org/goleak"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/server/host"
	"grpcbench/server/testkit"
)

// TestMain lets this binary be the embedded target too, as loadgen's is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "target" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err := host.Run(ctx, os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // for the target's exit, where it is built with -race
	goleak.VerifyTestMain(m)
}

// read is the command line of `loadgen run`, with a folder of the test's own.
func read(t *testing.T, args ...string) plan.Plan {
	t.Helper()
	p, err := flags.Run(append([]string{"-o=" + filepath.Join(t.TempDir(), "run"), "-q"}, args...),
		strings.NewReader(""), io.Discard)
	if err != nil {
		t.Fatalf("flags.Run(%q): %v", args, err)
	}
	return p
}

// runPlan finds the plan's RPC and carries the plan out.
func runPlan(ctx context.Context, p plan.Plan) (*result.Document, error) {
	p, work, err := run.Define(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	defer work.Close()
	return run.Run(ctx, p, work, nil)
}

// carryOut makes a run that must end well.
func carryOut(t *testing.T, args ...string) *result.Document {
	t.Helper()
	doc, err := runPlan(testkit.Context(t), read(t, args...))
	if err != nil {
		t.Fatalf("Run(%q): %v", args, err)
	}
	return doc
}

// addUp holds the identity of counts, and that of all that is counted twice.
func addUp(t *testing.T, d *result.Document) {
	t.Helper()
	c := d.Counts
	if c.Due != c.OK+c.Failed+c.Unfinished+c.NeverSent || c.Sent != c.OK+c.Failed+c.Unfinished {
		t.Errorf("the counts do not add up: %+v", c)
	}
	codes := int64(0)
	for _, n := range d.Codes {
		codes += n
	}
	latencies := c.Sent
	if d.Loop == "open" {
		latencies = c.Due // also of calls that were never sent, as lower bounds
	}
	if codes != c.OK+c.Failed || d.Codes["OK"] != c.OK || d.Latency["response"].Count != latencies {
		t.Errorf("%d ok, %d failed, but codes %v and %d latencies", c.OK, c.Failed, d.Codes,
			d.Latency["response"].Count)
	}
	var sent, ok, failed int64
	for _, p := range d.Series {
		sent, ok, failed = sent+p.Sent, ok+p.OK, failed+p.Failed
	}
	if sent != c.Sent || ok != c.OK || failed != c.Failed {
		t.Errorf("the series sums up to %d sent, %d ok and %d failed; the counts are %+v", sent, ok, failed, c)
	}
}

// tagged reads latency.hlog: how many values each tag has.
func tagged(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, result.HlogFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tags := map[string]int64{}
	if err := result.ReadHlog(file, func(h *hdrhistogram.Histogram) error {
		tags[h.Tag()] += h.TotalCount()
		return nil
	}); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("read the log: %v", err)
	}
	return tags
}

func contents(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// lines of a text that hold part.
func lines(text, part string) (n int64) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}
