//go:build unix

package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/scenario"
)

// tally is what a run over wire and one over grpc must have in common.
type tally struct {
	Exit                             int
	Due, Sent, OK, Failed            int64
	Unfinished, NeverSent            int64
	MessagesSent, MessagesReceived   int64
	BytesSent, BytesReceived         int64
	Codes                            map[string]int64
	FirstMessage, RTT, Gaps, Blocked int64 // how many latencies there are within calls
	Failure                          string
}

// tallyOf makes a run and sums it up. Of calls that the server fails while they send, how much was sent is a matter
// of chance, over any transport: only the others' messages count.
func tallyOf(t *testing.T, messages bool, args ...string) tally {
	t.Helper()
	p := loadgen(t, args...)
	exit := p.ends(t)
	d := p.wantResult(t)
	c := d.Counts
	x := tally{
		Exit: exit, Due: c.Due, Sent: c.Sent, OK: c.OK, Failed: c.Failed,
		Unfinished: c.Unfinished, NeverSent: c.NeverSent, Codes: d.Codes, Failure: failure(d),
	}
	if messages {
		x.MessagesSent, x.MessagesReceived, x.BytesSent, x.BytesReceived = c.MessagesSent, c.MessagesReceived,
			c.BytesSent, c.BytesReceived
		x.FirstMessage, x.RTT = d.Latency["first_message"].Count, d.Latency["message_rtt"].Count
		x.Gaps, x.Blocked = d.Latency["message_gap"].Count, d.Latency["send_blocked"].Count
	}
	return x
}

// ends waits for the end of loadgen and returns its exit code. What these tests are about does not depend on whether
// the machine was quiet: that the measurement is not to be believed is no failure of theirs.
func (p *process) ends(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		t.Fatal("loadgen does not end")
	}
	if code := p.ProcessState.ExitCode(); code != exitInvalid {
		return code
	}
	return exitOK
}

// failure is what the server says to a failed call, where it is the server that says it.
func failure(d *result.Document) string {
	i := slices.IndexFunc(d.Exemplars, func(x result.Exemplar) bool { return x.Kind == "failed" })
	if i < 0 || d.Exemplars[i].Code == "DEADLINE_EXCEEDED" { // each transport has its own words for its own deadline
		return ""
	}
	return d.Exemplars[i].Message
}

