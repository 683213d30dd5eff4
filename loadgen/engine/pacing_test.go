package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/pace"
	"grpcbench/loadgen/quiet"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/schedule"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/transport"
)

// instant answers every call at once: what is left is the pacer.
type instant struct{}

func (instant) Dial(context.Context, string, []*transport.Method) (transport.Conn, error) {
	return instant{}, nil
}

func (instant) Start(c *transport.Call) error {
	c.Sent = transport.Now()
	c.End = c.Sent + 1
	c.Owner.Done(c)
	return nil
}
func (instant) Flush()       {}
func (instant) Finish()      {}
func (instant) Close() error { return nil }

// paced runs Poisson arrivals in real time and returns A2 of the actual gaps, the median of the slices, and the pacing.
func paced(t *testing.T, rate float64, d time.Duration, sleep func(int64)) (a2 float64, pacing *recorder.Latencies,
	sent int64,
) {
	t.Helper()
	rec := recorder.New(recorder.Config{OpenLoop: true})
	o, err := engine.Run(t.Context(), engine.Config{
		Methods: transport.One(transport.Spec{}, nil),
		Dialer:  instant{}, Addrs: []string{"a"}, Workers: 100, Conns: 1, Duration: d, Drain: time.Second,
		Arrivals: schedule.Poisson(schedule.PerSecond(rate), d, 1), Sleep: sleep,
	}, rec)
	if err != nil {
		t.Fatal(err)
	}
	var scores []float64
	for _, s := range o.Slices {
		at := slices.Sorted(slices.Values(s.Sent))
		gaps := make([]float64, len(at)-1)
		for i := range gaps {
			gaps[i] = float64(at[i+1]-at[i]) / 1e9
		}
		scores = append(scores, stats.AndersonDarling(gaps, rate))
	}
	slices.Sort(scores)
	return scores[len(scores)/2], rec.Total().Latencies[series.Pacing], rec.Total().Counts.Sent
}

func TestPacerIsPrecise(t *testing.T) { // PA-1 and PA-2, for sleeping without spinning
	if testing.Short() {
		t.Skip("skipped in -short: it needs a machine that is quiet")
	}
	quiet.Need(t)
	good := 0
	for range 3 {
		a2, pacing, _ := paced(t, 1000, 4*time.Second, nil)
		p50, p99 := pacing.Histogram.ValueAtPercentile(50), pacing.Histogram.ValueAtPercentile(99)
		if a2 <= 20 && p50 <= 250_000 && p99 <= 1_200_000 {
			good++
		}
		t.Logf("A2 %.1f, pacing p50 %d ns, p99 %d ns", a2, p50, p99)
	}
	if good < 2 {
		quiet.Errorf(t, "%d of 3 tries were precise", good)
	}
}

// PA-3, a negative control: sends on ticks of 1 ms are bunched, and it shows every time
func TestTicksAreSeen(t *testing.T) {
	s := pace.NewSleeper(transport.Now)
	defer s.Close()
	ticks := func(at int64) {
		const tick = int64(time.Millisecond)
		s.Until((at + tick - 1) / tick * tick)
	}
	if a2, _, _ := paced(t, 1000, 4*time.Second, ticks); a2 < 500 {
		t.Errorf("A2 of sends on millisecond ticks is %.1f, want over 500", a2)
	}
}

func TestScheduleIsNotMoved(t *testing.T) { // PA-1: every arrival of the schedule is sent, at whatever lateness
	s := pace.NewSleeper(transport.Now)
	defer s.Close()
	_, _, sent := paced(t, 500, 2*time.Second, func(at int64) {
		s.Until(at + int64(20*time.Millisecond)) // a pacer that is late throughout
	})
	want := int64(0)
	for range schedule.All(schedule.Poisson(schedule.PerSecond(500), 2*time.Second, 1)) {
		want++
	}
	if sent != want {
		t.Errorf("%d calls were sent, want %d", sent, want)
	}
}
