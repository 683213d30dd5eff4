package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/semaphore"

	"grpcbench/loadgen/quiet"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
)

// The truth tests hold runs of the built binary against what must come out of
// a server that stalls for S seconds of a D-second run at rate R: every call
// that arrives a seconds into the stall waits S-a. For base latency L0 and
// capacity mu, rho = R/mu, the quantile q is
//
//	Q(q) = L0 + max(0, S - (1-rho) D (1-q))
//
// and R(S+L0-T)/(1-rho) calls take longer than T.

// binary builds loadgen once, without the race detector: these tests are about time.
var binary = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../.tmp/truth/loadgen")
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build loadgen: %w\n%s", err, out)
	}
	return path, nil
})

// wholeMachine is a run's share that wants no other beside it.
const wholeMachine = 6

// machine bounds what runs at a time: each run needs little of the machine, all together too much. A run
// of a high rate, whose backlog of a second is let loose at once, takes most of it.
var machine = semaphore.NewWeighted(wholeMachine)

// share is a run's part of the machine.
func share(args []string) int64 {
	if i := slices.Index(args, "-rate"); i >= 0 {
		if rate, err := strconv.ParseFloat(args[i+1], 64); err == nil && rate >= 1000 {
			return wholeMachine
		}
	}
	return 1
}

// measured is a run's result with its histograms.
type measured struct {
	*result.Document
	exit   int
	series map[string]*hdrhistogram.Histogram // by name; "" is the total
	dir    string
	output string
}

// measure runs loadgen with args into a folder of its own.
func measure(t *testing.T, args ...string) (*measured, error) {
	t.Helper()
	return measureProcess(t, func(*exec.Cmd) {}, args...)
}

// measureProcess is measure, with something done to the process once it runs.
func measureProcess(t *testing.T, started func(*exec.Cmd), args ...string) (*measured, error) {
	t.Helper()
	path, err := binary()
	if err != nil {
		return nil, err
	}
	if err := machine.Acquire(t.Context(), share(args)); err != nil {
		return nil, err
	}
	defer machine.Release(share(args))
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(args, "-q", "-o", dir)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	started(cmd)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	m := &measured{
		exit: cmd.ProcessState.ExitCode(), dir: dir, output: out.String(),
		series: map[string]*hdrhistogram.Histogram{},
	}
	if m.Document, err = result.Read(dir); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out.String())
	}
	log, err := os.ReadFile(filepath.Join(dir, result.HlogFile))
	if err != nil {
		return nil, err
	}
	return m, result.ReadHlog(bytes.NewReader(log), func(h *hdrhistogram.Histogram) error {
		name, _, _ := strings.Cut(h.Tag(), "@")
		if m.series[name] == nil {
			m.series[name] = recorder.NewHistogram()
		}
		if dropped := m.series[name].Merge(h); dropped > 0 {
			return fmt.Errorf("%d values dropped", dropped)
		}
		return nil
	})
}

// over counts the calls of the total that took longer than d.
func (m *measured) over(d time.Duration) int64 {
	var n int64
	for _, b := range m.series[""].Distribution() {
		if b.From > int64(d) {
			n += b.Count
		}
	}
	return n
}

// quantile is of the total.
func (m *measured) quantile(q float64) time.Duration {
	return time.Duration(m.series[""].ValueAtPercentile(100 * q))
}

// needQuiet skips a test of time where the machine is busy, once no run of another test keeps it so.
func needQuiet(t *testing.T) {
	t.Helper()
	if err := machine.Acquire(t.Context(), wholeMachine); err != nil {
		t.Fatal(err)
	}
	f := quiet.Measure()
	machine.Release(wholeMachine)
	quiet.Skip(t, f)
}

// goTogether begins a test of time whose runs go beside those of others: the machine is looked at before any of them.
func goTogether(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped in -short: it takes its time, on a machine that is quiet")
	}
	needQuiet(t)
	t.Parallel()
}

// twoOfThree makes a check that needs a quiet machine up to three times, and wants two to pass.
func twoOfThree(t *testing.T, check func() error) {
	t.Helper()
	goTogether(t)
	tries(t, check)
}

// once says that there is not the time for more, as in CI.
func once() bool { return os.Getenv("ONCE") != "" }

// tries is twoOfThree for a check that wants the machine for itself. With ONCE=1 in the environment, as in CI, which
// has not the time, one is enough. A try that fails on a machine that is busy by then says nothing.
func tries(t *testing.T, check func() error) {
	t.Helper()
	enough := 2
	if once() {
		enough = 1
	}
	passed, failed := 0, 0
	for passed < enough && failed < 2 {
		if err := check(); err != nil {
			failed++
			t.Logf("try %d: %v", passed+failed, err)
			needQuiet(t)
			continue
		}
		passed++
	}
	if failed == 2 {
		t.Error("two tries failed")
	}
}

// stall is the oracle's case; the machine does mu calls a second once the stall is over.
type stall struct {
	rate, d, t0, s, base float64 // calls/s and seconds
	mu                   float64
}

// The reference cases of the oracle, case A at a quarter of its times and case B at half of them, and the calls that
// this machine gets through after a stall.
var (
	caseA = stall{rate: 200, d: 10, t0: 3.75, s: 0.5, base: 0.005, mu: 8000}
	caseB = stall{rate: 1000, d: 15, t0: 5, s: 0.5, base: 0.002, mu: 8000}
)

