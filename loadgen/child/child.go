// Package child runs the embedded target: this binary again, as a process of
// its own, so that load generator and server have separate garbage collectors,
// schedulers and CPU accounts.
package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"grpcbench/server/contract"
	"grpcbench/server/meter"
)

// The times a target gets before it is given up.
const (
	startTimeout = 10 * time.Second
	markTimeout  = 5 * time.Second
	stopTimeout  = 5 * time.Second
)

// Target is a running target process. It ends with [Target.Stop], and also when
// this process dies, however it does: its stdin ends with us.
type Target struct {
	// Ready is what the target said of itself.
	Ready contract.Ready

	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan []byte // stdout, line by line
	log    *tail
	exited chan struct{}
	err    error // why it exited; valid once exited is closed

	marking  sync.Mutex
	marks    int
	stopping sync.Once
}

// Start runs `<this binary> target -supervised` as config says, and waits until it accepts connections. What it logs
// goes to log, which must not be nil. A target that does not start is an error with its last words.
func Start(ctx context.Context, config contract.Config, log io.Writer) (*Target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary to start a target from: %w", err)
	}
	// Not CommandContext: it is Stop that ends the target, after the calls in flight.
	cmd := exec.Command(self, "target", "-supervised") //nolint:noctx // see above
	cmd.Args[0] = os.Args[0]
	cmd.SysProcAttr = OwnGroup() // a terminal's ^C is for the load run, which then stops its target itself
	cmd.WaitDelay = time.Second
	t := &Target{cmd: cmd, lines: make(chan []byte, 1), log: &tail{to: log}, exited: make(chan struct{})}
	cmd.Stderr = t.log
	if t.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make the target's stdin: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make the target's stdout: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the target: %w", err)
	}
	go t.readLines(stdout)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := t.ask(ctx, config, &t.Ready); err != nil {
		_ = t.Stop()
		return nil, fmt.Errorf("start the target: %w", err)
	}
	return t, nil
}

// readLines reads stdout to its end, then takes the exit status.
func (t *Target) readLines(stdout io.Reader) {
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			break
		}
		t.lines <- line
	}
	t.err = t.cmd.Wait()
	close(t.exited)
}

// ask writes a line and reads its answer.
func (t *Target) ask(ctx context.Context, question, answer any) error {
	if err := json.NewEncoder(t.stdin).Encode(question); err != nil {
		return errors.Join(fmt.Errorf("write to the target: %w", err), t.lastWords())
	}
	return t.readAnswer(ctx, answer)
}

// readAnswer reads a line.
func (t *Target) readAnswer(ctx context.Context, answer any) error {
	select {
	case line := <-t.lines:
		if err := json.Unmarshal(line, answer); err != nil {
			return fmt.Errorf("read the target's answer %q: %w", line, err)
		}
		return nil
	case <-t.exited:
		return t.lastWords()
	case <-ctx.Done():
		return fmt.Errorf("no answer from the target: %w", ctx.Err())
	}
}

// Mark begins or ends a measured window at the target ([contract.MarkStart],
// [contract.MarkStop]) and returns what it used since the last start.
func (t *Target) Mark(ctx context.Context, mark string) (meter.Usage, error) {
	a, err := t.Answer(ctx, contract.Mark{Mark: mark})
	return a.Usage, err
}

// Answer sends a mark, to which it gives a number, and returns the whole answer.
func (t *Target) Answer(ctx context.Context, mark contract.Mark) (contract.Answer, error) {
	t.marking.Lock()
	defer t.marking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, markTimeout)
	defer cancel()
	t.marks++
	mark.Seq = t.marks
	var a contract.Answer
	err := t.ask(ctx, mark, &a)
	for err == nil && a.Seq < t.marks { // of an earlier mark, whose asker gave up
		err = t.readAnswer(ctx, &a)
	}
	if err != nil {
		return contract.Answer{}, fmt.Errorf("ask the target for its usage: %w", err)
	}
	return a, nil
}

// Exited is closed when the process has ended.
func (t *Target) Exited() <-chan struct{} { return t.exited }

// Err says how the process ended; it is valid once Exited is closed.
func (t *Target) Err() error { return t.lastWords() }

// lastWords is the exit status with the last line of the log.
func (t *Target) lastWords() error {
	<-t.exited
	status := "exit status 0"
	if t.err != nil {
		status = t.err.Error()
	}
	if words := t.log.last(); words != "" {
		return fmt.Errorf("the target exited (%s): %s", status, words)
	}
	return fmt.Errorf("the target exited (%s)", status)
}

// Stop ends the target and waits for it; a target that does not end is killed.
// It may be called more than once.
func (t *Target) Stop() error {
	var err error
	t.stopping.Do(func() {
		t.stdin.Close() // its sign to stop
		timer := time.NewTimer(stopTimeout)
		defer timer.Stop()
		for {
			select {
			case <-t.lines: // an answer nobody waited for
			case <-t.exited:
				return
			case <-timer.C:
				err = errors.Join(errors.New("the target did not stop and was killed"), t.cmd.Process.Kill())
				timer.Stop()
			}
		}
	})
	<-t.exited
	return err
}

// tail passes a log on and remembers its end.
type tail struct {
	mu  sync.Mutex
	to  io.Writer
	end []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 4 << 10
	l.end = append(l.end, p...)
	if extra := len(l.end) - most; extra > 0 {
		l.end = append(l.end[:0], l.end[extra:]...)
	}
	return l.to.Write(p)
}

func (l *tail) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(l.end)), "\n")
	if lines[0] == "" {
		return ""
	}
	// A bad command line has a line per problem, all of them wanted.
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}