// Whatever the target does, a run over wire comes to what one over grpc-go does.
func TestWireAgreesWithGRPC(t *testing.T) {
	all := scenario.Names()
	kinds := []string{"Search", "SearchIn", "SearchOut", "SearchIO"}
	clientStreams := []string{"SearchIn", "SearchIO", "CreateRepo", "GetHelp"} // -messages is for these
	short := []string{"-n=60", "-c=4", "-conns=2", "-messages=20"}
	one := []string{"-n=60", "-c=4", "-conns=2", "-messages=1"}
	for _, tt := range []struct {
		reason   string
		target   []string
		rpcs     []string
		args     []string
		messages bool // every message is sure to be sent and received
	}{
		{"nothing is wrong", nil, all, short, true},
		{
			"few streams at a time",
			[]string{"-max-streams=1"},
			kinds,
			[]string{"-n=60", "-c=8", "-conns=2", "-messages=3"},
			true,
		},
		{"delay", []string{"-inject=delay=5ms"}, kinds, []string{"-n=40", "-c=8", "-messages=2"}, true},
		{
			"every call fails",
			[]string{"-inject=error=1:NOT_FOUND"},
			[]string{"Search", "SearchOut", "Check"},
			short,
			false,
		},
		{
			"every call fails",
			[]string{"-inject=error=1:UNAVAILABLE"},
			[]string{"SearchIn", "SearchIO", "CreateRepo", "Watch"},
			[]string{"-n=12", "-c=4"},
			false,
		},
		{"every call fails, late", []string{"-inject=error=1:DATA_LOSS:5ms"}, kinds, []string{"-n=12", "-c=4"}, false},
		{"every handler panics", []string{"-interceptors=recovery", "-inject=panic=1"}, kinds, short, false},
		{
			"no call is answered in time",
			[]string{"-inject=delay=10s"},
			kinds,
			[]string{"-n=16", "-c=8", "-timeout=50ms"},
			false,
		},
		{
			"each fourth call is not",
			[]string{"-inject=slow=4:10s"},
			[]string{"Search", "SearchOut", "SearchIO"},
			[]string{"-n=40", "-c=10", "-timeout=1s", "-messages=3"},
			false,
		},
		{"a stream of no answers", []string{"-search-out-count=0"}, []string{"SearchOut"}, short, true},
		{"a stream of many", []string{"-search-out-count=2000"}, []string{"SearchOut"}, []string{"-n=8", "-c=4"}, true},
		{"an upload is too large", []string{"-max-upload=1000"}, []string{"CreateRepo"}, short, false},
		{
			"the server tires of a slow client",
			[]string{"-interceptors=timeout", "-recv-timeout=100ms"},
			[]string{"SearchIO", "SearchIn"},
			[]string{"-n=4", "-c=4", "-messages=2", "-interval=1s"},
			false,
		},
		{
			"the call orders its own fault",
			[]string{"-allow-inject"},
			kinds,
			append(slices.Clone(one), "-H=x-inject: error=1:ABORTED"), false,
		},
		{
			"metadata", nil,
			[]string{"Search", "SearchIO"},
			append(slices.Clone(one), "-H=x-text: two words", "-H=x-bytes-bin: AP8=",
				"-H=x-long: "+strings.Repeat("x", 20<<10)), true,
		},
		{
			"large messages", nil,
			[]string{"Search", "SearchOut", "GetUser", "GetHelp", "SearchIn"},
			[]string{"-n=8", "-c=4", "-size=200000", "-messages=5"},
			true,
		},
		{"large uploads", nil, []string{"CreateRepo"}, []string{"-n=8", "-c=4", "-size=1000000", "-messages=5"}, true},
		{
			"small messages", nil,
			[]string{"SearchIn", "SearchIO", "CreateRepo"},
			[]string{"-n=8", "-c=4", "-size=20", "-messages=500"},
			true,
		},
		{
			"messages apart", nil,
			[]string{"SearchIn", "SearchIO", "CreateRepo"},
			[]string{"-n=8", "-c=8", "-messages=5", "-interval=5ms"},
			true,
		},
		{
			"messages at a rate", nil,
			[]string{"SearchIn", "SearchIO", "GetHelp"},
			[]string{"-n=8", "-c=8", "-messages=5", "-message-rate=1000"},
			true,
		},
		{"an open loop", nil, kinds, []string{"-n=60", "-c=20", "-rate=400", "-messages=3"}, true},
		{"metadata without a value", nil, []string{"Search"}, append(slices.Clone(one), "-H=x-empty:"), true},
		{
			"another authority", nil,
			[]string{"Search"},
			append(slices.Clone(one), "-authority=service.example.com"),
			true,
		},
	} {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			t.Parallel()
			rpcs := tt.rpcs
			if testing.Short() {
				rpcs = rpcs[:min(len(rpcs), 2)]
			}
			// each transport has a target of its own: what CreateRepo answers counts its calls
			addrs := map[string]string{}
			for _, transport := range []string{"grpc", "wire"} {
				_, addrs[transport] = external(t,
					append([]string{"-unary-timeout=30s", "-recv-timeout=30s"}, tt.target...)...)
			}
			for _, rpc := range rpcs {
				args := []string{"-rpc=" + rpc, "-warmup=0s"}
				for _, a := range tt.args {
					if streams := slices.Contains(clientStreams, rpc); streams || !strings.HasPrefix(a, "-messages") {
						args = append(args, a)
					}
				}
				want := tallyOf(t, tt.messages,
					append(slices.Clone(args), "-transport=grpc", "-addr="+addrs["grpc"])...)
				got := tallyOf(t, tt.messages, append(slices.Clone(args), "-transport=wire", "-addr="+addrs["wire"])...)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s %q (-grpc +wire):\n%s", rpc, args, diff)
				}
			}
		})
	}
}

