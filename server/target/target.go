// Package target runs the server under test: the services, their interceptors,
// the REST gateway, health, reflection and /metrics.
package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"grpcbench/server/contract"
)

// Run serves until ctx ends, then drains, and returns nil. It writes one
// [contract.Ready] line to stdout once it accepts connections, and its log to
// stderr. With -supervised it takes its flags from stdin, answers marks, and
// ends at once when stdin does. A bad command line is a [*UsageError].
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c, err := parse(args, false, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := bufio.NewReader(stdin)
	if c.supervised {
		var told contract.Config
		if err := readLine(lines, &told); err != nil {
			return fmt.Errorf("read the configuration from stdin: %w", err)
		}
		if c, err = parse(told.Args, true, io.Discard); err != nil {
			return err
		}
		c.supervised = true
	}
	s, err := newServer(ctx, c, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	s.ready.PID = os.Getpid()
	out := json.NewEncoder(stdout)
	if err := out.Encode(s.ready); err != nil {
		s.close()
		return fmt.Errorf("say that the target is ready: %w", err)
	}
	alive := context.Background()
	if c.supervised {
		var orphaned, stop context.CancelFunc
		alive, orphaned = context.WithCancel(alive)
		ctx, stop = context.WithCancel(ctx)
		// This goroutine ends with stdin, or with the process: a read of stdin cannot be interrupted.
		go func() {
			if err := obey(lines, out); err != nil {
				s.logger.Error("supervised", "error", err)
			}
			orphaned()
			stop()
		}()
	}
	return s.serve(ctx, alive, c.drain)
}

// obey answers marks until stdin ends.
func obey(lines *bufio.Reader, out *json.Encoder) error {
	meter, err := contract.NewMeter()
	if err != nil {
		return err
	}
	for {
		var m contract.Mark
		if err := readLine(lines, &m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil // the parent is gone
			}
			return fmt.Errorf("read a mark: %w", err)
		}
		if m.Mark == contract.MarkStart {
			if meter, err = contract.NewMeter(); err != nil {
				return err
			}
		}
		usage, err := meter.Usage()
		if err != nil {
			return err
		}
		if err := out.Encode(contract.Answer{Seq: m.Seq, Usage: usage}); err != nil {
			return fmt.Errorf("answer a mark: %w", err)
		}
	}
}

func readLine(r *bufio.Reader, v any) error {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}
