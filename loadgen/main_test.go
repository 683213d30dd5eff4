package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// TestMain makes this binary loadgen and server for the scripts, and for the
// targets that loadgen starts from itself.
func TestMain(m *testing.M) {
	// Else every process, built with -race, would sleep for a second before it exits.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	testscript.Main(m, map[string]func(){
		"loadgen": main,
		"server": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(start(ctx, append([]string{"target"}, os.Args[1:]...), os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// patient are target flags by which a busy machine's pauses are no failures.
const patient = "-target=-unary-timeout=30s -recv-timeout=30s"

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATIENT", patient)
			e.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":  exits,
			"within": within,
			"result": checkResult,
			"await":  await,
			"refuse": refuse,
			"steps":  checkSteps,
		},
	})
}

// exits CODE COMMAND... runs a command that must end with this exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError) //nolint:errorlint // Exec does not wrap it
		if !ok {
			ts.Fatalf("%s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s exits with %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// within DURATION CODE COMMAND... is exits for a command that must be done by then.
func within(ts *testscript.TestScript, neg bool, args []string) {
	most, err := time.ParseDuration(args[0])
	ts.Check(err)
	began := time.Now()
	exits(ts, neg, args[1:])
	if took := time.Since(began); took > most {
		ts.Fatalf("%s took %v, more than %v", strings.Join(args[2:], " "), took, most)
	}
}

// result DIR KEY=N|KEY>N... holds a run's result.json to the figures given, and
// to what is true of every run. A verdict of suspect is the machine's fault, not the run's.
func checkResult(ts *testscript.TestScript, _ bool, args []string) {
	d, err := result.Read(ts.MkAbs(args[0]))
	ts.Check(err)
	problems := soundness(d)
	if d.Verdict.Status == verdict.Invalid {
		problems = append(problems, fmt.Sprintf("verdict %+v", d.Verdict))
	}
	c := d.Counts
	figures := map[string]int64{
		"due": c.Due, "sent": c.Sent, "ok": c.OK, "failed": c.Failed, "unfinished": c.Unfinished,
		"never_sent":    c.NeverSent,
		"messages_sent": c.MessagesSent, "messages_received": c.MessagesReceived, "bytes_sent": c.BytesSent,
		"bytes_received": c.BytesReceived,
		"warmup_calls":   d.WarmupCalls, "duration_ms": d.DurationNs / 1e6, "response": d.Latency["response"].Count,
		"first_message": d.Latency["first_message"].Count, "message_rtt": d.Latency["message_rtt"].Count,
	}
	for _, want := range args[1:] {
		key, value, equal := strings.Cut(want, "=")
		if !equal {
			key, value, _ = strings.Cut(want, ">")
		}
		n, err := strconv.ParseInt(value, 10, 64)
		got, known := figures[key]
		switch {
		case err != nil || !known:
			ts.Fatalf("result: what is %s?", want)
		case equal && got != n, !equal && got <= n:
			problems = append(problems, fmt.Sprintf("%s is %d, want %s", key, got, want))
		}
	}
	if len(problems) > 0 {
		ts.Fatalf("%s\n%+v", strings.Join(problems, "\n"), d.Counts)
	}
}

// soundness is what must be true of every result, whatever became of its calls.
func soundness(d *result.Document) (problems []string) {
	c := d.Counts
	if c.Due != c.OK+c.Failed+c.Unfinished+c.NeverSent || c.Sent != c.OK+c.Failed+c.Unfinished {
		problems = append(problems, "the counts do not add up")
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
		problems = append(problems, fmt.Sprintf("codes %v and %d latencies", d.Codes, d.Latency["response"].Count))
	}
	if d.Schema != "grpcbench.result/v1" || len(d.RunID) != 8 || d.Started.IsZero() {
		problems = append(problems, fmt.Sprintf("schema %q, run id %q, started %v", d.Schema, d.RunID, d.Started))
	}
	if d.Verdict.Status != verdict.Valid && len(d.Verdict.Reasons) == 0 {
		problems = append(problems, "a bad verdict without a reason")
	}
	if slices.Contains(d.Verdict.Reasons, "") {
		problems = append(problems, "an empty reason")
	}
	return problems
}

// await FILE waits until it exists, such as a server's socket.
func await(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	for late := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(late) {
			ts.Fatalf("%s does not come", file)
		}
	}
}

// refuse VARIABLE sets it to an address that nothing listens on.
func refuse(ts *testscript.TestScript, _ bool, args []string) {
	addr, err := refusedAddr()
	ts.Check(err)
	ts.Setenv(args[0], addr)
}

// refusedAddr is an address of this machine that nothing listens on.
func refusedAddr() (string, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return lis.Addr().String(), lis.Close()
}