// Streams that last as long as the run: how much they carry is a matter of time, what becomes of them is not.
func TestWireStreamsAsLongAsTheRun(t *testing.T) {
	for _, rpc := range []string{"SearchIn", "SearchIO", "CreateRepo", "GetHelp"} {
		p := loadgen(t, "-transport=wire", "-rpc="+rpc, "-messages=0", "-c=6", "-conns=2", "-d=300ms", "-size=1000",
			patient+" -max-upload=2147483647")
		if exit := p.ends(t); exit != exitOK {
			t.Errorf("%s: exit %d", rpc, exit)
		}
		if c := p.wantResult(t).Counts; c.OK != 6 || c.Due != 6 || c.MessagesSent < 12 {
			t.Errorf("%s: counts %+v, want 6 calls, OK", rpc, c)
		}
	}
}

// Every RPC does over wire what it is for.
func TestWireCarriesEveryRPC(t *testing.T) {
	d := "-d=2s"
	if testing.Short() {
		d = "-d=150ms"
	}
	for _, rpc := range scenario.Names() {
		t.Run(rpc, func(t *testing.T) {
			t.Parallel()
			p := loadgen(t, "-transport=wire", "-rpc="+rpc, "-c=50", d, "-warmup=0s", "-drain=30s", patient)
			if exit := p.ends(t); exit != exitOK {
				t.Errorf("exit %d", exit)
			}
			if c := p.wantResult(t).Counts; c.OK == 0 || c.Failed != 0 || c.Unfinished != 0 || c.NeverSent != 0 {
				t.Errorf("counts %+v", c)
			}
		})
	}
}

// What wire cannot do it says, before any load.
func TestWireRefuses(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		exit   int
		says   []string
	}{
		{
			"interceptors are grpc-go's",
			[]string{"-client-interceptors=logging"},
			exitUsage,
			[]string{"-client-interceptors", "-transport grpc"},
		},
		{
			"it resolves no xds",
			[]string{"-addr=xds:///foo"},
			exitUsage,
			[]string{"xds", "only -transport grpc resolves"},
		},
		{"an address needs its port", []string{"-addr=localhost"}, exitUsage, []string{"localhost", "port"}},
		{"gRPC's own metadata", []string{"-H=grpc-timeout: 1S"}, 0, []string{"grpc-timeout"}},
	} {
		p := loadgen(t, append(tt.args, "-transport=wire", "-rpc=Search", "-n=10", "-c=2", "-warmup=0s")...)
		if code := p.ends(t); code != tt.exit && (tt.exit != 0 || code == 0) {
			t.Errorf("%s: exit %d, want %d", tt.reason, code, tt.exit)
		}
		for _, words := range tt.says {
			if !strings.Contains(p.stderr.String(), words) {
				t.Errorf("%s: it says %q, and nothing of %q", tt.reason, p.stderr.String(), words)
			}
		}
		if d, err := result.Read(p.out); err == nil {
			t.Errorf("%s: there is a result of a run that never began: %+v", tt.reason, d.Counts)
		}
	}
}

// loops are the two ways in which calls start.
var loops = map[string][]string{
	"closed": {"-c=8", "-conns=2"},
	"open":   {"-c=100", "-conns=2", "-rate=300"},
}

// A server that is killed and comes back on its address: the run goes on, and is connected again.
func TestWireOutlivesItsServer(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped in -short: it measures for 4s, in the middle of which the server dies and comes back")
	}
	for loop, args := range loops {
		for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			t.Run(loop+"/"+strings.ReplaceAll(end.String(), " ", "_"), func(t *testing.T) {
				t.Parallel()
				const delay = "-inject=delay=20ms"
				server, addr := external(t, delay)
				p := loadgen(t, append(args, "-transport=wire", "-rpc=Search", "-d=4s", "-warmup=0s", "-addr="+addr)...)
				p.runFor(t, 1200*time.Millisecond)
				if err := server.Process.Signal(end); err != nil {
					t.Fatal(err)
				}
				_ = server.Wait()
				time.Sleep(300 * time.Millisecond)
				external(t, "-listen="+addr, delay)
				if exit := p.ends(t); exit != exitOK {
					t.Errorf("exit %d", exit)
				}
				d := p.wantResult(t)
				c := d.Counts
				if c.OK == 0 || c.Failed == 0 || c.Failed != d.Codes["UNAVAILABLE"] || c.Unfinished != 0 ||
					c.NeverSent != 0 {
					t.Errorf("counts %+v, codes %v", c, d.Codes)
				}
				for _, x := range d.Series {
					if full := x.TS > 3 && x.TS <= 4; full && (x.OK < 100 || x.Failed > 0) {
						t.Errorf("in the second that ends at %v, the server back for long: %+v", x.TS, x)
					}
				}
				if len(d.Series) < 4 {
					t.Errorf("the series is %+v", d.Series)
				}
				if loop == "open" && c.Due != 1200 {
					t.Errorf("%d calls were due, want 1200", c.Due)
				}
				for _, x := range d.Exemplars {
					// A server that ends gracefully answers what it has begun: only those fail that found no server.
					if x.Kind == "failed" && end == syscall.SIGTERM &&
						!strings.HasPrefix(x.Message, "there is no connection") {
						t.Errorf("a call failed at a graceful end: %+v", x)
					}
				}
			})
		}
	}
}

