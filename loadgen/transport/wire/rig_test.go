package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// source sends "<seq>/<i>", or size bytes, and takes any answer but one that begins with "wrong".
type source struct {
	size   int
	broken int // the index of a message that cannot be made; 0 is none, -1 is the first
}

func (s source) Append(dst []byte, seq uint64, i int) ([]byte, error) {
	seq &= 1<<48 - 1 // what a call is made from is more
	if i == s.broken && i > 0 || s.broken < 0 {
		return nil, errors.New("out of words")
	}
	if s.size > 0 {
		return append(dst, strings.Repeat("x", s.size)...), nil
	}
	return fmt.Appendf(dst, "%d/%d", seq, i), nil
}

func (s source) Check(_ uint64, _, _ int, body []byte) error {
	if strings.HasPrefix(string(body), "wrong") {
		return fmt.Errorf("it is %q", body)
	}
	return nil
}

// ledger counts what a conn tells of its calls.
type ledger struct {
	mu     sync.Mutex
	done   map[*transport.Call]int
	starts map[*transport.Call]int
	series [series.Count][]int64
	// again, where set, is called after each Done, without the lock.
	again func(c *transport.Call)
}

func (l *ledger) Done(c *transport.Call) {
	l.mu.Lock()
	l.done[c]++
	again := l.again
	l.mu.Unlock()
	if again != nil {
		again(c)
	}
}

func (l *ledger) Message(_ *transport.Call, s series.Series, ns int64) {
	l.mu.Lock()
	l.series[s] = append(l.series[s], ns)
	l.mu.Unlock()
}

// outcome is a call's end in words.
func (l *ledger) outcome(c *transport.Call) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n := l.starts[c] - l.done[c]; {
	case n > 0:
		return "running"
	case n < 0:
		return "Done called more often than Start"
	case c.Code == codes.OK && c.Message == "":
		return "OK"
	}
	return fmt.Sprintf("%v: %s", c.Code, c.Message)
}

// rig is a conn whose every connection leads to a peer.
type rig struct {
	*ledger

	t      testing.TB
	dialer *Dialer
	spec   transport.Spec
	src    transport.Source
	conn   transport.Conn
	seq    uint64
	dials  int
	// openLoop has calls intended before their worker was free.
	openLoop bool
	mute     bool                                       // peers send no SETTINGS
	greet    []http2.Setting                            // the peers' settings
	refuse   func(n int) error                          // fails the n-th dial, from 1
	tune     func(n int, client *pipeEnd, server *peer) // changes the n-th connection before it is used
	peers    []*peer
}

func newRig(t testing.TB, spec transport.Spec, greet ...http2.Setting) *rig {
	if spec.Method == "" {
		spec.Method = "/test.Service/Method"
	}
	r := &rig{
		ledger: &ledger{done: map[*transport.Call]int{}, starts: map[*transport.Call]int{}},
		t:      t, spec: spec, src: source{}, greet: greet,
	}
	r.dialer = &Dialer{Run: 0xabc, Timeout: time.Second, dial: r.dial}
	return r
}

func (r *rig) dial(context.Context, string, string) (net.Conn, error) {
	r.mu.Lock()
	r.dials++
	n := r.dials
	r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(n); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	client, server := newPipe()
	p := newPeer(r.t, server)
	r.peers = append(r.peers, p)
	if r.tune != nil {
		r.tune(len(r.peers), client, p)
	}
	go p.read()
	if !r.mute {
		p.settings(r.greet...)
	}
	return client, nil
}

// connect dials; what the client says at once is not left in its peer's log.
func (r *rig) connect() *rig {
	r.t.Helper()
	c, err := r.dialer.Dial(r.t.Context(), "server:1", transport.One(r.spec, r.src))
	if err != nil {
		r.t.Fatalf("Dial: %v", err)
	}
	r.conn = c
	r.t.Cleanup(r.close)
	synctest.Wait()
	r.peer(1).take()
	return r
}

// close ends the conn and the peers; each call that was started must have come to Done.
func (r *rig) close() {
	r.mu.Lock()
	r.again = nil
	r.mu.Unlock()
	if err := r.conn.Close(); err != nil {
		r.t.Errorf("Close: %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.peers {
		_ = p.nc.Close()
	}
	for c, n := range r.starts {
		if r.done[c] != n {
			r.t.Errorf("call %d of worker %d: Done was called %d times for %d Starts", c.Seq, c.Worker, r.done[c], n)
		}
	}
}

// peer is the server's end of the n-th connection, from 1.
func (r *rig) peer(n int) *peer {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.peers) < n {
		r.t.Fatalf("there are %d connections, not %d", len(r.peers), n)
	}
	return r.peers[n-1]
}

// count is the number of connections so far.
func (r *rig) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.peers)
}

// call makes a worker's call, not yet started.
func (r *rig) call() *transport.Call {
	r.seq++
	return &transport.Call{Worker: uint16(r.seq), Seq: r.seq, Owner: r.ledger}
}

// begin starts c, again where it is over, without a Flush.
func (r *rig) begin(c *transport.Call) error {
	c.Reset()
	c.Intended = transport.Now()
	c.Free = c.Intended
	if r.openLoop {
		c.Intended--
	}
	r.mu.Lock()
	r.starts[c]++
	r.mu.Unlock()
	err := r.conn.Start(c)
	if err != nil {
		r.mu.Lock()
		r.starts[c]--
		r.mu.Unlock()
	}
	return err
}

// start starts a new call, and waits until nothing moves.
func (r *rig) start() *transport.Call {
	r.t.Helper()
	c := r.call()
	r.restart(c)
	return c
}

func (r *rig) restart(c *transport.Call) {
	r.t.Helper()
	if err := r.begin(c); err != nil {
		r.t.Fatalf("Start: %v", err)
	}
	r.conn.Flush()
	synctest.Wait()
}

// want checks how a call stands: its outcome begins so.
func (r *rig) want(c *transport.Call, outcome string) {
	r.t.Helper()
	synctest.Wait()
	if got := r.outcome(c); !strings.HasPrefix(got, outcome) || outcome == "OK" && got != "OK" {
		r.t.Errorf("call %d is %q, want %q", c.Seq, got, outcome)
	}
}

// heard checks what a peer read since it was last asked.
func (r *rig) heard(p *peer, want ...string) {
	r.t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, p.take()); diff != "" {
		r.t.Errorf("the server read (-want +got):\n%s", diff)
	}
}

// hears checks that a line is among what a peer read since it was last asked.
func (r *rig) hears(p *peer, line string) {
	r.t.Helper()
	synctest.Wait()
	if got := p.take(); !slices.Contains(got, line) {
		r.t.Errorf("the server read %q: want %q among it", got, line)
	}
}

// bubble runs a test whose time is fake. A bubble begins in the year 2000, before the zero of
// transport.Now: it sleeps past it, so that readings are positive as they are in a run.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 365 * 24 * time.Hour)
		f(t)
	})
}

// sizeOf is how many bytes pieces have together.
func sizeOf(pieces [][]byte) (n int) {
	for _, b := range pieces {
		n += len(b)
	}
	return n
}
