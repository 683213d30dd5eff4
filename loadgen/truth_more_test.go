package main_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/schedule"
)

func TestStallPoisson(t *testing.T) { // CO-2: the schedule is known, so there is no sampling error
	goTogether(t)
	c := caseA
	for seed := 1; seed <= 5; seed++ {
		transport := "grpc"
		if seed == 5 { // one is enough for it
			transport = "wire"
		} else if seed > 1 && once() {
			continue
		}
		t.Run(fmt.Sprintf("seed=%d/%s", seed, transport), func(t *testing.T) {
			t.Parallel()
			tries(t, func() error {
				m, err := measure(t, c.args("-arrival", "poisson", "-seed", fmt.Sprint(seed), "-transport",
					transport)...)
				if err != nil {
					return err
				}
				var due []time.Duration
				for at := range schedule.All(schedule.Poisson(schedule.PerSecond(c.rate), seconds(c.d), uint64(seed))) {
					due = append(due, at)
				}
				if m.Counts.OK != int64(len(due)) {
					return fmt.Errorf("ok %d, want %d", m.Counts.OK, len(due))
				}
				// The gate counts from the first call's arrival, which is not seen from here: it may come a little
				// late.
				for late := time.Duration(0); ; late += 2 * time.Millisecond {
					if err = c.agreesWith(m, due, due[0]+late); err == nil || late > 60*time.Millisecond {
						return err
					}
				}
			})
		})
	}
}

// agreesWith holds a run against calls that were due at these times, and a gate that counts from first.
func (c stall) agreesWith(m *measured, due []time.Duration, first time.Duration) error {
	var want []time.Duration
	for _, at := range due {
		wait := time.Duration(0)
		if closes, opens := first+seconds(c.t0), first+seconds(c.t0+c.s); at >= closes && at < opens {
			wait = opens - at
		}
		want = append(want, wait+seconds(c.base))
	}
	slices.Sort(want)
	var errs []error
	for _, q := range []float64{0.5, 0.9, 0.97, 0.98, 0.99, 0.995, 0.999} {
		x := want[int(math.Ceil(q*float64(len(want))))-1]
		if got := m.quantile(q); (got - x).Abs() > c.tolerance(x)-seconds(1/c.rate) {
			errs = append(errs, fmt.Errorf("quantile %v: %v, want %v, where the first call came %v late", q, got, x,
				first-due[0]))
		}
	}
	return errors.Join(errs...)
}

func TestStallWithFewWorkers(t *testing.T) { // CO-5: a cap on calls in flight does not shrink the population
	c := caseA
	overBoth(t, func(transport string) error {
		m, err := measure(t, c.args("-c", "50", "-transport", transport)...)
		if err != nil {
			return err
		}
		return c.agrees(m)
	})
}

func TestStreamQuota(t *testing.T) { // CO-6: waiting for one of 10 streams is part of the response
	c := caseA
	mu := 10 / 0.0062 // ten at a time, each the base and what a sleep takes more
	rho := c.rate / mu
	overBoth(t, func(transport string) error {
		args := c.args()
		args[len(args)-1] += " -max-streams=10"
		args = append(args, "-transport", transport)
		m, err := measure(t, args...)
		if err != nil {
			return err
		}
		mean, want := m.Latency["response"].MeanNs/1e9, 0.0062+c.s*c.s/(2*c.d*(1-rho))
		if math.Abs(mean-want) > 0.10*want { // the capacity, unlike the formula's, is not known to 5 %
			return fmt.Errorf("mean %v, want %v within 10 %%", mean, want)
		}
		n, wantN := float64(m.over(seconds(c.s/4))), c.rate*(c.s+c.base-c.s/4)/(1-rho)
		if math.Abs(n-wantN) > 10 {
			return fmt.Errorf("%v calls over a quarter of the stall, want %v within 10", n, wantN)
		}
		return nil
	})
}

