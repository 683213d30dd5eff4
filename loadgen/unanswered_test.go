//go:build unix

package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// A server that is stopped in mid-run answers nothing any more: whatever is told of such a run must be true of calls
// that would have taken for ever. Nothing here is an upper bound but the run's end, which must not wait for the server.
func TestServerStopsAnswering(t *testing.T) {
	for _, transport := range []string{"grpc", "wire"} {
		for _, timeout := range []string{"20s", "300ms"} {
			t.Run(transport+"/"+timeout, func(t *testing.T) {
				t.Parallel()
				p := loadgen(t, "-rpc=Search", "-transport="+transport, "-rate=200", "-c=2000", "-d=2500ms",
					"-warmup=0s", "-drain=1500ms",
					"-timeout="+timeout, "-target=-interceptors=none", "-slo=errors<1%,max<1s,p50<50ms,p50<1h")
				p.runFor(t, 500*time.Millisecond)
				stopped := p.target(t)
				if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				// The stopped target must be able to end once loadgen asks it to.
				time.AfterFunc(5*time.Second, func() { _ = syscall.Kill(stopped, syscall.SIGCONT) })
				want := 4
				if timeout != "20s" {
					// every call has its end, so the figures are as told, but for what lies beyond the deadline
					want = 3
				}
				select {
				case <-p.exited:
				case <-time.After(20 * time.Second):
					t.Fatal("it does not end")
				}
				d := p.wantResult(t)
				// a busy machine makes any run INVALID
				if code := p.ProcessState.ExitCode(); code != want && code != 4 {
					t.Errorf("exit code %d, want %d", code, want)
				}
				if problems := hung(d, timeout == "20s"); len(problems) > 0 {
					t.Errorf("%s\n%+v\n%q", strings.Join(problems, "\n"), d.Counts, d.Verdict.Reasons)
				}
			})
		}
	}
}

// hung says what is wrong with the result of a run of 500 calls whose server stopped answering after a fifth of them.
func hung(d *result.Document, unanswered bool) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	c := d.Counts
	lost := c.Failed
	if unanswered {
		lost = c.Unfinished
	}
	if c.Due != 500 || lost < 250 || lost+c.OK+c.NeverSent != 500 {
		wrong("the counts are not those of 500 calls, most of them lost")
	}
	if d.Verdict.Status == verdict.Valid {
		wrong("the verdict is %s", d.Verdict.Status)
	}
	for _, p := range []float64{75, 90, 99} {
		x, ok := d.Latency["response"].At(p)
		least := 250 * time.Millisecond
		if unanswered {
			least = 1400 * time.Millisecond
		}
		if !ok || !x.AtLeast || time.Duration(x.Ns) < least {
			wrong("p%v is told as %+v (%v), want a lower bound of %v or more", p, x, ok, least)
		}
	}
	for _, k := range d.SLO {
		if k.Met {
			wrong("%s is met: %s", k.Objective, k.Result)
		}
	}
	named := slices.ContainsFunc(d.Exemplars, func(x result.Exemplar) bool { return x.Kind == "unanswered" })
	if named != unanswered {
		wrong("calls that were never answered are named: %v", named)
	}
	if unanswered && (d.Unanswered.Calls != c.Unfinished || time.Duration(d.Unanswered.OldestNs) < 3*time.Second) {
		wrong("of the unanswered it says %+v", d.Unanswered)
	}
	return problems
}

// Streams in lockstep whose server stops each wait for one answer, which would have taken longer than it has.
func TestStreamsStopBeingAnswered(t *testing.T) {
	for _, transport := range []string{"grpc", "wire"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			p := loadgen(t, "-rpc=SearchIO", "-transport="+transport, "-c=5", "-d=2s", "-warmup=0s", "-drain=500ms",
				"-target=-interceptors=none")
			p.runFor(t, 500*time.Millisecond)
			stopped := p.target(t)
			if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(4*time.Second, func() { _ = syscall.Kill(stopped, syscall.SIGCONT) })
			p.wantExit(t, 4, 20*time.Second) // silent to its end
			d := p.wantResult(t)
			// A stream that has just begun waits for its first message too, and one that has all its answers for its
			// end alone.
			rtt, first := d.Latency["message_rtt"], d.Latency["first_message"]
			if d.Counts.Unfinished != 5 || rtt.Censored > 5 || rtt.Censored+first.Censored < 3 ||
				time.Duration(max(rtt.MaxNs, first.MaxNs)) < time.Second {
				t.Errorf("%d streams unfinished, %d round trips and %d first messages of at least %v; want 5, and "+
					"most of these of at least a second",
					d.Counts.Unfinished, rtt.Censored, first.Censored, time.Duration(rtt.MaxNs))
			}
		})
	}
}
