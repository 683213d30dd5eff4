package engine_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// behaviour is how one call of the fake transport goes.
type behaviour struct {
	takes   time.Duration // forever is until it is cut off
	code    codes.Code
	refused bool // Start returns ErrClosed
	local   bool // the failure is this process's own
	unsent  bool // no message was made
	// messages are told as so many first messages and round trips.
	messages int
}

const forever = time.Duration(1<<63 - 1)

// fake is a transport without a server: behave says how each call goes.
type fake struct {
	behave func(c *transport.Call) behaviour
	// dialing, where set, is asked for the error of the n-th connection.
	dialing func(ctx context.Context, n int) error
	closing error // of every connection
	// reconnects are every connection's.
	reconnects int64

	mu         sync.Mutex
	dialed     int
	addrs      []string
	open       map[*fakeConn]bool
	inFlight   map[uint16]int // by worker
	most       int            // in flight at once
	conns      map[uint16]map[*fakeConn]bool
	seqs       map[uint64]bool
	starts     []started // what Start took
	done       int
	violations []string
}

// started is what the engine ordered.
type started struct {
	worker   uint16
	seq      uint64
	intended int64
	sent     int64
	code     codes.Code // of its end
}

type fakeConn struct {
	transport.Pool
	f *fake
}

// Reconnects implements [transport.Reconnecter].
func (c *fakeConn) Reconnects() int64 { return c.f.reconnects }

func (f *fake) Dial(ctx context.Context, addr string, _ []*transport.Method) (transport.Conn, error) {
	f.mu.Lock()
	n := f.dialed
	f.dialed++
	f.addrs = append(f.addrs, addr)
	slices.Sort(f.addrs) // they are connected to at the same time
	f.mu.Unlock()
	if f.dialing != nil {
		if err := f.dialing(ctx, n); err != nil {
			return nil, err
		}
	}
	conn := &fakeConn{f: f}
	conn.NewWorker = conn.worker
	conn.CloseConn = func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.open[conn] = false
		return f.closing
	}
	conn.Init()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open = map[*fakeConn]bool{}
		f.inFlight, f.conns, f.seqs = map[uint16]int{}, map[uint16]map[*fakeConn]bool{}, map[uint64]bool{}
	}
	f.open[conn] = true
	return conn, nil
}

// Start keeps count before the pool begins the call.
func (c *fakeConn) Start(call *transport.Call) error {
	if c.f.behave(call).refused {
		return transport.ErrClosed
	}
	f := c.f
	f.mu.Lock()
	f.inFlight[call.Worker]++
	if f.inFlight[call.Worker] > 1 {
		f.violations = append(f.violations, "a worker has two calls in flight")
	}
	if f.seqs[call.Seq] {
		f.violations = append(f.violations, "a sequence number was used twice")
	}
	if call.Code != codes.OK || call.End != 0 || call.MessagesSent != 0 {
		f.violations = append(f.violations, "a call was not reset")
	}
	f.seqs[call.Seq] = true
	total := 0
	for n := range maps.Values(f.inFlight) {
		total += n
	}
	f.most = max(f.most, total)
	if f.conns[call.Worker] == nil {
		f.conns[call.Worker] = map[*fakeConn]bool{}
	}
	f.conns[call.Worker][c] = true
	f.mu.Unlock()
	err := c.Pool.Start(call)
	if err != nil {
		f.mu.Lock()
		f.inFlight[call.Worker]--
		f.mu.Unlock()
	}
	return err
}

func (c *fakeConn) worker(ctx context.Context, call *transport.Call) func() {
	return func() {
		b := c.f.behave(call)
		call.Sent = transport.Now()
		timer := time.NewTimer(b.takes)
		defer timer.Stop()
		select {
		case <-timer.C:
			call.Code = b.code
			for range b.messages {
				call.Owner.Message(call, series.FirstMessage, int64(b.takes))
				call.Owner.Message(call, series.MessageRTT, int64(b.takes))
			}
		case <-ctx.Done():
			call.Code = codes.Canceled
		}
		call.End, call.Local = transport.Now(), b.local
		if !b.unsent {
			call.MessagesSent = 1
		}
		c.f.mu.Lock()
		c.f.starts = append(c.f.starts, started{call.Worker, call.Seq, call.Intended, call.Sent, call.Code})
		c.f.inFlight[call.Worker]--
		c.f.done++
		c.f.mu.Unlock()
	}
}

// all makes every call alike.
func all(b behaviour) func(*transport.Call) behaviour {
	return func(*transport.Call) behaviour { return b }
}

// outcome is a run and everything that is known of it.
type outcome struct {
	engine.Outcome
	err       error
	took      time.Duration
	total     *recorder.Snapshot
	intervals []recorder.Snapshot // their counts and times
	rec       *recorder.Recorder
}

// some is a method of which nothing matters.
var some = transport.One(transport.Spec{}, nil)

