package wire

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"grpcbench/loadgen/transport"
)

// pings are how many the server was sent since it was last asked.
func pings(p *peer) (n int) {
	for _, line := range p.take() {
		if strings.HasPrefix(line, "PING") {
			n++
		}
	}
	return n
}

func TestKeepAlive(t *testing.T) {
	const every = 10 * time.Second
	for _, tt := range []struct {
		reason  string
		every   time.Duration
		speaks  time.Duration // how often the server sends something of its own; 0 for never
		answers bool          // it answers pings
		pings   int           // within five intervals
		lost    bool
	}{
		{"nobody asked for it", 0, 0, false, 0, false},
		{"a silent server that is there", every, 0, true, 5, false},
		{"a server that speaks by itself is not asked", every, every / 5, false, 0, false},
		{"a server that is gone", every, 0, false, 1, true},
	} {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, transport.Spec{})
				r.dialer.Keepalive = tt.every
				r.connect()
				p, call := r.peer(1), r.start()
				p.take()
				sent := 0
				for step := every / 25; step < 5*every+every/2; step += every / 25 {
					time.Sleep(every / 25)
					synctest.Wait()
					n := pings(p)
					sent += n
					if n > 0 && tt.answers {
						p.raw(6, 1, 0, "grpcbnch")
					}
					if tt.speaks > 0 && step%tt.speaks == 0 {
						p.window(0, 1)
					}
				}
				synctest.Wait()
				if sent != tt.pings {
					t.Errorf("%d pings in five intervals, want %d", sent, tt.pings)
				}
				if tt.lost {
					r.want(call, "Unavailable: the connection ended: the server answered no PING within 10s "+
						"(-keepalive)")
				} else {
					r.want(call, "running")
				}
			})
		})
	}
}