func TestFailuresAreInThePopulation(t *testing.T) { // CO-7
	overBoth(t, func(transport string) error {
		m, err := measure(t, "-rpc", "Search", "-transport", transport, "-c", "200", "-rate", "200", "-d", "10s",
			"-warmup", "0s",
			"-target", "-interceptors=none -inject=error=0.01:UNAVAILABLE:300ms,seed=3")
		if err != nil {
			return err
		}
		n := m.Codes["UNAVAILABLE"]
		by := m.LatencyByCode["UNAVAILABLE"]
		if n < 5 || n > 40 || by.Count != n || by.MinNs < 295e6 || by.MaxNs > 350e6 {
			return fmt.Errorf("%d UNAVAILABLE, %d of them timed, from %d to %d ns; want about 20, at 300 ms", n,
				by.Count, by.MinNs, by.MaxNs)
		}
		if slow := m.over(290 * time.Millisecond); slow < n ||
			m.series[""].TotalCount() != m.Counts.OK+m.Counts.Failed {
			return fmt.Errorf("%d slow calls in a population of %d: the failures are not in it", slow,
				m.series[""].TotalCount())
		}
		return nil
	})
}

func TestTimeoutsCutTheTail(t *testing.T) { // CO-8
	c := caseA
	limit := c.s / 4
	overBoth(t, func(transport string) error {
		m, err := measure(t, c.args("-timeout", seconds(limit).String(), "-transport", transport)...)
		if err != nil {
			return err
		}
		want := c.rate * (c.s + c.base - limit)
		if got := float64(m.Codes["DEADLINE_EXCEEDED"]); math.Abs(got-want) > 3 {
			return fmt.Errorf("%v DEADLINE_EXCEEDED, want %v within 3", got, want)
		}
		if got := time.Duration(m.Latency["response"].MaxNs); got > seconds(limit)+20*time.Millisecond {
			return fmt.Errorf("max %v, want at most the deadline of %v and 20 ms", got, seconds(limit))
		}
		if !slices.ContainsFunc(m.Notes, func(n string) bool { return strings.Contains(n, "tail is cut off") }) {
			return fmt.Errorf("no note says that the tail is cut off: %q", m.Notes)
		}
		return nil
	})
}

var logged = regexp.MustCompile(`latency=(\S+) request_id=(\S+)`)

// CO-9 and EX-4: every call that is named is in the server's log, and took it less
func TestServerAgrees(t *testing.T) {
	overBoth(t, func(transport string) error {
		m, err := measure(t, "-rpc", "Search", "-transport", transport, "-c", "100", "-rate", "200", "-d", "10s",
			"-warmup", "0s",
			"-target", "-interceptors=requestid,logging -inject=delay=bimodal:1ms:20ms:0.05,seed=5")
		if err != nil {
			return err
		}
		log, err := os.ReadFile(filepath.Join(m.dir, result.TargetLog))
		if err != nil {
			return err
		}
		server := map[string]time.Duration{}
		var took []time.Duration
		for _, match := range logged.FindAllStringSubmatch(string(log), -1) {
			d, err := time.ParseDuration(match[1])
			if err != nil {
				return err
			}
			server[match[2]] = d
			took = append(took, d)
		}
		if int64(len(server)) != m.Counts.Due {
			return fmt.Errorf("%d ids in the server's log, %d calls sent", len(server), m.Counts.Due)
		}
		var gaps []time.Duration
		for _, x := range m.Exemplars {
			d, ok := server[x.RequestID]
			if !ok || x.ServerNs == nil {
				return fmt.Errorf("%s is not in the server's log, or without its time", x.RequestID)
			}
			if gap := time.Duration(x.ServiceNs) - d; gap < 0 {
				return fmt.Errorf("%s took %v less here than there", x.RequestID, -gap)
			} else {
				gaps = append(gaps, gap)
			}
		}
		slices.Sort(gaps)
		// [R] says 0.5 ms; two shared cores, and three of these tests at a time
		if g := gaps[len(gaps)/2]; g > 1500*time.Microsecond {
			return fmt.Errorf("median gap between client and server %v", g)
		}
		// The distributions agree, the median gap taken off. (A Kolmogorov-Smirnov distance would measure the
		// gap's own spread here: the bulk of the server's times lies within one tick of its timer.)
		slices.Sort(took)
		for _, q := range []float64{0.5, 0.9, 0.97, 0.99} {
			there := took[int(math.Ceil(q*float64(len(took))))-1]
			here := time.Duration(m.series["service"].ValueAtPercentile(100 * q))
			if diff := here - gaps[len(gaps)/2] - there; diff.Abs() > 1500*time.Microsecond {
				return fmt.Errorf("quantile %v: %v here, %v there", q, here, there)
			}
		}
		return nil
	})
}
