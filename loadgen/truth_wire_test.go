package main_test

import (
	"fmt"
	"testing"
	"time"

	"grpcbench/loadgen/result"
)

// Wire sees of a server what grpc-go sees: the medians agree, by their intervals or nearly, and wire, which does less
// between a call and its record, is not the slower.
func TestWireSeesWhatGRPCSees(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped in -short: it needs a machine that is quiet")
	}
	needQuiet(t)
	for name, tt := range map[string]struct {
		args []string
		near float64 // wire's median is at least so much of grpc's
	}{
		// Where the server does nothing, grpc-go's goroutines, which are woken one after the other, take a third of a
		// call's time, and on a busy machine half of it.
		"closed loop": {[]string{"-c", "1", "-target", "-interceptors=none"}, 0.4},
		"open loop":   {[]string{"-c", "20", "-rate", "200", "-target", "-interceptors=none"}, 0.4},
		// Where it takes its time, what either adds to that is little.
		"slow server": {[]string{"-c", "20", "-rate", "200", "-target", "-interceptors=none -inject=delay=5ms"}, 0.9},
	} {
		t.Run(name, func(t *testing.T) {
			tries(t, func() error {
				var p50 [2]result.Percentile
				for i, transport := range []string{"grpc", "wire"} {
					m, err := measure(t, append([]string{
						"-rpc", "Search", "-transport", transport, "-d", "1500ms",
						"-warmup", "300ms",
					}, tt.args...)...)
					if err != nil {
						return err
					}
					if m.Counts.OK != m.Counts.Due {
						return fmt.Errorf("%s: counts %+v", transport, m.Counts)
					}
					p50[i], _ = m.Latency["service"].At(50)
				}
				grpc, wire := p50[0], p50[1]
				overlap := wire.LowNs <= grpc.HighNs && grpc.LowNs <= wire.HighNs
				if ratio := float64(wire.Ns) / float64(grpc.Ns); !overlap && (ratio > 1 || ratio < tt.near) {
					return fmt.Errorf("the median service is %v over wire, %v over grpc", time.Duration(wire.Ns),
						time.Duration(grpc.Ns))
				}
				return nil
			})
		})
	}
}

// A thousand connections, and ten thousand calls in flight on ten, are a matter of memory, and of little.
func TestWireScales(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped in -short: it takes the whole machine")
	}
	needQuiet(t)
	for _, tt := range []struct {
		reason   string
		args     []string
		calls    int64
		inFlight int64 // so many at least are sent before the first is answered
	}{
		{"a thousand connections", []string{
			"-conns", "1000", "-c", "1000", "-n", "20000", "-target",
			"-interceptors=none",
		}, 20_000, 0},
		{
			"ten thousand calls at a time",
			[]string{"-conns", "10", "-c", "10000", "-n", "50000", "-target", "-interceptors=none -inject=delay=50ms"},
			50_000, 10_000,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			m, err := measure(t, append([]string{"-rpc", "Search", "-transport", "wire", "-warmup", "0s"},
				tt.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if c := m.Counts; c.Due != tt.calls || c.OK != tt.calls {
				t.Errorf("counts %+v, codes %v, want %d ok", c, m.Codes, tt.calls)
			}
			if rss := m.Client.MaxRSSBytes; rss > 200_000_000 {
				t.Errorf("%d MB of memory at most, want less than 200", rss/1_000_000)
			}
			// Each takes 50 ms at the server, so the mean in flight tells whether all were on their way at a time.
			inFlight := m.Latency["service"].MeanNs * float64(tt.calls) / float64(m.DurationNs)
			if inFlight < 0.7*float64(tt.inFlight) {
				t.Errorf("%.0f calls were in flight, want about %d", inFlight, tt.inFlight)
			}
			t.Logf("%.0f calls in flight, %d MB, %v", inFlight, m.Client.MaxRSSBytes/1_000_000,
				time.Duration(m.DurationNs))
		})
	}
}
