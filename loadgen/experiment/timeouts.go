package experiment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/dial"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/server/contract"
)

// How the calls of a cell are spaced and counted.
const (
	spacing  = 2 * time.Millisecond
	leastOf  = 20
	mostOf   = 500
	settling = 100 * time.Millisecond // after the last handler should be over
)

// Timeouts measures how deadlines behave, cell by cell of a matrix. Client and
// server are on one machine, so their clocks are one. Progress hears what is
// being done.
func Timeouts(ctx context.Context, p plan.Timeouts, progress func(string)) (*result.Timeouts, error) {
	began := time.Now()
	m := &matrix{run: requestid.NewRun(), servers: map[string]contract.Ready{}}
	all := cells(p)
	if err := m.start(ctx, all); err != nil {
		return nil, err
	}
	defer m.target.Stop() //nolint:errcheck // it has said what there was to say
	var fixed time.Duration
	for _, c := range all {
		fixed += c.longest() + settling
	}
	calls := int((p.Budget - fixed) / spacing / time.Duration(len(all)))
	if calls < leastOf {
		need := fixed + time.Duration(leastOf*len(all))*spacing
		return nil, fmt.Errorf("-budget is too short for %d combinations: want %v or more, or fewer -transports or "+
			"-deadlines", len(all), need.Round(time.Second))
	}
	calls = min(calls, mostOf)
	d := &result.Timeouts{
		Schema: result.TimeoutsSchema, RunID: requestid.ID{Run: m.run}.RunPrefix(), Started: began, Plan: p,
		Wrong: []string{}, Environment: result.Capture(),
	}
	for i, c := range all {
		if err := ctx.Err(); err != nil {
			return nil, errors.Join(errors.New("interrupted"), err)
		}
		progress(fmt.Sprintf("%d of %d: %s over %s, deadline %v, the server %s; %v left", i+1, len(all), c.kind,
			c.transport, c.deadline, c.behaviour, (p.Budget - time.Since(began)).Round(time.Second)))
		told, err := m.measure(ctx, c, calls)
		if err != nil {
			return nil, fmt.Errorf("%s over %s: %w", c.kind, c.transport, err)
		}
		d.Cells = append(d.Cells, told)
		for _, w := range told.Wrong {
			d.Wrong = append(d.Wrong, fmt.Sprintf("%s over %s, deadline %v, server %s: %s", c.kind, c.transport,
				c.deadline, c.behaviour, w))
		}
	}
	d.DurationNs = int64(time.Since(began))
	return d, nil
}

// matrix is the experiment being carried out.
type matrix struct {
	run     uint32
	target  *child.Target
	servers map[string]contract.Ready // by their flags
	calls   uint64                    // made so far, so that every request id is new
}

// start starts a target with a server for each different list of flags.
func (m *matrix) start(ctx context.Context, all []cell) (err error) {
	var lists [][]string
	for _, c := range all {
		if f := c.flags(); !slices.ContainsFunc(lists, func(l []string) bool { return slices.Equal(l, f) }) {
			lists = append(lists, f)
		}
	}
	if m.target, err = child.Start(ctx, contract.Config{Args: lists[0], More: lists[1:]}, io.Discard); err != nil {
		return err
	}
	for i, ready := range append([]contract.Ready{m.target.Ready}, m.target.Ready.More...) {
		m.servers[strings.Join(lists[i], " ")] = ready
		if err := warm(ctx, ready.HTTP); err != nil {
			return errors.Join(err, m.target.Stop())
		}
	}
	return nil
}

// warm lets the gateway connect to its server, so that no cell's goroutines are those of that connection.
func warm(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		return fmt.Errorf("warm the gateway up: %w", err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return fmt.Errorf("warm the gateway up: %w", err)
	}
	return res.Body.Close()
}

// heard is what the caller heard of a call. Times are of the wall clock.
type heard struct {
	sent, end int64
	code      codes.Code
}

// listener is the owner of a cell's calls.
type listener struct {
	mu   sync.Mutex
	by   map[uint64]heard
	left sync.WaitGroup
}

// Done implements transport.Owner.
func (l *listener) Done(c *transport.Call) {
	h := heard{sent: transport.Wall(c.Sent).UnixNano(), code: c.Code}
	h.end = h.sent + c.End - c.Sent
	l.mu.Lock()
	l.by[c.Seq] = h
	l.mu.Unlock()
	l.left.Done()
}

// Message implements transport.Owner.
func (*listener) Message(*transport.Call, series.Series, int64) {}

// measure makes the calls of a cell, one every spacing, and puts together what both sides saw.
func (m *matrix) measure(ctx context.Context, c cell, calls int) (result.DeadlineCell, error) {
	none := result.DeadlineCell{}
	conn, err := m.dial(ctx, c)
	if err != nil {
		return none, err
	}
	before, err := m.target.Answer(ctx, contract.Mark{Mark: contract.MarkStart})
	if err != nil {
		return none, errors.Join(err, conn.Close())
	}
	l := &listener{by: map[uint64]heard{}}
	all := make([]transport.Call, calls)
	tick := time.NewTicker(spacing)
	defer tick.Stop()
	for i := range all {
		all[i] = transport.Call{Worker: uint16(i), Seq: m.calls, Owner: l, Intended: transport.Now()}
		all[i].Free = all[i].Intended
		m.calls++
		l.left.Add(1)
		if err := conn.Start(&all[i]); err != nil {
			return none, errors.Join(err, conn.Close())
		}
		conn.Flush()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return none, errors.Join(ctx.Err(), conn.Close())
		}
	}
	l.left.Wait() // each call has a deadline
	time.Sleep(max(0, c.longest()-c.deadline) + settling)
	if err := conn.Close(); err != nil {
		return none, err
	}
	time.Sleep(settling / 4) // for the server to see that
	after, err := m.target.Answer(ctx, contract.Mark{Mark: contract.MarkStop})
	if err != nil {
		return none, err
	}
	return m.joinSides(c, l.by, after.Handled, after.Goroutines-before.Goroutines), nil
}

// dial connects for a cell.
func (m *matrix) dial(ctx context.Context, c cell) (transport.Conn, error) {
	def, err := scenario.Find(c.rpc)
	if err != nil {
		return nil, err
	}
	spec, src, err := def.Build(c.options())
	if err != nil {
		return nil, err
	}
	ready := m.servers[strings.Join(c.flags(), " ")]
	chain, err := grpcconn.Interceptors([]string{"requestid"}, m.run, nil, nil)
	if err != nil {
		return nil, err
	}
	d, http := dial.New(c.transport, dial.Options{Run: m.run, Timeout: callTimeout, Interceptors: chain})
	if http {
		return d.Dial(ctx, ready.HTTP, transport.One(spec, src))
	}
	return d.Dial(ctx, ready.Addr, transport.One(spec, src))
}
