package trace_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/trace"
)

// patience is more than Close may take: it flushes for five seconds.
const patience = 8 * time.Second

// fake is an OpenTelemetry collector. It answers as answer says, or takes everything.
type fake struct {
	collector.UnimplementedTraceServiceServer

	addr   string
	answer func(n int) (*collector.ExportTraceServiceResponse, error)

	mu       sync.Mutex
	spans    []*tracepb.Span
	resource map[string]string
}

func (f *fake) Export(_ context.Context,
	req *collector.ExportTraceServiceRequest,
) (*collector.ExportTraceServiceResponse, error) {
	n := 0
	for _, r := range req.GetResourceSpans() {
		for _, s := range r.GetScopeSpans() {
			n += len(s.GetSpans())
		}
	}
	if f.answer != nil {
		if res, err := f.answer(n); res != nil || err != nil {
			return res, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		f.resource = text(r.GetResource().GetAttributes())
		for _, s := range r.GetScopeSpans() {
			f.spans = append(f.spans, s.GetSpans()...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func (f *fake) got() []*tracepb.Span {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.spans)
}

// collect starts a collector that ends with the test.
func collect(t *testing.T, answer func(n int) (*collector.ExportTraceServiceResponse, error)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: l.Addr().String(), answer: answer}
	s := grpc.NewServer()
	collector.RegisterTraceServiceServer(s, f)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	return f
}

// nobody is an address that nothing listens on.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

func exporter(t *testing.T, addr string) *trace.Exporter {
	t.Helper()
	e, err := trace.New(t.Context(), addr, "0badcafe")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// noLeak fails a test that leaves goroutines behind; it is deferred before anything is started.
func noLeak(t *testing.T) {
	t.Helper()
	current := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, current) })
}

func text(attributes []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, a := range attributes {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			m[a.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			m[a.GetKey()] = fmt.Sprint(v.IntValue)
		default:
			m[a.GetKey()] = fmt.Sprintf("%T", v)
		}
	}
	return m
}

func id(seq int) requestid.ID {
	return requestid.ID{Run: 0x0badcafe, Worker: uint16(seq % 3), Seq: uint64(seq)}
}

// began is a time with nanoseconds, which must survive.
var began = time.Unix(1_700_000_000, 123_456_789)

// method differs from call to call, as in a run of many steps.
func method(seq int) string { return []string{"Method", "Other"}[seq%2] }

func span(seq int) trace.Span {
	at := began.Add(time.Duration(seq) * time.Millisecond)
	return trace.Span{
		ID: id(seq), Method: "/pkg.Service/" + method(seq), Intended: at, Start: at.Add(7),
		End: at.Add(1007), Code: codes.OK,
	}
}

func TestSpans(t *testing.T) {
	noLeak(t)
	f := collect(t, nil)
	e := exporter(t, f.addr)
	failed := span(2)
	failed.Code, failed.Message = codes.DeadlineExceeded, "too late"
	for _, s := range []trace.Span{span(0), span(1), failed} {
		e.Export(s)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatalf("Close: %v", err)
	}
	got := map[string]*tracepb.Span{}
	for _, s := range f.got() {
		got[hex.EncodeToString(s.GetTraceId())] = s
	}
	if len(got) != 3 || len(f.got()) != 3 {
		t.Fatalf("%d spans of %d traces arrived, want one of each of three", len(f.got()), len(got))
	}
	for seq, want := range []struct {
		code, message string
		status        tracepb.Status_StatusCode
	}{
		{"0", "", tracepb.Status_STATUS_CODE_UNSET},
		{"0", "", tracepb.Status_STATUS_CODE_UNSET},
		{"4", "DEADLINE_EXCEEDED: too late", tracepb.Status_STATUS_CODE_ERROR},
	} {
		traceID, spanID := id(seq).TraceID(), id(seq).SpanID()
		s := got[hex.EncodeToString(traceID[:])]
		if s == nil {
			t.Errorf("no span of call %d: the traces are %q", seq, slices.Sorted(maps.Keys(got)))
			continue
		}
		if string(s.GetSpanId()) != string(spanID[:]) || len(s.GetParentSpanId()) > 0 {
			t.Errorf("call %d: span %x with parent %x, want a root span %x", seq, s.GetSpanId(), s.GetParentSpanId(),
				spanID)
		}
		in := span(seq)
		if s.GetStartTimeUnixNano() != uint64(in.Start.UnixNano()) ||
			s.GetEndTimeUnixNano() != uint64(in.End.UnixNano()) {
			t.Errorf("call %d: from %d to %d, want %d to %d", seq, s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano(),
				in.Start.UnixNano(), in.End.UnixNano())
		}
		if s.GetKind() != tracepb.Span_SPAN_KIND_CLIENT || s.GetName() != "pkg.Service/"+method(seq) {
			t.Errorf("call %d: %v %q", seq, s.GetKind(), s.GetName())
		}
		if s.GetStatus().GetCode() != want.status || s.GetStatus().GetMessage() != want.message {
			t.Errorf("call %d: status %v, want %v %q", seq, s.GetStatus(), want.status, want.message)
		}
		attributes := map[string]string{
			// a number, by OpenTelemetry's conventions
			"rpc.system": "grpc", "rpc.service": "pkg.Service", "rpc.method": method(seq),
			"rpc.grpc.status_code": want.code,
			"grpcbench.request_id": id(seq).String(), "grpcbench.lag_ns": "7",
		}
		if diff := cmp.Diff(attributes, text(s.GetAttributes())); diff != "" {
			t.Errorf("call %d: attributes (-want +got):\n%s", seq, diff)
		}
	}
	if f.resource["service.name"] != "grpcbench" || f.resource["grpcbench.run_id"] != "0badcafe" {
		t.Errorf("the spans are of %v", f.resource)
	}
}

// All that a collector can take arrives, also what is handed over by many at once.
func TestManySpans(t *testing.T) {
	noLeak(t)
	f := collect(t, nil)
	e := exporter(t, f.addr)
	const shards, each = 8, 200 // together less than any queue
	var wait sync.WaitGroup
	for w := range shards {
		wait.Go(func() {
			for i := range each {
				e.Export(span(w*each + i))
			}
		})
	}
	wait.Wait()
	if err := e.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	seen := map[string]int{}
	for _, s := range f.got() {
		seen[text(s.GetAttributes())["grpcbench.request_id"]]++
	}
	for seq := range shards * each {
		if n := seen[id(seq).String()]; n != 1 {
			t.Fatalf("call %v arrived %d times", id(seq), n)
		}
	}
}

// A run's end does not wait for the next batch; spans of a run that goes on do not wait for its end.
func TestSpansArriveDuringTheRun(t *testing.T) {
	noLeak(t)
	f := collect(t, nil)
	e := exporter(t, f.addr)
	e.Export(span(0))
	for late := time.Now().Add(patience); len(f.got()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("no span arrives while the exporter is open")
		}
	}
	e.Export(span(1))
	before := time.Now()
	if err := e.Close(t.Context()); err != nil || len(f.got()) != 2 {
		t.Errorf("Close: %v, and %d of 2 spans arrived", err, len(f.got()))
	}
	if took := time.Since(before); took > 800*time.Millisecond {
		t.Errorf("Close took %v with a collector that answers at once", took)
	}
}

