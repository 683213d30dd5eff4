package main

import (
	"context"
	"flag"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"grpcbench/pb/person"
)

// bare is the least a grpc-go user writes: goroutines that call the generated client, and record nothing.
func bare(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bare", flag.ContinueOnError)
	addr := fs.String("addr", "", "address")
	calls := fs.Int64("n", 0, "calls")
	workers := fs.Int("c", 50, "goroutines")
	if err := fs.Parse(args); err != nil {
		return err
	}
	cc, err := grpc.NewClient("passthrough:///"+*addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", *addr, err)
	}
	defer cc.Close()
	client := person.NewSearchServiceClient(cc)
	var made atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range *workers {
		group.Go(func() error {
			req := &person.PersonReq{Name: "0123456789abcdef", Age: 36, Body: &person.Mbody{Name: "hi"}}
			for made.Add(1) <= *calls {
				if _, err := client.Search(ctx, req); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
