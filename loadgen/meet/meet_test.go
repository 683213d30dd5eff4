package meet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is where a test's shards meet: over TCP, with or without a secret, or in a folder.
type place struct {
	name   string
	config func(t *testing.T) Config
}

func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

var places = []place{
	{"plaintext", func(t *testing.T) Config { return Config{Meet: address(t)} }},
	{"a secret", func(t *testing.T) Config { return Config{Meet: address(t), Token: "a secret of some length"} }},
	{"a folder", func(t *testing.T) Config { return Config{Meet: t.TempDir(), Folder: true} }},
}

// began is where the clocks of this test count from.
var began = time.Now()

// clock is one that is ahead of the others' by so much.
func clock(ahead time.Duration) func() int64 {
	return func() int64 { return int64(time.Since(began) + ahead) }
}

// of is the i-th shard's configuration, whose clock is i hours ahead.
func (p place) of(c Config, index, count int) Config {
	c.Hello = Hello{
		Run: "r", Index: index, Count: count, Version: "v", Plan: json.RawMessage(`{"rate":1,"c":2}`),
		Host: fmt.Sprint("host", index),
	}
	c.Timeout, c.Now = 10*time.Second, clock(time.Duration(index)*time.Hour)
	return c
}

// notes are what was said, and heard.
type notes struct {
	mu   sync.Mutex
	all  []string
	news chan struct{}
}

func newNotes() *notes { return &notes{news: make(chan struct{}, 100)} }

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	n.all = append(n.all, fmt.Sprintf(format, args...))
	n.mu.Unlock()
	n.news <- struct{}{}
}

// wait waits for a note that holds text.
func (n *notes) wait(t *testing.T, text string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		n.mu.Lock()
		all := strings.Join(n.all, "\n")
		n.mu.Unlock()
		if strings.Contains(all, text) {
			return
		}
		select {
		case <-n.news:
		case <-late:
			t.Fatalf("nothing says %q:\n%s", text, all)
		}
	}
}

func (n *notes) events() Events {
	return Events{
		Second: func(shard, index int, s json.RawMessage) { n.add("second %d of %d: %s", index, shard, s) },
		Report: func(shard int, r json.RawMessage) { n.add("report of %d: %s", shard, r) },
		Lost:   func(shard int, err error) { n.add("lost %d: %v", shard, err) },
	}
}

// All start at one time, whatever their clocks show, what they say is heard, and all end in good order.
func TestMeet(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			const count = 4
			c := p.config(t)
			heard := newNotes()
			cfg := p.of(c, 0, count)
			h, err := Listen(t.Context(), cfg, heard.events())
			if err != nil {
				t.Fatal(err)
			}
			starts := make([]int64, count)
			var group sync.WaitGroup
			for i := 1; i < count; i++ {
				group.Go(func() {
					cfg := p.of(c, i, count)
					g, err := Join(t.Context(), cfg, func(string) {})
					if err != nil {
						t.Error(err)
						return
					}
					at, err := g.Start(t.Context())
					if err != nil {
						t.Error(err)
					}
					starts[i] = at - int64(time.Duration(i)*time.Hour)
					for k := range 3 {
						if err := g.Second(k, json.RawMessage(fmt.Sprintf(`{"k":%d}`, k))); err != nil {
							t.Error(err)
						}
					}
					if err := g.End(json.RawMessage(`"done"`), 5*time.Second); err != nil {
						t.Error(err)
					}
				})
			}
			if starts[0], err = h.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			group.Wait()
			h.Wait(t.Context(), 5*time.Second)
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			clocks := h.Clocks()
			for i := 1; i < count; i++ {
				off := time.Duration(starts[i] - starts[0]).Abs()
				if off > time.Duration(clocks[i].RTT/2) {
					t.Errorf("shard %d starts %v from shard 0, and its clock is known to %v", i, off,
						time.Duration(clocks[i].RTT/2))
				}
				if drift := time.Duration(
					clocks[i].Drift).Abs(); drift > time.Duration(clocks[i].RTT/2+clocks[i].DriftRTT/2) ||
					clocks[i].DriftRTT == 0 {
					t.Errorf("shard %d: %+v, want no drift", i, clocks[i])
				}
				for k := range 3 {
					heard.wait(t, fmt.Sprintf(`second %d of %d: {"k":%d}`, k, i, k))
				}
				heard.wait(t, fmt.Sprintf(`report of %d: "done"`, i))
			}
		})
	}
}

// Whoever does not belong is refused, and both sides say why.
func TestRefused(t *testing.T) {
	for _, p := range places {
		for _, tt := range []struct {
			reason string
			change func(*Config)
			want   string
		}{
			{
				"another plan", func(c *Config) { c.Hello.Plan = json.RawMessage(`{"rate":2,"c":2,"n":1}`) },
				"its plan is another: n, rate",
			},
			{"another version", func(c *Config) { c.Hello.Version = "w" }, "loadgen v, not w"},
			{"another count", func(c *Config) { c.Hello.Count = 5 }, "made by 2 processes, not 5"},
			{"an index that there is not", func(c *Config) { c.Hello.Index = 2 }, "it calls itself shard 2 of 2"},
			{"shard 0 once more", func(c *Config) { c.Hello.Index = 0 }, "it calls itself shard 0 of 2"},
		} {
			t.Run(p.name+"/"+tt.reason, func(t *testing.T) {
				c := p.config(t)
				said := newNotes()
				cfg := p.of(c, 0, 2)
				cfg.Say = said.add
				h, err := Listen(t.Context(), cfg, said.events())
				if err != nil {
					t.Fatal(err)
				}
				defer h.Close()
				guest := p.of(c, 1, 2)
				tt.change(&guest)
				_, err = Join(t.Context(), guest, func(string) {})
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("it hears %v, want %q", err, tt.want)
				}
				said.wait(t, tt.want)
			})
		}
	}
}

