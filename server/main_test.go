package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"grpcbench/server/contract"
)

// asServer makes this test binary the server itself.
const asServer = "GRPCBENCH_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command is the server as a process of its own, which does not outlive the test.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asServer+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		code   int
		says   string
	}{
		{"help is what was asked for", []string{"-h"}, 0, "usage: server"},
		{"bad usage, the first problem", []string{"-nosuch", "-drain=soon"}, 2, "-nosuch"},
		{"and the second", []string{"-nosuch", "-drain=soon"}, 2, "-drain"},
		{"a target that cannot be", []string{"-listen=unix:/nosuch/dir/s", "-http="}, 1, "listen for gRPC"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			cmd := command(t, tt.args...)
			output, err := cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(output), tt.says) {
				t.Errorf("server %q: exit code %d, %q, want %d and %q", tt.args, code, output, tt.code, tt.says)
			}
		})
	}
}

func TestSignalsEndItWell(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd := command(t, "-listen=127.0.0.1:0", "-http=127.0.0.1:0")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadBytes('\n')
			if err != nil {
				t.Errorf("no ready line: %v", err)
			}
			var ready contract.Ready
			if err := json.Unmarshal(line, &ready); err != nil || ready.PID != cmd.Process.Pid {
				t.Errorf("ready line %q of process %d: %v", line, cmd.Process.Pid, err)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %v, %s", signal, err, stderr.Bytes())
			}
		})
	}
}
