package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"grpcbench/pb/person"
	"grpcbench/pb/repo"
)

// bare is the least that a user of grpc-go writes: goroutines that call the generated client, and record nothing.
func bare(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bare", flag.ContinueOnError)
	addr := fs.String("addr", "", "address")
	rpc := fs.String("rpc", "Search", "Search, SearchIO or CreateRepo")
	calls := fs.Int64("n", 0, "calls")
	concurrency := fs.Int("c", workers, "goroutines")
	messages := fs.Int("messages", 1, "messages of a stream")
	if err := fs.Parse(args); err != nil {
		return err
	}
	cc, err := grpc.NewClient("passthrough:///"+*addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", *addr, err)
	}
	defer cc.Close()
	call := map[string]func(context.Context, int) error{
		"Search":     func(ctx context.Context, _ int) error { return search(ctx, cc) },
		"SearchIO":   func(ctx context.Context, n int) error { return lockstep(ctx, cc, n) },
		"CreateRepo": func(ctx context.Context, n int) error { return upload(ctx, cc, n) },
	}[*rpc]
	if call == nil {
		return fmt.Errorf("bare does not know %s", *rpc)
	}
	var made atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range *concurrency {
		group.Go(func() error {
			for made.Add(1) <= *calls {
				if err := call(ctx, *messages); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func search(ctx context.Context, cc *grpc.ClientConn) error {
	_, err := person.NewSearchServiceClient(cc).Search(ctx, request())
	return err
}

func lockstep(ctx context.Context, cc *grpc.ClientConn, messages int) error {
	stream, err := person.NewSearchServiceClient(cc).SearchIO(ctx)
	if err != nil {
		return err
	}
	req := request()
	for range messages {
		if err := stream.Send(req); err != nil {
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream did not end: %w", err)
	}
	return nil
}

func upload(ctx context.Context, cc *grpc.ClientConn, messages int) error {
	stream, err := repo.NewRepoClient(cc).CreateRepo(ctx)
	if err != nil {
		return err
	}
	about := &repo.RepoContext{CreatorId: "someone", Name: "something"}
	if err := stream.Send(&repo.RepoCreateRequest{Body: &repo.RepoCreateRequest_Context{Context: about}}); err != nil {
		return err
	}
	data := &repo.RepoCreateRequest{Body: &repo.RepoCreateRequest_Data{Data: make([]byte, chunk)}}
	for range messages {
		if err := stream.Send(data); err != nil {
			return err
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}