func (c stall) args(more ...string) []string {
	return append([]string{
		"-rpc", "Search", "-c", "600", "-rate", fmt.Sprint(c.rate), "-d", seconds(c.d).String(), "-warmup", "0s",
		"-target", fmt.Sprintf("-interceptors=none -inject=delay=%v,gate=%v:%v", seconds(c.base), seconds(c.t0),
			seconds(c.s)),
	}, more...)
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

// quantile is what the oracle expects, rho being the part of the capacity that arrivals take.
func (c stall) quantile(q, rho float64) time.Duration {
	return seconds(c.base + max(0, c.s-(1-rho)*c.d*(1-q)))
}

// tolerance: the sampling grid, the histogram, the backlog's drain, and 10 ms for the scheduling of two shared cores.
func (c stall) tolerance(x time.Duration) time.Duration {
	return seconds(1/c.rate + c.rate*c.s/c.mu + 0.010 + 0.001*x.Seconds())
}

// agrees holds a run against the oracle, away from the curve's corner.
func (c stall) agrees(m *measured) error {
	var errs []error
	if n := int64(c.rate * c.d); m.Counts.Due != n || m.Counts.OK != n {
		errs = append(errs, fmt.Errorf("due %d, ok %d, want %d", m.Counts.Due, m.Counts.OK, n))
	}
	corner := 1 - c.s/c.d
	for _, q := range []float64{0.5, 0.9, 0.97, 0.98, 0.99, 0.995, 0.999} {
		if math.Abs(q-corner) < 0.004 {
			continue
		}
		want := c.quantile(q, 0)
		if got := m.quantile(q); (got - want).Abs() > c.tolerance(want) {
			errs = append(errs, fmt.Errorf("quantile %v: %v, want %v within %v", q, got, want, c.tolerance(want)))
		}
	}
	half := c.s / 2
	want := c.rate * (c.s + c.base - half)
	if got := float64(m.over(seconds(half))); math.Abs(got-want) > 3+c.rate*c.rate*c.s/c.mu {
		errs = append(errs, fmt.Errorf("%v calls over %v, want %v", got, seconds(half), want))
	}
	return errors.Join(errs...)
}

func TestStallUniform(t *testing.T) { // CO-1
	goTogether(t)
	for name, c := range map[string]stall{"A": caseA, "B": caseB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries(t, func() error {
				m, err := measure(t, c.args()...)
				if err != nil {
					return err
				}
				return c.agrees(m)
			})
		})
	}
}

// overBoth is twoOfThree for each of the transports that carry an open loop's calls.
func overBoth(t *testing.T, check func(transport string) error) {
	t.Helper()
	goTogether(t)
	for _, transport := range []string{"grpc", "wire"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			tries(t, func() error { return check(transport) })
		})
	}
}

// The rate is low, so that what is let loose at once is little for any machine.
func TestStallWhateverTheWorkers(t *testing.T) { // the same truth for any -c, arrival and transport
	goTogether(t)
	c := stall{rate: 200, d: 10, t0: 4, s: 1, mu: 4000}
	for name, args := range map[string][]string{
		"c=20, wire": {"-c", "20", "-transport", "wire"},
		"c=2000":     {"-c", "2000"},
		"poisson":    {"-arrival", "poisson"},
		"rest":       {"-transport", "rest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries(t, func() error {
				m, err := measure(t, c.args(args...)...)
				if err != nil {
					return err
				}
				var errs []error
				slack, count := c.tolerance(seconds(c.s)).Seconds(), 3+c.rate*c.rate*c.s/c.mu
				if name == "poisson" { // random arrivals have a sampling error of their own: sqrt((1-q) N) / R
					slack += 3 * math.Sqrt(0.01*c.rate*c.d) / c.rate
					count += 3 * math.Sqrt(c.rate/2)
				}
				if got, want := m.quantile(0.99).Seconds(), c.quantile(0.99, 0).Seconds(); math.Abs(got-want) > slack {
					errs = append(errs, fmt.Errorf("p99 %v, want %v within %v", got, want, slack))
				}
				want := c.rate * (c.s + c.base - 0.5)
				if got := float64(m.over(500 * time.Millisecond)); math.Abs(got-want) > count {
					errs = append(errs, fmt.Errorf("%v calls over 500 ms, want %v within %v", got, want, count))
				}
				return errors.Join(errs...)
			})
		})
	}
}

func TestStallAcrossTheEnd(t *testing.T) { // CO-3: what is due is drained, not forgotten
	c := stall{rate: 200, d: 5, t0: 4, s: 2, base: 0.005, mu: 8000}
	overBoth(t, func(transport string) error {
		m, err := measure(t, c.args("-transport", transport)...)
		if err != nil {
			return err
		}
		want := seconds(c.s + c.base)
		if got := time.Duration(m.Latency["response"].MaxNs); m.Counts.OK != 1000 ||
			(got-want).Abs() > c.tolerance(want) {
			return fmt.Errorf("ok %d, max %v; want 1000, %v", m.Counts.OK, got, want)
		}
		if got := m.over(time.Second); math.Abs(float64(got)-c.rate) > 3 {
			return fmt.Errorf("%d calls over 1 s, want %v", got, c.rate)
		}
		return nil
	})
}

func TestClosedLoopHidesAStallAndSaysSo(t *testing.T) { // CO-4, a negative control: it holds every time
	if testing.Short() {
		t.Skip("skipped in -short: it takes its time")
	}
	goTogether(t)
	m, err := measure(t, caseA.args("-rate", "0", "-c", "10")...)
	if err != nil {
		t.Fatal(err)
	}
	if n := m.over(caseA.tolerance(0) + seconds(caseA.base)); n > 20 {
		needQuiet(t)
		t.Errorf("%d slow calls of 10 workers, want at most 10 (and a little noise): is the loop closed?", n)
	}
	if len(m.Notes) == 0 || !strings.Contains(m.Notes[0], "closed loop") ||
		!strings.Contains(m.Notes[0], "coordinated omission is not corrected") {
		t.Errorf("the notes do not warn: %q", m.Notes)
	}
}