// run makes a run in fake time, within a synctest bubble.
func run(ctx context.Context, t *testing.T, cfg engine.Config, f *fake) outcome {
	t.Helper()
	return runWith(ctx, t, recorder.Config{Messages: []series.Series{series.FirstMessage, series.MessageRTT}}, cfg, f)
}

// runWith is run, recorded as rec says.
func runWith(ctx context.Context, t *testing.T, rec recorder.Config, cfg engine.Config, f *fake) outcome {
	t.Helper()
	var o outcome
	rec.Sink = func(iv *recorder.Snapshot) error {
		o.intervals = append(o.intervals,
			recorder.Snapshot{Start: iv.Start, End: iv.End, Part: recorder.Part{Counts: iv.Counts}})
		return nil
	}
	o.rec = recorder.New(rec)
	cfg.Dialer = f
	if cfg.Addrs == nil {
		cfg.Addrs = []string{"a"}
	}
	if cfg.Methods == nil {
		cfg.Methods = some
	}
	cfg.Sleep = sleep
	began := time.Now()
	o.Outcome, o.err = engine.Run(ctx, cfg, o.rec)
	o.took = time.Since(began)
	o.total = o.rec.Total()
	check(t, f, o)
	return o
}

// look is how late the end of a run may be: the engine waits for its last look at the calls in flight.
const look = 15 * time.Millisecond

// sleep is one that fake time knows, unlike the engine's own.
func sleep(at int64) { time.Sleep(time.Duration(at - transport.Now())) }

// check holds what is true of every run, whatever became of its calls.
func check(t *testing.T, f *fake, o outcome) {
	t.Helper()
	c := o.total.Counts
	if c.Due != c.OK+c.Failed+c.Unfinished+c.NeverSent {
		t.Errorf("due %d is not ok %d + failed %d + unfinished %d + never sent %d", c.Due, c.OK, c.Failed,
			c.Unfinished, c.NeverSent)
	}
	if c.Sent != c.OK+c.Failed+c.Unfinished {
		t.Errorf("sent %d is not ok %d + failed %d + unfinished %d", c.Sent, c.OK, c.Failed, c.Unfinished)
	}
	service := o.total.Latencies[series.Service]
	if n, censored := service.Count(), service.CensoredCount(); n != c.Sent || censored != c.Unfinished {
		t.Errorf("%d latencies, %d of them lower bounds, of %d calls, %d of them unfinished", n, censored, c.Sent,
			c.Unfinished)
	}
	var codesSum int64
	for _, n := range o.total.Codes {
		codesSum += n
	}
	if codesSum != c.OK+c.Failed {
		t.Errorf("%d codes of %d calls that ended", codesSum, c.OK+c.Failed)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	measured, warm := int64(0), int64(0)
	for _, s := range f.starts {
		if s.intended >= o.Start {
			measured++
		} else {
			warm++
		}
	}
	if o.err == nil && (measured != c.Sent || warm > o.Warmup) {
		t.Errorf("the transport made %d calls of the window and %d before; recorded are %d and %d", measured, warm,
			c.Sent, o.Warmup)
	}
	for worker, n := range f.inFlight {
		if n != 0 {
			t.Errorf("worker %d still has %d calls in flight", worker, n)
		}
	}
	for _, open := range f.open {
		if open {
			t.Error("a connection was left open")
		}
	}
	for _, v := range f.violations {
		t.Error(v)
	}
	for worker, conns := range f.conns {
		if len(conns) > 1 {
			t.Errorf("worker %d used %d connections", worker, len(conns))
		}
	}
	sum := recorder.Counts{}
	for i, iv := range o.intervals {
		from, length, last := o.Start, time.Duration(iv.End-iv.Start), i == len(o.intervals)-1
		if i > 0 {
			from = o.intervals[i-1].End
		}
		if iv.Start != from || length > time.Second+look || !last && length != time.Second {
			t.Errorf("interval %d of %d is from %v to %v", i, len(o.intervals), time.Duration(iv.Start-o.Start),
				time.Duration(iv.End-o.Start))
		}
		sum.Due += iv.Counts.Due
		sum.OK += iv.Counts.OK
		sum.Failed += iv.Counts.Failed
		sum.Unfinished += iv.Counts.Unfinished
		sum.NeverSent += iv.Counts.NeverSent
	}
	if sum.Due != c.Due || sum.OK != c.OK || sum.Failed != c.Failed || sum.Unfinished != c.Unfinished ||
		sum.NeverSent != c.NeverSent {
		t.Errorf("the intervals sum up to %+v, the total is %+v", sum, c)
	}
}

// counts are the figures of a run that a test states.
type counts struct{ Due, OK, Failed, Unfinished, NeverSent, Warmup int64 }

func (o outcome) counts() counts {
	c := o.total.Counts
	return counts{c.Due, c.OK, c.Failed, c.Unfinished, c.NeverSent, o.Warmup}
}

// bubble runs a subtest in fake time.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// The run's clock counts from this process's start, where a bubble begins in the year 2000.
			time.Sleep(time.Hour - time.Duration(transport.Now()))
			test(t)
		})
	})
}

var errTest = errors.New("as the test has it")
