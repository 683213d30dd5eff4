package meet

import "time"

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

// pong makes a sample of an answer.
func (h *Host) pong(p *Pong) sample {
	now := h.cfg.Now()
	return sample{offset: p.Heard - (p.At + (now-p.At)/2), rtt: max(1, now-p.At)}
}

// recvPong waits for the next pong of a guest that has nothing else to say.
func (h *Host) recvPong(g *guest) (sample, bool) {
	m, err := g.link.Recv()
	if err != nil || m.Pong == nil {
		return sample{}, false
	}
	return h.pong(m.Pong), true
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
