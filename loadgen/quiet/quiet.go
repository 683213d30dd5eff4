// Package quiet tells whether a machine is quiet enough for a test of time. Only tests import it.
//
// Such a test asks [Need] before it begins, and fails by [Errorf]: where others keep the machine busy it cannot tell
// right from wrong, and is skipped with the figure that says so.
package quiet

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"grpcbench/loadgen/pace"
)

// What a machine must keep to be quiet.
const (
	leastShare = 0.9                    // of a core, for a thread on each
	mostLate   = 500 * time.Microsecond // 90 % of sleeps
	mostCoarse = 2 * time.Millisecond   // the same where sleeps are Go's own, a millisecond at best
)

// Figure is what was measured of a machine.
type Figure struct {
	// Share is the part of its wall time that a spinning thread got, the mean of one on each core.
	Share float64
	// Late is how late sleeps of a millisecond woke up: nine of ten by no more.
	Late time.Duration
}

func (f Figure) String() string {
	return fmt.Sprintf("a thread got %.0f %% of a core, sleeps woke up to %.1f ms late", 100*f.Share,
		float64(f.Late)/1e6)
}

// Quiet says whether a test of time can tell right from wrong on such a machine.
func (f Figure) Quiet() bool {
	most := mostLate
	if runtime.GOOS != "linux" {
		most = mostCoarse
	}
	return f.Share >= leastShare && f.Late <= most
}

var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

// Measure takes some 200 ms, and wants the process to do nothing else meanwhile.
func Measure() Figure {
	return Figure{Late: late(100 * time.Millisecond), Share: share(100 * time.Millisecond)}
}

// late sleeps for d in all.
func late(d time.Duration) time.Duration {
	s := pace.NewSleeper(now)
	defer s.Close()
	var all []int64
	for end := now() + int64(d); now() < end; {
		at := now() + int64(time.Millisecond)
		s.Until(at)
		all = append(all, now()-at)
	}
	slices.Sort(all)
	return time.Duration(all[len(all)*9/10])
}

// interrupted is what no two readings of a clock are apart, but for a thread that did not run between them.
const interrupted = 50 * time.Microsecond

// share spins for d on every core.
func share(d time.Duration) float64 {
	threads := runtime.GOMAXPROCS(0)
	lost := make([]time.Duration, threads)
	var wg sync.WaitGroup
	for i := range threads {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			last := now()
			for end := last + int64(d); last < end; {
				at := now()
				if gap := time.Duration(at - last); gap > interrupted {
					lost[i] += gap
				}
				last = at
			}
		})
	}
	wg.Wait()
	sum := time.Duration(0)
	for _, l := range lost {
		sum += min(l, d)
	}
	return 1 - float64(sum)/float64(d)/float64(threads)
}

// Need skips a test of time where the machine is busy. It is asked before t.Parallel, for the test's own runs would
// make it busy too.
func Need(t testing.TB) {
	t.Helper()
	Skip(t, Measure())
}

// Skip is Need with a machine that was measured already.
func Skip(t testing.TB, f Figure) {
	t.Helper()
	if !f.Quiet() {
		t.Skipf("skipped: the machine is busy: %v", f)
	}
}

// Errorf fails a test of time, unless the machine is busy by now: then it is skipped, with the failure and the figure.
// What the test started must have ended.
func Errorf(t testing.TB, format string, args ...any) {
	t.Helper()
	if f := Measure(); !f.Quiet() && !t.Failed() {
		t.Logf(format, args...)
		t.Skipf("skipped after that failure: the machine is busy: %v", f)
	}
	t.Errorf(format, args...)
}
