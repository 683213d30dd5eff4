package meet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Events are what the host hears from its guests. They may be called concurrently, of one guest in order.
type Events struct {
	Second func(shard, index int, snapshot json.RawMessage)
	Report func(shard int, report json.RawMessage)
	// Lost is called where a guest's link broke before its report.
	Lost func(shard int, err error)
}

// Clock is how a guest's clock stands to the host's.
type Clock struct {
	// Offset is the guest's time of day minus the host's, known to half of RTT; Drift is by how much it
	// changed until the end, known to half of both round trips. All are nanoseconds.
	Offset, RTT, Drift, DriftRTT int64
}

// Host is shard 0. Its methods may be called concurrently.
type Host struct {
	cfg    Config
	events Events
	closer io.Closer

	mu      sync.Mutex
	guests  []*guest // by index; nil while it is not there
	closed  bool     // the run has begun, or was given up: nobody is taken any more
	changed chan struct{}
	begun   begun
	asking  sync.WaitGroup
	done    chan struct{}
}

// guest is what the host knows of one.
type guest struct {
	index int
	host  string
	epoch int64
	link  link
	send  sync.Mutex
	pongs chan sample
	clock sample // the exchange of the start
	last  sample // of the end
	// Guarded by the host's lock.
	ready, over bool
}

// sample is one exchange.
type sample struct{ offset, rtt int64 }

// Listen is shard 0 at the meeting's place.
func Listen(ctx context.Context, cfg Config, events Events) (*Host, error) {
	h := &Host{
		cfg: cfg, events: events, guests: make([]*guest, cfg.Hello.Count), changed: make(chan struct{}, 1),
		done: make(chan struct{}),
	}
	var err error
	if cfg.Folder {
		h.closer, err = listenFolder(cfg.dir(), h.begun.patience, h.receiveGuest)
	} else {
		h.closer, err = listenStreams(ctx, cfg.Meet, &cfg, h.receiveGuest)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// notify wakes Start and Wait; the lock is held.
func (h *Host) notify() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// listen hears a guest until its report.
func (h *Host) listen(g *guest) error {
	for {
		m, err := g.link.Recv()
		if err != nil {
			return unexpected(err)
		}
		switch {
		case m.Ready:
			h.mu.Lock()
			g.ready = true
			h.notify()
			h.mu.Unlock()
		case m.Pong != nil:
			s := h.pong(m.Pong)
			select { // what nobody waits for any more is dropped
			case g.pongs <- s:
			default:
			}
		case m.Second != nil:
			h.events.Second(g.index, m.Second.Index, m.Second.Snapshot)
		case m.Report != nil:
			g.last = g.compare(h.cfg.Now, closing, func() (sample, bool) { return h.recvPong(g) })
			h.events.Report(g.index, m.Report)
			return g.sendMessage(&Message{Bye: true})
		}
	}
}

func (g *guest) sendMessage(m *Message) error {
	g.send.Lock()
	defer g.send.Unlock()
	if err := g.link.Send(m); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, unexpected(err))
	}
	return nil
}

// Start waits until all are here and ready, compares the clocks, and tells all when to start: at, a reading of the
// host's clock. What it returns after the timeout names who is missing.
func (h *Host) Start(ctx context.Context) (at int64, err error) {
	late := time.NewTimer(h.cfg.Timeout)
	defer late.Stop()
	for {
		missing, ready := h.missing()
		if len(missing) == 0 && ready {
			break
		}
		select {
		case <-h.changed:
		case <-late.C:
			if len(missing) > 0 {
				return 0, h.refuseAll(fmt.Errorf("of %d shards these did not come within %v: %s", h.cfg.Hello.Count,
					h.cfg.Timeout, list(missing)))
			}
			return 0, h.refuseAll(fmt.Errorf("all shards are here, but not all connected to the server within %v",
				h.cfg.Timeout))
		case <-ctx.Done():
			return 0, h.refuseAll(context.Cause(ctx))
		}
	}
	guests := h.all()
	var comparing sync.WaitGroup
	for _, g := range guests {
		comparing.Go(func() { g.clock = g.compare(h.cfg.Now, opening, g.answer) })
	}
	comparing.Wait()
	slowest := int64(0)
	for _, g := range guests {
		if g.clock.rtt == 0 {
			return 0, h.refuseAll(fmt.Errorf("shard %d at %s does not answer", g.index, g.host))
		}
		slowest = max(slowest, g.clock.rtt)
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.begun.Store(true)
	h.asking.Go(h.ask)
	at = h.cfg.Now() + int64(leadTime) + 4*slowest
	for _, g := range guests {
		if err := g.sendMessage(&Message{Start: &Start{At: at + g.clock.offset}}); err != nil {
			return 0, h.refuseAll(fmt.Errorf("tell shard %d when to start: %w", g.index, err))
		}
	}
	return at, nil
}

// leadTime is how long before the start all are told of it.
const leadTime = 200 * time.Millisecond

// all are the guests that are here.
func (h *Host) all() (guests []*guest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.guests {
		if g != nil {
			guests = append(guests, g)
		}
	}
	return guests
}

// refuseAll tells those who are here that there will be no run.
func (h *Host) refuseAll(err error) error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	for _, g := range h.all() {
		_ = g.sendMessage(&Message{Refused: err.Error()}) // whoever is gone need not know
	}
	return fmt.Errorf("meet the other shards: %w", err)
}

// Stop tells all guests to stop.
func (h *Host) Stop(reason string) {
	for _, g := range h.all() {
		_ = g.sendMessage(&Message{Stop: reason}) // whoever is gone need not know
	}
}

// Wait waits until each guest has sent its report or is lost, for at most so long; then the rest is lost too.
func (h *Host) Wait(ctx context.Context, patience time.Duration) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		h.mu.Lock()
		waiting := slices.ContainsFunc(h.guests, func(g *guest) bool { return g != nil && !g.over })
		h.mu.Unlock()
		if !waiting {
			return
		}
		select {
		case <-h.changed:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// ask asks each guest every second for its time, so that each side knows that the other is there.
func (h *Host) ask() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-h.done:
			return
		case <-t.C:
		}
		for _, g := range h.all() {
			_ = g.sendMessage(&Message{Ping: &Ping{At: h.cfg.Now()}}) // whoever hears the guest sees that it is gone
		}
	}
}

// Close ends the meeting.
func (h *Host) Close() error {
	close(h.done)
	h.asking.Wait()
	return h.closer.Close()
}

// Hosts are the names of the guests' machines, by shard.
func (h *Host) Hosts() []string {
	hosts := make([]string, h.cfg.Hello.Count)
	hosts[0] = h.cfg.Hello.Host
	for _, g := range h.all() {
		hosts[g.index] = cmp.Or(g.host, "unknown")
	}
	return hosts
}
