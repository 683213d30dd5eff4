package experiment

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/quiet"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
	"grpcbench/server/host"
)

const ms = int64(time.Millisecond)

// Both sides' views of a few calls, put together by hand.
func TestPut(t *testing.T) {
	const run = 7
	at := int64(1_000_000_000_000)
	id := func(seq uint64) string { return requestid.ID{Run: run, Seq: seq}.String() }
	c := cell{
		transport: "grpc", kind: "unary", behaviour: ignores, deadline: 100 * time.Millisecond,
		delay: 300 * time.Millisecond,
	}
	told := (&matrix{run: run}).joinSides(c, map[uint64]heard{
		1: {at, at + 101*ms, codes.DeadlineExceeded},
		2: {at, at + 103*ms, codes.DeadlineExceeded},
		3: {at, at, codes.DeadlineExceeded},          // its time passed before it could leave
		4: {at, at + 102*ms, codes.DeadlineExceeded}, // and no handler saw this one
		5: {at, at + 100*ms, codes.Canceled},
	}, []contract.Handled{
		{ID: id(1), Received: at + ms, Deadline: at + 101*ms, Done: at + 102*ms, Returned: at + 301*ms},
		{ID: id(2), Received: at, Deadline: at + 100*ms, Done: at + 104*ms, Returned: at + 300*ms},
		{ID: id(5), Received: at, Deadline: at + 100*ms, Done: at + 101*ms}, // still runs
		{ID: id(99), Received: at}, // another cell's
		{ID: "nobody's"},
	}, 3)
	if told.Calls != 5 || told.NeverSent != 1 || told.NeverHandled != 1 || told.LateHandlers != 1 ||
		told.Goroutines != 3 {
		t.Errorf("%+v", told)
	}
	if diff := cmp.Diff(map[string]int64{"DEADLINE_EXCEEDED": 4, "CANCELLED": 1}, told.ClientCodes); diff != "" {
		t.Errorf("what the callers heard (-want +got):\n%s", diff)
	}
	if o := told.Overshoot; o.Count != 4 || o.Min != 0 || o.P50 != ms || o.Max != 3*ms {
		t.Errorf("overshoot %+v", o)
	}
	if l := told.Linger; l.Count != 2 || l.Min != 200*ms || l.Max != 201*ms {
		t.Errorf("linger %+v", l)
	}
	if l := told.CancelLag; l.Count != 2 || l.Min != 2*ms || l.Max != 4*ms {
		t.Errorf("cancel lag %+v", l)
	}
	if i := told.Inflation; i.Count != 3 || i.Max != ms {
		t.Errorf("inflation %+v", i)
	}
	if want := float64(201+200) / float64(300+300); told.Wasted < want-0.01 || told.Wasted > want+0.01 {
		t.Errorf("wasted %v, want %v", told.Wasted, want)
	}
	words := strings.Join(told.Wrong, "\n")
	for _, says := range []string{
		"1 of 5 calls ended CANCELLED, want DEADLINE_EXCEEDED",
		"1 calls were sent and no handler saw them", "work on for 200ms", "1 handlers still ran",
		"3 goroutines are left",
	} {
		if !strings.Contains(words, says) {
			t.Errorf("%q is not in\n%s", says, words)
		}
	}
}

