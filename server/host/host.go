// Package host runs the server under test: the services, their interceptors,
// the REST gateway, health, reflection and /metrics.
package host

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
	"runtime"

	"golang.org/x/sync/errgroup"

	"grpcbench/server/contract"
	"grpcbench/server/meter"
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
	configs := []config{c}
	if c.supervised {
		var told contract.Config
		if err := readLine(lines, &told); err != nil {
			return fmt.Errorf("read the configuration from stdin: %w", err)
		}
		configs = configs[:0]
		for _, args := range append([][]string{told.Args}, told.More...) {
			c, err := parse(args, true, io.Discard)
			if err != nil {
				return err
			}
			configs = append(configs, c)
		}
		if told.Log != "" {
			file, err := os.OpenFile(told.Log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
			if err != nil {
				return fmt.Errorf("open the target's log: %w", err)
			}
			defer file.Close() //nolint:errcheck // nothing more is written to it
			stderr = file
		}
	}
	servers, err := newServers(ctx, configs, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	out := json.NewEncoder(stdout)
	if err := out.Encode(servers.ready()); err != nil {
		servers.close()
		return fmt.Errorf("say that the target is ready: %w", err)
	}
	alive := context.Background()
	if c.supervised {
		var orphaned, stop context.CancelFunc
		alive, orphaned = context.WithCancel(alive)
		ctx, stop = context.WithCancel(ctx)
		// This goroutine ends with stdin, or with the process: a read of stdin cannot be interrupted.
		go func() {
			if err := handleLines(lines, out, servers); err != nil {
				servers[0].logger.Error("supervised", "error", err)
			}
			orphaned()
			stop()
		}()
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range servers {
		group.Go(func() error { return s.serve(ctx, alive, configs[i].drain) })
	}
	return group.Wait()
}

// servers are those of one process; nearly always it is one.
type servers []*server

// newServers builds them all; on an error nothing stays open.
func newServers(ctx context.Context, configs []config, logger *slog.Logger) (all servers, err error) {
	for _, c := range configs {
		s, err := newServer(ctx, c, logger)
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (all servers) ready() contract.Ready {
	r := all[0].ready
	r.PID = os.Getpid()
	for _, s := range all[1:] {
		r.More = append(r.More, s.ready)
	}
	return r
}

func (all servers) close() {
	for _, s := range all {
		s.close()
	}
}

// handleLines answers marks until stdin ends.
func handleLines(lines *bufio.Reader, out *json.Encoder, servers servers) error {
	window, err := meter.New()
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
		if m.Collect {
			runtime.GC()
		}
		if m.Mark == contract.MarkStart {
			if window, err = meter.New(); err != nil {
				return err
			}
		}
		usage, err := window.Usage()
		if err != nil {
			return err
		}
		answer := contract.Answer{Seq: m.Seq, Usage: usage, Goroutines: runtime.NumGoroutine()}
		for _, s := range servers {
			if s.observer != nil {
				answer.Handled = append(answer.Handled, s.observer.Drain()...)
			}
		}
		if err := out.Encode(answer); err != nil {
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
