// Package verdict says whether a measurement can be believed, and why not.
package verdict

import "fmt"

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
}

// Facts are what the rules look at.
type Facts struct {
	Due, OK, Failed, Unfinished, NeverSent int64
	Overflow                               int64
	// Interrupted is set where the run ended before its time.
	Interrupted bool
}

// Judge applies every rule.
func Judge(f Facts) Verdict {
	v := Verdict{Status: Valid, Reasons: []string{}}
	if f.Due == 0 {
		v.add(Invalid, "no call was measured")
	}
	if sum := f.OK + f.Failed + f.Unfinished + f.NeverSent; f.Due != sum {
		v.add(Invalid, "the counts do not add up: %d calls were due, %d are accounted for", f.Due, sum)
	}
	if f.Overflow > 0 {
		v.add(Invalid, "%d latencies fit no histogram (negative, or over an hour)", f.Overflow)
	}
	if f.Interrupted {
		v.add(Suspect, "the run was interrupted: it is shorter than planned")
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
