// Command server is the target: the server under test, alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"grpcbench/server/host"
	_ "grpcbench/server/interceptor/ecosystem" // so that -interceptors knows them
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := host.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "server:", err)
	if usage := (*host.UsageError)(nil); errors.As(err, &usage) {
		os.Exit(2)
	}
	os.Exit(1)
}
