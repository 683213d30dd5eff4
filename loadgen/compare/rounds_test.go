package compare_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/compare"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
)

// logged is a run whose histogram log has a second for each of the given, with these calls; each took some CPU, and one
// in a hundred failed. The last is shortened to so much of a second.
func logged(t *testing.T, i int, last float64, seconds ...[]int64) *result.Document {
	t.Helper()
	d := run(i, 1e5)
	d.Folder = filepath.Join(t.TempDir(), fmt.Sprint("run", i))
	f, err := result.NewFolder(d.Folder, false)
	if err != nil {
		t.Fatal(err)
	}
	file, err := f.Create(result.HlogFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log, err := result.NewHlog(file, d.Started)
	if err != nil {
		t.Fatal(err)
	}
	for s, calls := range seconds {
		rec := recorder.New(recorder.Config{})
		lane := rec.NewLane()
		for _, ns := range calls {
			lane.Call(&recorder.Sample{Done: ns})
		}
		from := d.Started.Add(time.Duration(s) * time.Second)
		length := time.Second
		if s == len(seconds)-1 {
			length = time.Duration(last * 1e9)
		}
		lane.Swap(0, 0)
		rec.Add(lane)
		if err := errors.Join(rec.Flush(0, 1), log.Interval(rec.Total(), d.RunID, from, from.Add(length))); err != nil {
			t.Fatal(err)
		}
		n := int64(len(calls))
		d.Series = append(d.Series, result.Point{
			TS: float64(s + 1), Sent: n, OK: n - n/100, Failed: n / 100,
			ClientCPUNs: 15_000 * n,
		})
	}
	return d
}

// second is n calls spread evenly from base to twice that.
func second(n int, base float64) (calls []int64) {
	for i := range n {
		calls = append(calls, int64(base*(1+(float64(i)+0.5)/float64(n))))
	}
	return calls
}

// seconds are alike but for a little noise.
func seconds(n int, base float64, random *rand.Rand) (all [][]int64) {
	for range n {
		all = append(all, second(1000, base*(1+0.02*random.NormFloat64())))
	}
	return all
}

// A run alone is cut into stretches, which tell the rate, errors, CPU and percentiles; what only a whole run tells has
// no interval.
func TestStretches(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	old, young := logged(t, 0, 1, seconds(20, 1e5, random)...), logged(t, 1, 1, seconds(20, 3e5, random)...)
	c := one(t, []*result.Document{old}, []*result.Document{young}, "p50>+5%", "server_cpu>+5%", "p99.9>+5%")
	if c.Stretch != 2*time.Second || c.Old.Rounds != 10 || c.New.Rounds != 10 {
		t.Errorf("%d and %d stretches of %v, want ten of 2 s", c.Old.Rounds, c.New.Rounds, c.Stretch)
	}
	for name, want := range map[string][2]float64{
		"rate": {1000, 1000}, "errors": {0.01, 0.01}, "mean": {1.5e5, 4.5e5}, "p50": {1.5e5, 4.5e5},
		"p90": {1.9e5, 5.7e5}, "p99": {1.99e5, 5.97e5}, "client_cpu": {15_000, 15_000},
	} {
		m := metric(t, c, name)
		if m.Alone || m.N != 10 || math.Abs(m.First/want[0]-1) > 0.03 || math.Abs(m.Second/want[1]-1) > 0.03 {
			t.Errorf("%s: %+v, want from %v to %v", name, m, want[0], want[1])
		}
		if same := want[0] == want[1]; m.Resolved == same {
			t.Errorf("%s: resolved %v, P %v", name, m.Resolved, m.P)
		}
	}
	for _, name := range []string{"p99.9", "server_cpu"} {
		if m := metric(t, c, name); !m.Alone || m.Resolved || !math.IsInf(m.Low, -1) || !math.IsInf(m.High, 1) {
			t.Errorf("%s, of a single value a side: %+v", name, m)
		}
	}
	if c.Limits[0].Met || c.Limits[1].Met || c.Limits[2].Met ||
		!strings.Contains(c.Limits[1].Result, "not compared") || !strings.Contains(c.Limits[2].Result, "not compared") {
		t.Errorf("limits %+v", c.Limits)
	}
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "fewer than 3 runs") ||
		!strings.Contains(c.Notes[0], "stretches of about 2s") {
		t.Errorf("notes %q", c.Notes)
	}
}

// Stretches of one run are more alike than runs are: what runs may differ by themselves is no change.
func TestStretchesOfTwoRunsThatDifferByThemselves(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, tt := range []struct {
		reason   string
		times    float64
		resolved bool
	}{{"a tenth more", 1.1, false}, {"a third more", 1.33, false}, {"three times", 3, true}} {
		c := one(t, []*result.Document{logged(t, 0, 1, seconds(10, 1e5, random)...)},
			[]*result.Document{logged(t, 1, 1, seconds(10, tt.times*1e5, random)...)})
		if m := metric(t, c, "p50"); m.Resolved != tt.resolved || math.Abs(m.Second/m.First/tt.times-1) > 0.03 {
			t.Errorf("%s: %+v", tt.reason, m)
		}
	}
}

// An open loop's rate is what was asked for: runs do not differ in it by themselves, as they do in a closed loop.
func TestStretchesOfAnOpenLoop(t *testing.T) {
	for loop, resolved := range map[string]bool{"closed": false, "open": true} {
		var sides [2][]*result.Document
		for i, n := range []int{1000, 1200} {
			var all [][]int64
			for s := range 10 {
				all = append(all, second(n+s%2, 1e5))
			}
			d := logged(t, i, 1, all...)
			d.Loop = loop
			sides[i] = []*result.Document{d}
		}
		if m := metric(t, one(t, sides[0], sides[1]), "rate"); m.Resolved != resolved {
			t.Errorf("%s loop, 20 %% more calls: resolved %v (P %v), want %v", loop, m.Resolved, m.P, resolved)
		}
	}
}

