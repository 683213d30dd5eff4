package interceptor

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/pb/person"
	"grpcbench/server/testkit"
)

// deaf is a handler that takes its time whatever its context says; it is the kind that leaks.
func deaf(d time.Duration, err error) grpc.UnaryHandler {
	return func(context.Context, any) (any, error) {
		time.Sleep(d)
		return "answer", err
	}
}

// heedful is a handler that gives up when its context ends.
func heedful(d time.Duration) grpc.UnaryHandler {
	return func(ctx context.Context, _ any) (any, error) { return "answer", sleep(ctx, d) }
}

// In a synctest bubble a goroutine that blocks for ever fails the test by itself.
func TestUnaryTimeout(t *testing.T) {
	const method = "/test.Service/Unary"
	notFound := status.Error(codes.NotFound, "gone")
	for _, tt := range []struct {
		reason  string
		handler grpc.UnaryHandler
		// deadline and cancel are the caller's own, 0 for none.
		deadline, cancel time.Duration
		took             time.Duration
		code             codes.Code
		message          string
	}{
		{reason: "in time", handler: deaf(299*time.Millisecond, nil), took: 299 * time.Millisecond},
		{
			reason: "an error in time is the handler's", handler: deaf(time.Millisecond, notFound),
			took: time.Millisecond, code: codes.NotFound, message: "gone",
		},
		{
			reason: "late: the answer does not wait", handler: deaf(time.Hour, nil), took: 300 * time.Millisecond,
			code: codes.DeadlineExceeded, message: method + ": Deadline exceeded",
		},
		{
			reason: "late with an error", handler: deaf(time.Hour, notFound), took: 300 * time.Millisecond,
			code: codes.DeadlineExceeded, message: method + ": Deadline exceeded",
		},
		{
			reason: "a handler that heeds its context has the same words", handler: heedful(time.Hour),
			took: 300 * time.Millisecond, code: codes.DeadlineExceeded, message: method + ": Deadline exceeded",
		},
		{
			reason: "the caller's shorter deadline counts", handler: deaf(time.Hour, nil),
			deadline: 100 * time.Millisecond, took: 100 * time.Millisecond, code: codes.DeadlineExceeded,
			message: method + ": Deadline exceeded",
		},
		{
			reason: "the caller's longer deadline does not", handler: deaf(time.Hour, nil), deadline: time.Second,
			took: 300 * time.Millisecond, code: codes.DeadlineExceeded, message: method + ": Deadline exceeded",
		},
		{
			reason: "the caller's cancel is no deadline", handler: deaf(time.Hour, nil),
			cancel: 100 * time.Millisecond, took: 100 * time.Millisecond, code: codes.Canceled,
			message: "context canceled",
		},
		{
			reason: "nor where the handler heeds it", handler: heedful(time.Hour), cancel: 100 * time.Millisecond,
			took: 100 * time.Millisecond, code: codes.Canceled, message: "context canceled",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				chain, _ := chainOf(t, Config{Names: []string{Timeout}})
				start := time.Now()
				res, err := unary(ctx, chain, tt.handler)
				if took := time.Since(start); took != tt.took {
					t.Errorf("answered after %v, want %v", took, tt.took)
				}
				if s := status.Convert(err); s.Code() != tt.code || s.Message() != tt.message {
					t.Errorf("got %v, want %v: %s", err, tt.code, tt.message)
				}
				if err == nil && res != "answer" {
					t.Errorf("got %v, want the handler's answer", res)
				}
				time.Sleep(2 * time.Hour) // the late handler returns, and its goroutine has nowhere to block
			})
		})
	}
}

func TestUnaryTimeoutEndsTheHandlersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, _ := chainOf(t, Config{Names: []string{Timeout}})
		var limit, ended time.Duration
		start := time.Now()
		unary(t.Context(), chain, func(ctx context.Context, _ any) (any, error) {
			deadline, _ := ctx.Deadline()
			limit = deadline.Sub(start)
			<-ctx.Done()
			ended = time.Since(start)
			return nil, ctx.Err()
		})
		synctest.Wait()
		if want := 300 * time.Millisecond; limit != want || ended != want {
			t.Errorf("the handler's deadline was %v and its end came after %v, want %v", limit, ended, want)
		}
	})
}