// closing is how Close ends, which must be in time.
func closing(t *testing.T, e *trace.Exporter) error {
	t.Helper()
	before := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- e.Close(context.Background()) }()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Fatalf("Close has not ended after %v", time.Since(before))
		return nil
	}
}

func wantError(t *testing.T, err error, names ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("Close says nothing of the lost spans: want an error that names %q", names)
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("Close: %v: does not name %q", err, name)
		}
	}
}

// Nothing was exported and nobody listens: nothing was lost.
func TestNoSpans(t *testing.T) {
	noLeak(t)
	if err := closing(t, exporter(t, nobody(t))); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// A short run's spans go out in Close: what the collector then says is as much an error as before.
func TestFailuresOfTheLastFlush(t *testing.T) {
	for _, tt := range []struct {
		reason string
		answer func(int) (*collector.ExportTraceServiceResponse, error)
		want   string
	}{
		{
			"it refuses all", func(int) (*collector.ExportTraceServiceResponse, error) {
				return nil, status.Error(codes.PermissionDenied, "no such tenant")
			}, "no such tenant",
		},
		{
			"it rejects some", func(int) (*collector.ExportTraceServiceResponse, error) {
				return partial(2), nil
			}, "quota",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			noLeak(t)
			e := exporter(t, collect(t, tt.answer).addr)
			for i := range 3 {
				e.Export(span(i))
			}
			wantError(t, closing(t, e), tt.want)
		})
	}
}

// The same while the run goes on, where it is heard.
func TestFailuresDuringTheRun(t *testing.T) {
	noLeak(t)
	refused := make(chan struct{}, 100)
	e := exporter(t, collect(t, func(int) (*collector.ExportTraceServiceResponse, error) {
		refused <- struct{}{}
		return nil, status.Error(codes.PermissionDenied, "no such tenant")
	}).addr)
	e.Export(span(0))
	select {
	case <-refused:
	case <-time.After(patience):
		t.Fatal("no span arrives while the exporter is open")
	}
	time.Sleep(200 * time.Millisecond) // for the answer to travel back
	wantError(t, closing(t, e), "1 spans were not taken", "no such tenant")
}

// Export is called as a call ends: whatever the collector does, it must not wait.
func TestExportNeverBlocks(t *testing.T) {
	stuck := make(chan struct{})
	f := collect(t, func(int) (*collector.ExportTraceServiceResponse, error) {
		<-stuck
		return nil, nil
	})
	e := exporter(t, f.addr)
	const n = 100_000
	before := time.Now()
	for i := range n {
		e.Export(span(i))
	}
	if took := time.Since(before); took > 2*time.Second {
		t.Errorf("%d spans took %v to hand over to a collector that is stuck", n, took)
	}
	close(stuck)
	if err := closing(t, e); err == nil {
		t.Errorf("of %d spans, all handed over at once, none is said to be lost", n)
	}
}