// How a side is cut up where the other has a single run.
func TestStretchesOfSeveralLengths(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, tt := range []struct {
		reason  string
		seconds int
		last    float64
		rounds  int
		stretch time.Duration
	}{
		{"the fewest", 4, 1, 4, time.Second},
		{"fewer than ten", 7, 1, 7, time.Second},
		{"ten and what is left of a second", 11, 0.2, 10, time.Second},
		{"a last second that is nearly whole", 10, 0.9, 10, time.Second},
		{"three seconds each", 30, 1, 10, 3 * time.Second},
	} {
		c := one(t, []*result.Document{logged(t, 0, tt.last, seconds(tt.seconds, 1e5, random)...)},
			[]*result.Document{logged(t, 1, 1, seconds(10, 1e5, random)...)})
		if c.Old.Rounds != tt.rounds || c.Stretch.Round(time.Second) != tt.stretch || c.New.Rounds != 10 {
			t.Errorf("%s: %d rounds of %v, and %d, want %d of %v, and 10", tt.reason, c.Old.Rounds, c.Stretch,
				c.New.Rounds, tt.rounds, tt.stretch)
		}
		if m := metric(t, c, "rate"); math.Abs(m.First/1000-1) > 0.02 {
			t.Errorf("%s: %v calls/s, want 1000", tt.reason, m.First)
		}
	}
}

func TestTooShort(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	long := func() []*result.Document {
		return []*result.Document{logged(t, 1, 1, seconds(10, 1e5, random)...)}
	}
	short := []*result.Document{logged(t, 0, 1, seconds(3, 1e5, random)...)}
	almost := []*result.Document{logged(t, 0, 0.3, seconds(4, 1e5, random)...)}
	unlogged := []*result.Document{run(0, 1e5)}
	unlogged[0].Folder = t.TempDir()
	cut := []*result.Document{logged(t, 0, 1, seconds(10, 1e5, random)...)}
	if err := os.Truncate(filepath.Join(cut[0].Folder, result.HlogFile), 0); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		reason string
		side   []*result.Document
		says   string
	}{
		{"three seconds", short, "too short to be compared alone: 3 seconds, want 4, or 3 runs a side"},
		{"three seconds and a bit", almost, "too short to be compared alone: 3 seconds"},
		{"a log of nothing", cut, "too short to be compared alone: 0 seconds"},
		{"no log", unlogged, result.HlogFile},
	} {
		for _, sides := range [][2][]*result.Document{{tt.side, long()}, {long(), tt.side}} {
			if _, _, err := compare.Runs(sides[0], sides[1], nil); err == nil ||
				!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.side[0].Folder) {
				t.Errorf("%s: %v, want an error that says %s and names %s", tt.reason, err, tt.says, tt.side[0].Folder)
			}
		}
	}
}

// A single run is compared with however many there are on the other side.
func TestOneRunAgainstMany(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	alone, many := logged(t, 0, 1, seconds(5, 1e5, random)...), []*result.Document{}
	for i := range 12 {
		many = append(many, logged(t, i+1, 1, seconds(5, 1e5, random)...))
	}
	for _, n := range []int{1, 2, 3, 4, 5, 10, 12} {
		for _, sides := range [][2][]*result.Document{{{alone}, many[:n]}, {many[:n], {alone}}} {
			if _, _, err := compare.Runs(sides[0], sides[1], nil); err != nil {
				t.Errorf("%d runs against %d, of five seconds each: %v", len(sides[0]), len(sides[1]), err)
			}
		}
	}
}

// Stretches are of the whole run, but for a few seconds that are left over: what it did late is in the figures too.
func TestStretchesLeaveOutLittle(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	for _, n := range []int{11, 15, 19, 29} {
		d := logged(t, 0, 1, seconds(n, 1e5, random)...)
		c := one(t, []*result.Document{d}, []*result.Document{d})
		if used := time.Duration(c.Old.Rounds) * c.Stretch; used < time.Duration(n)*time.Second*3/4 {
			t.Errorf("of %d s, %d stretches of %v are compared", n, c.Old.Rounds, c.Stretch)
		}
	}
}

// Of 10,000 calls the 9,990th is the p99.9, as in the result of the same run: the ten slow ones lie beyond it.
func TestStretchesRankAsResultsDo(t *testing.T) {
	calls := slices.Concat(slices.Repeat([]int64{100_000}, 9990), slices.Repeat([]int64{50_000_000}, 10))
	side := func(i int) []*result.Document {
		return []*result.Document{logged(t, i, 1, calls, calls, calls, calls)}
	}
	rec := recorder.New(recorder.Config{})
	lane := rec.NewLane()
	for _, ns := range calls {
		lane.Call(&recorder.Sample{Done: ns})
	}
	lane.Swap(0, 0)
	rec.Add(lane)
	if err := rec.Flush(0, 1); err != nil {
		t.Fatal(err)
	}
	want, ok := result.NewLatency(rec.Total().Headline()).At(99.9)
	if m := metric(t, one(t, side(0), side(1)), "p99.9"); !ok || m.Alone ||
		math.Abs(m.First/float64(want.Ns)-1) > 0.01 {
		t.Errorf("p99.9 of a stretch is %.0f ns, of the result %d ns", m.First, want.Ns)
	}
}
