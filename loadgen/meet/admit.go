package meet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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

// removeGuest takes a guest off the list, whose link is over: in good order where err is nil.
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

func list(names []int) string {
	text := make([]string, len(names))
	for i, n := range names {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ", ")
}
