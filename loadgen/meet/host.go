package meet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
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

// receiveGuest hears a guest out.
func (h *Host) receiveGuest(l link, from string) {
	m, err := l.Recv()
	if err != nil || m.Hello == nil {
		h.cfg.logf("somebody at %s says what is no hello", from)
		return
	}
	if m.Hello.Round > h.cfg.Hello.Round && h.cfg.Hello.Round > 0 {
		_ = l.Send(&Message{Later: true}) // whoever is gone need not know
		return
	}
	g, why := h.admit(m.Hello, l)
	if why != "" {
		h.cfg.logf("shard %d at %s (%s) was refused: %s", m.Hello.Index, m.Hello.Host, from, why)
		_ = l.Send(&Message{Refused: why}) // whoever is gone need not know
		return
	}
	if err := g.sendMessage(&Message{Welcome: true, Offer: h.cfg.Offer}); err != nil {
		h.removeGuest(g, err)
		return
	}
	h.removeGuest(g, h.listen(g))
}

// admit takes a guest that says who it is, or says why not.
func (h *Host) admit(hello *Hello, l link) (g *guest, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := &h.cfg.Hello
	switch {
	case hello.Run != own.Run:
		return nil, fmt.Sprintf("this is the run %q, not %q", own.Run, hello.Run)
	case hello.Count != own.Count:
		return nil, fmt.Sprintf("this run is made by %d processes, not %d", own.Count, hello.Count)
	case hello.Version != own.Version:
		return nil, fmt.Sprintf("shard 0 is loadgen %s, not %s", own.Version, hello.Version)
	case hello.Index <= 0 || hello.Index >= own.Count:
		return nil, fmt.Sprintf("it calls itself shard %d of %d", hello.Index, own.Count)
	case !sameJSON(hello.Plan, own.Plan):
		return nil, "its plan is another: " + differences(own.Plan, hello.Plan)
	case h.closed:
		return nil, "the run has begun without it"
	case h.guests[hello.Index] != nil:
		return nil, fmt.Sprintf("shard %d is here already, from %s", hello.Index, h.guests[hello.Index].host)
	}
	g = &guest{index: hello.Index, host: hello.Host, epoch: hello.Epoch, link: l, pongs: make(chan sample, 1)}
	h.guests[hello.Index] = g
	h.notify()
	return g, ""
}

// differences names the settings in which two plans differ.
func differences(a, b json.RawMessage) string {
	var x, y map[string]json.RawMessage
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return "it cannot be read"
	}
	var names []string
	for name, v := range x {
		if !sameJSON(v, y[name]) {
			names = append(names, name)
		}
	}
	for name := range y {
		if x[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
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

// pong makes a sample of an answer.
func (h *Host) pong(p *Pong) sample {
	now := h.cfg.Now()
	return sample{offset: p.Heard - (p.At + (now-p.At)/2), rtt: max(1, now-p.At)}
}

// recvPong is the next pong of a guest that has nothing else to say.
func (h *Host) recvPong(g *guest) (sample, bool) {
	m, err := g.link.Recv()
	if err != nil || m.Pong == nil {
		return sample{}, false
	}
	return h.pong(m.Pong), true
}

// removeGuest is the end of a guest's link: in good order where err is nil.
func (h *Host) removeGuest(g *guest, err error) {
	h.mu.Lock()
	closed := h.closed
	g.over = true
	if err != nil && !closed { // another may come in its place
		h.guests[g.index] = nil
	}
	h.notify()
	h.mu.Unlock()
	switch {
	case err == nil:
	case h.begun.Load():
		h.events.Lost(g.index, err)
	case !closed:
		h.cfg.logf("shard %d at %s is gone before the start: %v", g.index, g.host, err)
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

// How many exchanges compare a guest's clock at the start and at the end. The one that took least time says most: an
// answer lies between the ping and the pong, and the middle is off by half of that at most (Cristian, 1989).
const (
	opening = 20
	closing = 5
	// answering is how long a pong is waited for.
	answering = time.Second
)

// compare exchanges readings with a guest, as often as it answers, and returns the best; answer waits for the next.
func (g *guest) compare(now func() int64, times int, answer func() (sample, bool)) (best sample) {
	for range times {
		if err := g.sendMessage(&Message{Ping: &Ping{At: now()}}); err != nil {
			return best
		}
		s, ok := answer()
		if !ok {
			return best
		}
		if best.rtt == 0 || s.rtt < best.rtt {
			best = s
		}
	}
	return best
}

// answer is the next pong, from who hears the guest.
func (g *guest) answer() (s sample, ok bool) {
	select {
	case s := <-g.pongs:
		return s, true
	case <-time.After(answering): //nolint:forbidigo // a few, at the start
		return s, false
	}
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

func list(names []int) string {
	text := make([]string, len(names))
	for i, n := range names {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ", ")
}

// missing are the shards that are not here, and whether all that are, are ready.
func (h *Host) missing() (missing []int, ready bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ready = true
	for i, g := range h.guests[1:] {
		switch {
		case g == nil:
			missing = append(missing, i+1)
		case !g.ready:
			ready = false
		}
	}
	return missing, ready
}

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

// Clocks are the guests' clocks, by shard; the host's own is the zero Clock.
func (h *Host) Clocks() []Clock {
	clocks := make([]Clock, h.cfg.Hello.Count)
	for _, g := range h.all() {
		c := Clock{Offset: g.epoch + g.clock.offset - h.cfg.Hello.Epoch, RTT: g.clock.rtt}
		if g.last.rtt > 0 {
			c.Drift, c.DriftRTT = g.last.offset-g.clock.offset, g.last.rtt
		}
		clocks[g.index] = c
	}
	return clocks
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