// What arrived and what is said to be dropped is all there was.
func TestEveryLossIsCounted(t *testing.T) {
	for _, tt := range []struct {
		reason string
		n      int
		pause  time.Duration
	}{
		{"a collector that is a little slow, as many spans as may wait", 4096, 100 * time.Millisecond},
		{"more than may wait", 20_000, 10 * time.Millisecond},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			noLeak(t)
			f := collect(t, func(int) (*collector.ExportTraceServiceResponse, error) {
				time.Sleep(tt.pause)
				return nil, nil
			})
			e := exporter(t, f.addr)
			for i := range tt.n {
				e.Export(span(i))
			}
			err := closing(t, e)
			dropped := 0
			if err != nil {
				if _, scan := fmt.Sscanf(strings.TrimPrefix(err.Error(), "-otlp "+f.addr), ": %d spans were dropped",
					&dropped); scan != nil {
					t.Errorf("Close: %v: says no number", err)
				}
			}
			if got := len(f.got()); got+dropped != tt.n {
				t.Errorf("of %d spans, %d arrived and %d are said to be dropped: %d are missing (Close: %v)", tt.n,
					got, dropped, tt.n-got-dropped, err)
			}
		})
	}
}

// New does not wait for the collector, and refuses nothing but what is no address.
func TestNewDoesNotWait(t *testing.T) {
	noLeak(t)
	before := time.Now()
	e := exporter(t, "192.0.2.1:4317") // for documentation: packets to it are lost
	if took := time.Since(before); took > time.Second {
		t.Errorf("New took %v", took)
	}
	if err := closing(t, e); err != nil {
		t.Errorf("Close: %v, with nothing to export", err)
	}
}

// The SDK's own complaints would tear the live view apart: the terminal stays as it is.
func TestNothingIsPrinted(t *testing.T) {
	printed := capture(t, func() {
		for _, f := range []*fake{
			collect(t, nil),
			collect(t, func(int) (*collector.ExportTraceServiceResponse, error) {
				return nil, status.Error(codes.PermissionDenied, "no such tenant")
			}),
			collect(t, func(int) (*collector.ExportTraceServiceResponse, error) {
				return partial(1), nil
			}),
		} {
			e := exporter(t, f.addr)
			for i := range 6000 {
				e.Export(span(i))
			}
			_ = closing(t, e) // what it says is for other tests
		}
		if !testing.Short() {
			e := exporter(t, nobody(t))
			e.Export(span(0))
			_ = closing(t, e)
		}
	})
	if printed != "" {
		t.Errorf("to the terminal went:\n%s", printed)
	}
}

// The tests below leave goroutines behind, as long as the last of them fails: they stand after those that look for any.

// Where nobody listens Close ends all the same, in bounded time, and it is an error.
func TestNoCollector(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a flush that cannot end")
	}
	e := exporter(t, nobody(t))
	for i := range 10 {
		e.Export(span(i))
	}
	wantError(t, closing(t, e), "-otlp", "10 spans were not taken")
}

// "context deadline exceeded" sends people to their calls' deadlines: they must hear who did not answer.
func TestNoCollectorIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a flush that cannot end")
	}
	addr := nobody(t)
	e := exporter(t, addr)
	for i := range 10 {
		e.Export(span(i))
	}
	wantError(t, closing(t, e), addr, "refused")
}

// What ends a run leaves nothing running: what does may load the next run of a suite.
func TestNothingIsExportedAfterClose(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a flush that cannot end")
	}
	current := goleak.IgnoreCurrent()
	e := exporter(t, nobody(t))
	for i := range 2000 { // some batches
		e.Export(span(i))
	}
	if err := closing(t, e); err == nil {
		t.Error("Close: nil, where nobody listens")
	}
	if err := goleak.Find(current); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// capture is what f writes to the process's own stdout and stderr, by whatever handle: the SDK takes its own at init.
func capture(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	undo, err := redirect(int(w.Fd()))
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("skipped: this system does not let a process replace its stdout")
	}
	if err != nil {
		undo()
		t.Fatal(err)
	}
	all := make(chan string)
	go func() {
		b, err := io.ReadAll(r)
		all <- string(b) + fmt.Sprint(errors.Join(err))
	}()
	defer func() { r.Close() }()
	f()
	undo()
	w.Close()
	return strings.TrimSuffix(<-all, "<nil>")
}

// partial is a collector's answer by which it takes all spans but so many.
func partial(rejected int64) *collector.ExportTraceServiceResponse {
	return &collector.ExportTraceServiceResponse{
		PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: rejected, ErrorMessage: "quota"},
	}
}