// The matrix has what it should, and the target takes every cell's flags.
func TestCells(t *testing.T) {
	all := cells(plan.Timeouts{
		Transports: []string{"grpc", "wire", "rest"},
		Deadlines:  []time.Duration{50 * time.Millisecond},
	})
	n := map[string]int{}
	for _, c := range all {
		n[c.transport+" "+c.kind]++
		if err := host.CheckFlags(c.flags()); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	want := map[string]int{
		"grpc unary": 4, "grpc client stream": 4, "grpc server stream": 3, "grpc bidi": 4,
		"wire unary": 4, "wire client stream": 4, "wire server stream": 3, "wire bidi": 4, "rest unary": 4,
	}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

// A small matrix, as a user runs it: counts add up, nothing is left, and it says who is wrong.
func TestTimeouts(t *testing.T) {
	d, err := Timeouts(t.Context(),
		plan.Timeouts{
			Transports: []string{"wire"}, Deadlines: []time.Duration{60 * time.Millisecond},
			Budget: 9 * time.Second,
		}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Cells {
		var client int64
		for _, n := range c.ClientCodes {
			client += n
		}
		if c.Calls < leastOf || client != c.Calls || c.LateHandlers != 0 {
			t.Errorf("%s %s: %+v", c.Kind, c.Behaviour, c)
		}
		if deaf := c.Behaviour == ignores ||
			c.Behaviour == interceptor; deaf != slices.ContainsFunc(c.Wrong,
			func(w string) bool { return strings.Contains(w, "work on for") }) {
			t.Errorf("%s %s: it says %q", c.Kind, c.Behaviour, c.Wrong)
		}
	}
}

func TestTimeoutsRefuses(t *testing.T) {
	p := plan.Timeouts{Transports: []string{"wire"}, Deadlines: []time.Duration{time.Second}, Budget: 3 * time.Second}
	if _, err := Timeouts(t.Context(), p, func(string) {}); err == nil ||
		!strings.Contains(err.Error(), "-budget is too short") {
		t.Errorf("a second's deadline in three seconds: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.Deadlines, p.Budget = []time.Duration{20 * time.Millisecond}, 20*time.Second
	if _, err := Timeouts(ctx, p, func(string) { cancel() }); err == nil {
		t.Error("an interrupted experiment has a result")
	}
}

// matrixFor starts what the given cells need.
func matrixFor(t *testing.T, all ...cell) *matrix {
	t.Helper()
	m := &matrix{run: 1, servers: map[string]contract.Ready{}}
	if err := m.start(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.target.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// DT-2 to DT-4 over grpc and wire: nearly all calls end DEADLINE_EXCEEDED, soon after their deadline and never before;
// a server that listens stops soon, and one that does not lingers for as long as it has left.
func TestDeadlines(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures milliseconds, which wants a quiet machine: run without -short")
	}
	quiet.Need(t)
	const deadline, delay, calls = 100 * time.Millisecond, 500 * time.Millisecond, 300
	for _, over := range []string{"grpc", "wire"} {
		for _, behaviour := range []string{honours, ignores} {
			c := cell{
				transport: over, kind: "unary", rpc: "Search", behaviour: behaviour, deadline: deadline,
				delay: delay,
			}
			t.Run(over+" "+behaviour, func(t *testing.T) {
				m := matrixFor(t, c)
				ok := 0
				for try := 0; try < 3 && ok < wanted(); try++ {
					told, err := m.measure(t.Context(), c, calls)
					if err != nil {
						t.Fatal(err)
					}
					if why := deadlinesHold(c, told); why == "" {
						ok++
					} else {
						t.Log(why)
					}
				}
				if ok < wanted() {
					quiet.Errorf(t, "it held %d times of 3, want 2", ok)
				}
			})
		}
	}
}

// deadlinesHold says what does not. MEASURING.md's limits are for a client and a server with a core each; here both are
// built with the race detector and share two with everything else, so 99th percentiles get twice to four times as much.
func deadlinesHold(c cell, d result.DeadlineCell) string {
	linger := int64(10 * time.Millisecond)
	switch {
	case d.ClientCodes["DEADLINE_EXCEEDED"]*1000 < 999*d.Calls ||
		d.ClientCodes["DEADLINE_EXCEEDED"]+d.ClientCodes["CANCELLED"] != d.Calls:
		return "codes"
	case d.Overshoot.Min < -ms/10 || d.Overshoot.P50 > 1200*int64(time.Microsecond) || d.Overshoot.P99 > 20*ms:
		return "overshoot"
	case d.CancelLag.P50 > 1500*int64(time.Microsecond) || d.CancelLag.P99 > 20*ms:
		return "cancel lag"
	case c.behaviour == honours && (d.Linger.P99 > 2*linger || d.LateHandlers > 0 || d.Goroutines > 2):
		return "linger"
	case c.behaviour == ignores &&
		(d.Linger.P50 < 380*ms || d.Linger.P50 > 420*ms || d.Wasted < 0.78 || d.Wasted > 0.82):
		return "linger of a deaf handler"
	}
	return ""
}

// DT-5: of two calls at a server that takes one at a time, grpc-go tells the server of a deadline that is late by what
// the second waited; wire sends what is left.
func TestInflation(t *testing.T) {
	const hold = 300 * time.Millisecond
	for _, tt := range []struct {
		transport string
		low, high time.Duration
	}{
		{"grpc", hold - 60*time.Millisecond, hold + 60*time.Millisecond},
		{"wire", -time.Millisecond, 20 * time.Millisecond},
	} {
		c := cell{
			transport: tt.transport, kind: "unary", rpc: "Search", behaviour: honours, deadline: 2 * hold,
			delay: hold, extra: []string{"-max-streams=1"},
		}
		m := matrixFor(t, c)
		told, err := m.measure(t.Context(), c, 2)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Duration(told.Inflation.Max); got < tt.low || got > tt.high {
			t.Errorf("%s: the server's deadline is late by %v, want %v to %v: %+v", tt.transport, got, tt.low, tt.high,
				told)
		}
	}
}

// DT-6: four deaf handlers take all that a connection may have; the calls behind them are never handled though the
// server is idle, and that is said.
func TestHandlersThatTakeTheQuota(t *testing.T) {
	for _, over := range []string{"grpc", "wire"} {
		c := cell{
			transport: over, kind: "unary", rpc: "Search", behaviour: ignores, deadline: 100 * time.Millisecond,
			delay: time.Second, extra: []string{"-max-streams=4"},
		}
		m := matrixFor(t, c)
		told, err := m.measure(t.Context(), c, 12)
		if err != nil {
			t.Fatal(err)
		}
		if told.ClientCodes["DEADLINE_EXCEEDED"] != 12 || told.NeverSent+told.NeverHandled < 4 ||
			told.NeverSent+told.NeverHandled > 8 {
			t.Errorf("%s: %+v, want 12 calls past their deadline, of which up to 8 no handler saw", over, told)
		}
		if words := strings.Join(told.Wrong, "; "); !strings.Contains(words, "never sent") &&
			!strings.Contains(words, "no handler saw them") {
			t.Errorf("%s: it says %q", over, words)
		}
	}
}

// DT-8: a call's deadline counts from its actual send, not from when it was intended.
func TestDeadlineCountsFromTheSend(t *testing.T) {
	const deadline, lateness = 100 * time.Millisecond, 50 * time.Millisecond
	for _, name := range []string{"grpc", "wire"} {
		c := cell{
			transport: name, kind: "unary", rpc: "Search", behaviour: honours, deadline: deadline,
			delay: time.Second,
		}
		m := matrixFor(t, c)
		conn, err := m.dial(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		l := &listener{by: map[uint64]heard{}}
		l.left.Add(1)
		now := transport.Now()
		call := transport.Call{Owner: l, Intended: now - int64(lateness), Free: now}
		if err := conn.Start(&call); err != nil {
			t.Fatal(err)
		}
		conn.Flush()
		l.left.Wait()
		if got := time.Duration(call.End - call.Intended); got < deadline+lateness ||
			got > deadline+lateness+30*time.Millisecond {
			t.Errorf("%s: it ended %v after its intended start, want %v", name, got, deadline+lateness)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// DT-7: calls that are answered shortly before their deadline are counted once, whatever they end with.
func TestCloseToTheDeadline(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures milliseconds, which wants a quiet machine: run without -short")
	}
	quiet.Need(t)
	const deadline = 100 * time.Millisecond
	for _, over := range []string{"grpc", "wire"} {
		for _, before := range []time.Duration{20 * time.Millisecond, time.Millisecond, 100 * time.Microsecond} {
			c := cell{
				transport: over, kind: "unary", rpc: "Search", behaviour: honours, deadline: deadline,
				delay: deadline - before,
			}
			m := matrixFor(t, c)
			told, err := m.measure(t.Context(), c, 50)
			if err != nil {
				t.Fatal(err)
			}
			var n int64
			for code, k := range told.ClientCodes {
				n += k
				if code != "OK" && code != "DEADLINE_EXCEEDED" && code != "CANCELLED" {
					t.Errorf("%s, %v before: %d calls ended %s", over, before, k, code)
				}
			}
			if n != 50 || told.Calls != 50 {
				t.Errorf("%s, %v before: %d of 50 calls are counted: %+v", over, before, n, told)
			}
			// In a quick test, beside others, half is what can be asked; on a free machine it is all of them.
			if before == 20*time.Millisecond && told.ClientCodes["OK"] < 25 {
				t.Errorf("%s, %v before the deadline: only %d of 50 calls are OK", over, before, told.ClientCodes["OK"])
			}
		}
	}
}

// Files are written, and read by no one but people and reports.
func TestWriteTimeouts(t *testing.T) {
	d := &result.Timeouts{Schema: result.TimeoutsSchema}
	folder, err := result.NewFolder(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.WriteExperiment(d,
		func(w io.Writer) error { _, err := io.WriteString(w, "report"); return err }); err != nil {
		t.Fatal(err)
	}
	if err := (result.Folder{Path: "/dev/null/nowhere"}).WriteExperiment(d,
		func(io.Writer) error { return nil }); err == nil {
		t.Error("a folder that cannot be was written to")
	}
}
