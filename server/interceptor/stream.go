package interceptor

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// contextStream replaces a stream's context.
type contextStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // grpc.ServerStream hands its context out by a method
}

func (s *contextStream) Context() context.Context { return s.ctx }

// observedStream counts and times every RecvMsg and SendMsg of a stream. A
// handler may receive in one goroutine and send in another; the totals may be
// read at any time.
type observedStream struct {
	grpc.ServerStream
	// observe, where set, is told of each message and of the time its RecvMsg or SendMsg took.
	observe            func(d direction, took time.Duration)
	received, sent     atomic.Int64
	recvTime, sendTime atomic.Int64 // nanoseconds
}

type direction int

const (
	in direction = iota
	out
)

func (s *observedStream) RecvMsg(m any) error {
	start := time.Now()
	err := s.ServerStream.RecvMsg(m)
	took := time.Since(start)
	s.recvTime.Add(int64(took))
	if err == nil {
		s.received.Add(1)
		if s.observe != nil {
			s.observe(in, took)
		}
	}
	return err
}

func (s *observedStream) SendMsg(m any) error {
	start := time.Now()
	err := s.ServerStream.SendMsg(m)
	took := time.Since(start)
	s.sendTime.Add(int64(took))
	if err == nil {
		s.sent.Add(1)
		if s.observe != nil {
			s.observe(out, took)
		}
	}
	return err
}
