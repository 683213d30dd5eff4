package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal is a context that ends with the first SIGINT or SIGTERM; the
// second ends the process at once. A shell that runs a script has what it starts
// by & ignore SIGINT, and the system's own way to die of it is then to ignore it:
// so a second signal that was ignored at the start ends the process here.
func untilSignal() context.Context {
	ignored := map[os.Signal]bool{}
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	for _, s := range ends {
		ignored[s] = signal.Ignored(s)
	}
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, ends...)
	go func() {
		<-signals
		for _, s := range ends {
			if !ignored[s] {
				signal.Reset(s) // the next is the system's to carry out
			}
		}
		end()
		s := <-signals
		number, _ := s.(syscall.Signal) // as both are
		os.Exit(128 + int(number))
	}()
	return ctx
}