// Two alike: the first stays. One that comes after the start is too late.
func TestTwoAlikeAndLate(t *testing.T) {
	for _, p := range places[:2] {
		t.Run(p.name, func(t *testing.T) {
			c := p.config(t)
			h, err := Listen(t.Context(), p.of(c, 0, 2), newNotes().events())
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			g, err := Join(t.Context(), p.of(c, 1, 2), func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Join(t.Context(), p.of(c, 1, 2), func(string) {}); !errors.Is(err, ErrRefused) ||
				!strings.Contains(err.Error(), "is here already, from host1") {
				t.Errorf("the second of the index hears %v", err)
			}
			var group sync.WaitGroup
			group.Go(func() {
				if _, err := g.Start(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if _, err := h.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			group.Wait()
			if _, err := Join(t.Context(), p.of(c, 1, 2), func(string) {}); !errors.Is(err, ErrRefused) ||
				!strings.Contains(err.Error(), "has begun without it") {
				t.Errorf("one that comes late hears %v", err)
			}
			if err := g.End(json.RawMessage(`1`), 5*time.Second); err != nil {
				t.Error(err)
			}
			h.Wait(t.Context(), time.Second)
		})
	}
}

// A secret that is another's, or none, lets nobody in, at once; and shard 0 says so.
func TestWrongToken(t *testing.T) {
	for reason, token := range map[string]string{"another": "another secret of some length", "none": ""} {
		p := places[1]
		c := p.config(t)
		said := newNotes()
		cfg := p.of(c, 0, 2)
		cfg.Say = said.add
		h, err := Listen(t.Context(), cfg, said.events())
		if err != nil {
			t.Fatal(err)
		}
		guest := p.of(c, 1, 2)
		guest.Token, guest.Timeout = token, 2*time.Second
		if g, err := Join(t.Context(), guest, func(string) {}); err == nil {
			t.Errorf("%s: it was let in", reason)
			_ = g.End(nil, 0)
		} else if token != "" && !errors.Is(err, errToken) {
			t.Errorf("%s: it hears %v", reason, err)
		}
		h.Close()
	}
}

// Who is missing is named, and those who are there hear of it.
func TestMissing(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			c := p.config(t)
			cfg := p.of(c, 0, 4)
			cfg.Timeout = 500 * time.Millisecond
			h, err := Listen(t.Context(), cfg, newNotes().events())
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			g, err := Join(t.Context(), p.of(c, 2, 4), func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			group.Go(func() {
				_, err := g.Start(t.Context())
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "1, 3") {
					t.Errorf("shard 2 hears %v", err)
				}
				_ = g.End(nil, 0)
			})
			if _, err := h.Start(t.Context()); err == nil ||
				!strings.Contains(err.Error(), "of 4 shards these did not come within 500ms: 1, 3") {
				t.Errorf("shard 0 says %v", err)
			}
			group.Wait()
		})
	}
}

// Without a host a guest gives up, and says where it looked.
func TestNobodyThere(t *testing.T) {
	for _, p := range places {
		c := p.config(t)
		cfg := p.of(c, 1, 2)
		cfg.Timeout = 300 * time.Millisecond
		if _, err := Join(t.Context(), cfg, func(string) {}); err == nil || !strings.Contains(err.Error(), c.Meet) ||
			!strings.Contains(err.Error(), "within 300ms") {
			t.Errorf("%s: it says %v", p.name, err)
		}
	}
}

// A guest that is gone in mid-run is lost; what shard 0 tells the others reaches them; and a host that is gone stops
// all.
func TestLostAndStopped(t *testing.T) {
	for _, p := range places[:2] {
		t.Run(p.name, func(t *testing.T) {
			c := p.config(t)
			heard, stopped := newNotes(), newNotes()
			h, err := Listen(t.Context(), p.of(c, 0, 3), heard.events())
			if err != nil {
				t.Fatal(err)
			}
			var guests [3]*Guest
			for i := 1; i < 3; i++ {
				if guests[i], err = Join(t.Context(), p.of(c, i, 3),
					func(reason string) { stopped.add("%d: %s", i, reason) }); err != nil {
					t.Fatal(err)
				}
			}
			var group sync.WaitGroup
			for i := 1; i < 3; i++ {
				group.Go(func() { _, _ = guests[i].Start(t.Context()) })
			}
			if _, err := h.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			group.Wait()
			_ = guests[1].link.Close() // as if it were killed
			heard.wait(t, "lost 1")
			h.Stop("errors>20%")
			stopped.wait(t, "2: errors>20%")
			h.closer.(*streams).server.Stop()
			stopped.wait(t, "2: shard 0 is lost")
			_ = guests[2].End(nil, 0)
			_ = guests[1].End(nil, 0)
			h.Close()
		})
	}
}
