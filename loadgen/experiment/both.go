package experiment

import (
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// joinSides puts what the two sides saw of a cell's calls together.
func (m *matrix) joinSides(c cell, by map[uint64]heard, handled []contract.Handled,
	goroutines int,
) result.DeadlineCell {
	told := result.DeadlineCell{
		Transport: c.transport, Kind: c.kind, Behaviour: c.behaviour, DeadlineNs: int64(c.deadline),
		DelayNs: int64(c.delay),
		Calls:   int64(len(by)), Goroutines: goroutines, ClientCodes: map[string]int64{},
		ServerCodes: map[string]int64{},
	}
	var overshoot, lag, linger, inflation []int64
	var worked, wasted int64
	for _, h := range by {
		told.ClientCodes[result.CodeName(h.code)]++
		if h.sent == h.end {
			told.NeverSent++
		} else if c.late() {
			overshoot = append(overshoot, h.end-h.sent-int64(c.deadline))
		}
	}
	seen := 0
	for _, s := range handled {
		id, err := requestid.Parse(s.ID)
		h, ok := by[id.Seq]
		if err != nil || id.Run != m.run || !ok {
			continue // not of this cell
		}
		seen++
		told.ServerCodes[result.CodeName(codes.Code(s.Code))]++ //nolint:gosec // a code, or none
		deadline := h.sent + int64(c.caller())
		if c.behaviour == interceptor {
			deadline = s.Received + int64(c.deadline) // its clock starts there
		} else if s.Deadline > 0 {
			inflation = append(inflation, s.Deadline-deadline)
		}
		if s.Returned == 0 {
			told.LateHandlers++
			continue
		}
		worked += s.Returned - s.Received
		if c.late() && c.behaviour != recvTimeout {
			linger = append(linger, s.Returned-deadline)
			wasted += max(0, s.Returned-max(deadline, s.Received))
			if s.Done > 0 && c.behaviour != interceptor {
				lag = append(lag, s.Done-deadline)
			}
		}
	}
	told.NeverHandled = told.Calls - told.NeverSent - int64(seen)
	told.Overshoot, told.CancelLag = result.NewSpread(overshoot), result.NewSpread(lag)
	told.Linger, told.Inflation = result.NewSpread(linger), result.NewSpread(inflation)
	if worked > 0 {
		told.Wasted = float64(wasted) / float64(worked)
	}
	told.Wrong = listFaults(c, &told)
	return told
}

// What is more than the machine's own unrest (DT-2 to DT-4 in MEASURING.md).
const (
	lateToHear = 20 * time.Millisecond
	lateToStop = 20 * time.Millisecond
)

// listFaults says what is not as it should be.
func listFaults(c cell, t *result.DeadlineCell) (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	want := result.CodeName(codes.OK)
	if c.late() {
		want = result.CodeName(codes.DeadlineExceeded)
	}
	for code, n := range t.ClientCodes {
		if code != want {
			say("%d of %d calls ended %s, want %s", n, t.Calls, code, want)
		}
	}
	if t.NeverSent > 0 {
		say("%d calls were never sent: their deadline passed while they waited for a stream", t.NeverSent)
	}
	if t.NeverHandled > 0 {
		say("%d calls were sent and no handler saw them", t.NeverHandled)
	}
	switch d := time.Duration(t.Overshoot.P99); {
	case d <= lateToHear:
	case c.behaviour == recvTimeout && c.transport == transport.GRPC:
		say("callers hear %v past it (p99): a caller of grpc-go that does not receive hears of the end when it sends "+
			"again", d.Round(time.Millisecond))
	default:
		say("callers hear %v past the deadline (p99)", d.Round(time.Millisecond))
	}
	if d := time.Duration(t.Overshoot.Min); t.Overshoot.Count > 0 && d < -time.Millisecond {
		say("callers are told of the deadline %v before it", -d.Round(10*time.Microsecond))
	}
	if d := time.Duration(t.Linger.P50); d > lateToStop {
		say("handlers work on for %v past the deadline: %.0f %% of their time is wasted", d.Round(time.Millisecond),
			100*t.Wasted)
	}
	if t.LateHandlers > 0 {
		say("%d handlers still ran %v after they should have been over", t.LateHandlers, settling)
	}
	if t.Goroutines > 2 {
		say("%d goroutines are left behind", t.Goroutines)
	}
	if d := time.Duration(t.Inflation.P99); d > lateToStop {
		say("the server thinks the deadline is %v later than the caller does (p99)", d.Round(time.Millisecond))
	}
	return all
}