// forwarder hands connections on to the server that is current, as what stands before several of them does.
type forwarder struct {
	addr   string
	to     atomic.Value // string
	mu     sync.Mutex
	served map[string]int // connections, by server
}

func newForwarder(t *testing.T) *forwarder {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{addr: lis.Addr().String(), served: map[string]int{}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			from, err := lis.Accept()
			if err != nil {
				return
			}
			addr, _ := f.to.Load().(string)
			to, err := net.Dial("tcp", addr)
			if err != nil {
				from.Close()
				continue
			}
			f.mu.Lock()
			f.served[addr]++
			f.mu.Unlock()
			pipe := func(dst, src net.Conn) {
				_, _ = io.Copy(dst, src)
				_ = dst.(*net.TCPConn).CloseWrite()
			}
			group.Go(func() { pipe(to, from) })
			group.Go(func() { pipe(from, to) })
		}
	})
	t.Cleanup(func() { lis.Close(); group.Wait() })
	return f
}

// Where another server takes over, and the old one says GOAWAY, no call fails: those that it began end there, the
// others go to the new one.
func TestWireGoesOverToTheNextServer(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped in -short: it takes its time, in which the server is replaced twice")
	}
	for loop, args := range loops {
		for rpc, more := range map[string][]string{
			"Search":   {"-rpc=Search"},
			"SearchIO": {"-rpc=SearchIO", "-messages=10", "-interval=10ms"},
			"SearchIn": {"-rpc=SearchIn", "-messages=20", "-size=5000"},
		} {
			t.Run(loop+"/"+rpc, func(t *testing.T) {
				t.Parallel()
				f := newForwarder(t)
				delay := "-inject=delay=20ms"
				server, addr := external(t, delay, "-max-streams=20")
				f.to.Store(addr)
				addrs := []string{addr}
				p := loadgen(t, append(slices.Concat(args, more), "-transport=wire", "-d=30s", "-warmup=0s",
					"-addr="+f.addr)...)
				serves := func() bool { // the last one, whatever the machine makes of its start
					f.mu.Lock()
					defer f.mu.Unlock()
					return f.served[addrs[len(addrs)-1]] >= 2
				}
				for range 2 {
					p.until(t, "the server is not connected to", serves)
					p.runFor(t, 300*time.Millisecond)
					next, addr := external(t, delay, "-max-streams=20")
					f.to.Store(addr)
					addrs = append(addrs, addr)
					if err := server.Process.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
					if err := server.Wait(); err != nil { // it drained in time
						t.Errorf("the server that goes: %v", err)
					}
					server = next
				}
				p.until(t, "the last server is not connected to", serves)
				time.Sleep(300 * time.Millisecond)
				p.signal(t, syscall.SIGINT) // which ends a run as its time would
				if exit := p.ends(t); exit != exitOK {
					t.Errorf("exit %d", exit)
				}
				d := p.wantResult(t)
				if c := d.Counts; c.OK == 0 || c.OK != c.Due {
					t.Errorf("counts %+v, codes %v, first failure %q", c, d.Codes, failure(d))
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				for _, addr := range addrs {
					if f.served[addr] < 2 {
						t.Errorf("connections by server: %v, want 2 for each of %q", f.served, addrs)
					}
				}
			})
		}
	}
}
