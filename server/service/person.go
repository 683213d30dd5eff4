package service

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"grpcbench/pb/person"
)

// Person implements person.SearchService. Its fields are read-only once it serves.
type Person struct {
	person.UnimplementedSearchServiceServer

	// OutCount is how many answers SearchOut sends.
	OutCount int
	// OutInterval is the time between two of them.
	OutInterval time.Duration
}

// Search answers with the request's name between two fixed words, and echoes age and body.
func (*Person) Search(_ context.Context, req *person.PersonReq) (*person.PersonRes, error) {
	return &person.PersonRes{Name: "我收到了" + req.GetName() + "的信息", Age: req.GetAge(), Body: req.GetBody()}, nil
}

// SearchIn answers, at the end of the client's stream, with the number of messages on it.
func (*Person) SearchIn(stream grpc.ClientStreamingServer[person.PersonReq, person.PersonRes]) error {
	var received int32
	for {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&person.PersonRes{Name: "success", Age: received})
		}
		if err != nil {
			return err // a broken stream keeps its status: it is never a success
		}
		received++
	}
}

// SearchOut answers OutCount times, OutInterval apart.
func (p *Person) SearchOut(req *person.PersonReq, stream grpc.ServerStreamingServer[person.PersonRes]) error {
	var tick <-chan time.Time
	if p.OutInterval > 0 {
		t := time.NewTicker(p.OutInterval)
		defer t.Stop()
		tick = t.C
	}
	res := &person.PersonRes{Name: "I got it" + req.GetName()}
	for i := range p.OutCount {
		if i > 0 && tick != nil {
			select {
			case <-tick:
			case <-stream.Context().Done():
				return status.FromContextError(stream.Context().Err()).Err()
			}
		}
		if err := stream.Send(res); err != nil {
			return err
		}
	}
	return nil
}

// SearchIO answers each message before it reads the next, in the caller's
// goroutine, so that nothing outlives the stream.
func (*Person) SearchIO(stream grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err // a broken stream keeps its status: it is never a success
		}
		if err := stream.Send(&person.PersonRes{Name: "I got it" + req.GetName()}); err != nil {
			return err
		}
	}
}