// Nothing orders the late handler's return after the answer's use, so that
// -race sees any variable they share; goleak sees a goroutine that is left.
func TestLateHandlerRacesOnNothing(t *testing.T) {
	idle := goleak.IgnoreCurrent()
	chain, _ := chainOf(t, Config{Names: []string{Timeout}, UnaryTimeout: 2 * time.Millisecond})
	for range 20 {
		res, err := unary(t.Context(), chain, deaf(10*time.Millisecond, errors.New("late")))
		if res != nil || status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("got %v, %v, want DeadlineExceeded", res, err)
		}
	}
	goleak.VerifyNone(t, idle)
}

// A handler that returns just when its time is over is answered one way or the other, and once.
func TestHandlerReturnsAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain, log := chainOf(t, Config{Names: []string{Recovery, Timeout}})
		const calls = 200
		told := 0
		for range calls {
			_, err := unary(t.Context(), chain, func(ctx context.Context, _ any) (any, error) {
				<-ctx.Done()
				return nil, explode("boom")
			})
			synctest.Wait()
			switch status.Code(err) {
			case codes.Internal, codes.DeadlineExceeded:
				told++
			default:
				t.Errorf("answered %v", err)
			}
		}
		if logged := len(log.records(t, "panic")); told != calls || logged != calls {
			t.Errorf("%d calls had %d fitting answers and %d panics logged", calls, told, logged)
		}
	})
}

func TestRecvTimeout(t *testing.T) {
	const late = "/test.Service/Stream: Deadline exceeded"
	for _, tt := range []struct {
		reason string
		waits  []time.Duration // of each message
		good   int             // messages received
		took   time.Duration
	}{
		{
			"each message has the whole time",
			[]time.Duration{400 * time.Millisecond, 499 * time.Millisecond, 400 * time.Millisecond},
			3,
			1299 * time.Millisecond,
		},
		{"the first is late", []time.Duration{time.Hour}, 0, 500 * time.Millisecond},
		{
			"a later one is late",
			[]time.Duration{0, 100 * time.Millisecond, 501 * time.Millisecond},
			2,
			600 * time.Millisecond,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				next := 0
				ss := &fakeStream{ctx: ctx, recv: func(any) error {
					if next == len(tt.waits) {
						return io.EOF
					}
					next++
					return sleep(ctx, tt.waits[next-1])
				}}
				chain, _ := chainOf(t, Config{Names: []string{Timeout}})
				start, good := time.Now(), 0
				err := stream(ss, chain, func(ss grpc.ServerStream) error {
					for {
						if err := ss.RecvMsg(nil); err != nil {
							if again := ss.RecvMsg(nil); !errors.Is(again, err) {
								t.Errorf("the next RecvMsg returned %v, want %v again", again, err)
							}
							return err
						}
						good++
					}
				})
				if took := time.Since(start); took != tt.took || good != tt.good {
					t.Errorf("ended after %v with %d messages, want after %v with %d", took, good, tt.took, tt.good)
				}
				if tt.good == len(tt.waits) {
					if !errors.Is(err, io.EOF) {
						t.Errorf("ended with %v, want io.EOF", err)
					}
				} else if s := status.Convert(err); s.Code() != codes.DeadlineExceeded || s.Message() != late {
					t.Errorf("ended with %v, want DeadlineExceeded: %s", err, late)
				}
			})
		})
	}
}

// Over a real server, the goroutine that still receives ends with the handler.
func TestRecvTimeoutLeavesNothing(t *testing.T) {
	chain, _ := chainOf(t, Config{Names: []string{Timeout}, RecvTimeout: 20 * time.Millisecond})
	client := serve(t, chain, &stub{
		unary: func(context.Context) error { return nil },
		bidi: func(s grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error {
			_, err := s.Recv()
			return err
		},
	})
	if _, err := client.Search(testkit.Context(t), &person.PersonReq{}); err != nil {
		t.Fatal(err) // connects, so that what runs from here on is the stream's
	}
	idle := goleak.IgnoreCurrent()
	s, err := client.SearchIO(testkit.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Recv()
	if got := status.Convert(err); got.Code() != codes.DeadlineExceeded ||
		got.Message() != "/person.SearchService/SearchIO: Deadline exceeded" {
		t.Errorf("the silent client got %v", err)
	}
	goleak.VerifyNone(t, idle)
}
