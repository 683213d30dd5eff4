package schedule

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxRate bounds a rate: a million million calls a second are a slip of the keyboard.
const MaxRate = 1e9

// ParseRate reads arrivals per second, such as 1000 or 0.5.
func ParseRate(s string) (Rate, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > MaxRate {
		return 0, fmt.Errorf("%q is not a number per second", s)
	}
	if r := PerSecond(n); r > 0 || n == 0 {
		return r, nil
	}
	return 0, fmt.Errorf("%q is less than 0.001 per second", s)
}

// ParseStages reads stages such as 10s:100,30s:100..1000: a duration with a
// rate that stays, or with one that goes in a line from the first to the second.
func ParseStages(s string) ([]Stage, error) {
	var stages []Stage
	for part := range strings.SplitSeq(s, ",") {
		st, err := parseStage(part)
		if err != nil {
			return nil, fmt.Errorf("stage %q: %w", part, err)
		}
		stages = append(stages, st)
	}
	return stages, nil
}

func parseStage(s string) (Stage, error) {
	length, rates, ok := strings.Cut(s, ":")
	if !ok {
		return Stage{}, errors.New("want DURATION:RATE or DURATION:FROM..TO, as in 10s:100 or 30s:100..1000")
	}
	d, err := time.ParseDuration(length)
	if err != nil || d <= 0 {
		return Stage{}, fmt.Errorf("%q is not a duration such as 10s", length)
	}
	from, to, ramp := strings.Cut(rates, "..")
	if !ramp {
		to = from
	}
	st := Stage{D: d}
	if st.From, err = ParseRate(from); err != nil {
		return Stage{}, err
	}
	if st.To, err = ParseRate(to); err != nil {
		return Stage{}, err
	}
	return st, nil
}

func (r Rate) String() string { return strconv.FormatFloat(r.PerSecond(), 'f', -1, 64) }

func (st Stage) String() string {
	if st.From == st.To {
		return fmt.Sprintf("%v:%v", st.D, st.From)
	}
	return fmt.Sprintf("%v:%v..%v", st.D, st.From, st.To)
}
