// Package verdict says whether a measurement can be believed, and why not.
package verdict

import (
	"fmt"
	"time"
)

// LateAfter is the lag past which a call of an open loop counts as late.
const LateAfter = time.Millisecond

// Status is the verdict in one word.
type Status string

// The statuses, from good to bad.
const (
	Valid   Status = "valid"
	Suspect Status = "suspect"
	Invalid Status = "invalid"
)

// Verdict is a status with its reasons in words; a valid run has none.
type Verdict struct {
	Status  Status   `json:"status"`
	Reasons []string `json:"reasons"`
	// Client says that the worst of the reasons lies with the load generator, or its machine.
	Client bool `json:"client,omitempty"`
}

// Judge applies every rule. Each says, in this order, what ought to be, how far off is too far, what that makes the
// verdict, and where the figure comes from; a limit without a source is one of experience.
func Judge(f Facts) Verdict {
	v := Verdict{Status: Valid, Reasons: []string{}}
	for _, rule := range []func(*Facts, *Verdict){
		checkCounts, checkOwnFailures, checkUnanswered, checkOutage, checkReached, checkMix, checkSchedule,
		checkLateness,
		checkMaking, checkStalls, checkSuspension, checkGaps, checkLittle, checkCPU, checkIdle, checkClock,
		checkArrivals, checkDrift,
	} {
		rule(&f, &v)
	}
	return v
}

// add notes a reason; the status is that of the worst.
func (v *Verdict) add(s Status, format string, args ...any) {
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
	if v.Status != Invalid {
		v.Status = s
	}
}

// addOwn notes a reason that lies with the load generator: at most a doubt in a closed loop.
func (v *Verdict) addOwn(f *Facts, s Status, format string, args ...any) {
	if !f.Open {
		s = Suspect
	}
	v.Client = v.Client || s == Invalid
	v.add(s, format, args...)
}
