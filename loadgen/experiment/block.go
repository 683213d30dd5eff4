package experiment

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
	"grpcbench/server/meter"
)

// arm is one of the things compared: a warm connection with one call in flight,
// so that what is added to a call is added to its time. It is its call's owner.
type arm struct {
	subject
	conn transport.Conn
	call transport.Call
	// stream says whether the messages of a stream are counted, or calls.
	stream bool

	until   int64
	units   int64
	sum     int64
	times   *hdrhistogram.Histogram
	failed  error
	stopped chan struct{}
}

// sample is what a block says of its arm, per call or, for a stream, per message.
type sample struct {
	medianNs, meanNs           float64
	clientCPUNs, serverCPUNs   float64
	clientAllocs, serverAllocs float64
	clientBytes, serverBytes   float64
	units                      int64
}

func (s sample) serverHeap() float64      { return s.serverAllocs }
func (s sample) serverHeapBytes() float64 { return s.serverBytes }
func (s sample) clientHeap() float64      { return s.clientAllocs }
func (s sample) clientHeapBytes() float64 { return s.clientBytes }

// marker asks the target what it used.
type marker interface {
	Answer(ctx context.Context, mark contract.Mark) (contract.Answer, error)
}

func newArm(s subject, conn transport.Conn, stream bool) *arm {
	a := &arm{subject: s, conn: conn, stream: stream, times: recorder.NewHistogram(), stopped: make(chan struct{}, 1)}
	a.call.Owner = a
	return a
}

// block makes calls, one after another, for a while. Garbage is collected
// before, so that each arm pays for its own.
func (a *arm) block(ctx context.Context, target marker, length time.Duration) (s sample, err error) {
	runtime.GC()
	if _, err := target.Answer(ctx, contract.Mark{Mark: contract.MarkStart, Collect: true}); err != nil {
		return s, err
	}
	a.times.Reset()
	a.units, a.sum, a.failed = 0, 0, nil
	meter, err := meter.New()
	if err != nil {
		return s, err
	}
	a.until = transport.Now() + int64(length)
	a.next()
	a.conn.Flush()
	<-a.stopped // a call has a deadline, so this comes
	client, err := meter.Usage()
	if err != nil {
		return s, err
	}
	server, err := target.Answer(ctx, contract.Mark{Mark: contract.MarkStop})
	if err != nil {
		return s, err
	}
	switch {
	case a.failed != nil:
		return s, fmt.Errorf("%s: %w", a.Name, a.failed)
	case a.units == 0:
		return s, fmt.Errorf("%s: a block of %v is too short for a single call", a.Name, length)
	}
	n := float64(a.units)
	return sample{
		units:       a.units,
		medianNs:    float64(a.times.ValueAtPercentile(50)),
		meanNs:      float64(a.sum) / n,
		clientCPUNs: client.CPUSeconds * 1e9 / n, serverCPUNs: server.CPUSeconds * 1e9 / n,
		clientAllocs: float64(client.AllocObjects) / n, serverAllocs: float64(server.AllocObjects) / n,
		clientBytes: float64(client.AllocBytes) / n, serverBytes: float64(server.AllocBytes) / n,
	}, nil
}

// next starts the arm's next call.
func (a *arm) next() {
	a.call.Reset()
	a.call.Seq++
	now := transport.Now()
	a.call.Intended, a.call.Free = now, now
	if err := a.conn.Start(&a.call); err != nil {
		a.failed = err
		a.stopped <- struct{}{}
	}
}

// Done implements transport.Owner.
func (a *arm) Done(c *transport.Call) {
	if c.Code != codes.OK {
		a.failed = errors.New(c.Code.String() + ": " + c.Message)
	}
	if !a.stream {
		a.record(c.End - c.Sent)
	}
	if a.failed != nil || c.End >= a.until {
		a.stopped <- struct{}{}
		return
	}
	a.next()
}

// Message implements transport.Owner.
func (a *arm) Message(_ *transport.Call, s series.Series, ns int64) {
	if a.stream && s == series.MessageRTT {
		a.record(ns)
	}
}

func (a *arm) record(ns int64) {
	a.units++
	a.sum += ns
	_ = a.times.RecordValue(ns) // an hour holds any call here
}
