package interceptor

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// Faults orders what the inject interceptor does to calls. The zero value orders nothing.
type Faults struct {
	delay      distribution
	errorRate  float64
	errorCode  codes.Code
	errorDelay time.Duration
	panicRate  float64
	gateFrom   time.Duration // after the first call
	gateFor    time.Duration
	gateEvery  time.Duration // from one closing to the next; 0 is once
	deaf       bool          // delays do not end with the call's context
	slowEvery  uint64        // calls whose request id counts to a multiple of it take slowBy longer
	slowBy     time.Duration
	// Once collapseAt calls are in progress, each keeps a core busy for collapseBy, for as long as collapseFor.
	collapseAt              int64
	collapseFor, collapseBy time.Duration
	seed                    uint64
}

// FaultsUsage says what [ParseFaults] reads, for a flag's help.
const FaultsUsage = "faults, comma-separated: delay=5ms | delay=uniform:1ms:5ms | delay=lognormal:MEDIAN:SIGMA | " +
	"delay=bimodal:FAST:SLOW:SHARE_SLOW, error=RATE:CODE[:AFTER], panic=RATE, gate=FROM:FOR[:EVERY] (holds all " +
	"calls, FROM after the first), " +
	"slow=N:BY (calls whose request id counts to a multiple of N), collapse=N:FOR:BY (once N calls are in progress, " +
	"each keeps a core busy BY longer, FOR so long), deaf (delays go on after the call's deadline), seed=N"

// ParseFaults reads an order such as "delay=uniform:1ms:5ms,error=0.01:UNAVAILABLE".
// An empty order is no fault.
func ParseFaults(order string) (Faults, error) {
	var f Faults
	if order == "" {
		return f, nil
	}
	for part := range strings.SplitSeq(order, ",") {
		key, value, _ := strings.Cut(part, "=")
		if err := f.set(key, strings.Split(value, ":")); err != nil {
			return Faults{}, fmt.Errorf("fault %q: %w", part, err)
		}
	}
	return f, nil
}

func (f *Faults) none() bool {
	return f.delay == (distribution{}) && f.errorRate == 0 && f.panicRate == 0 && f.gateFor == 0 && f.slowEvery == 0 &&
		f.collapseAt == 0
}

func (f *Faults) set(key string, args []string) (err error) {
	switch key {
	case "deaf":
		if len(args) != 1 || args[0] != "" {
			return errors.New("want deaf alone")
		}
		f.deaf = true
	case "delay":
		f.delay, err = parseDistribution(args)
	case "error":
		err = f.setError(args)
	case "panic":
		if len(args) != 1 {
			return errors.New("want panic=RATE")
		}
		f.panicRate, err = parseShare(args[0])
	case "gate":
		err = f.setGate(args)
	case "collapse":
		err = f.setCollapse(args)
	case "slow":
		if len(args) != 2 {
			return errors.New("want slow=N:BY, as in slow=1000:50ms")
		}
		if f.slowEvery, err = strconv.ParseUint(args[0], 10, 64); err == nil && f.slowEvery == 0 {
			err = errors.New("want a multiple of 1 or more")
		}
		if err == nil {
			f.slowBy, err = parseDelay(args[1])
		}
	case "seed":
		if len(args) != 1 {
			return errors.New("want seed=N")
		}
		f.seed, err = strconv.ParseUint(args[0], 10, 64)
	default:
		err = errors.New("the faults are delay, error, panic, gate, slow, collapse, deaf and seed")
	}
	return err
}

func (f *Faults) setError(args []string) (err error) {
	if len(args) != 2 && len(args) != 3 {
		return errors.New("want error=RATE:CODE or error=RATE:CODE:AFTER, as in error=0.01:UNAVAILABLE:300ms")
	}
	if f.errorRate, err = parseShare(args[0]); err != nil {
		return err
	}
	if err := f.errorCode.UnmarshalJSON([]byte(strconv.Quote(args[1]))); err != nil || f.errorCode == codes.OK {
		return fmt.Errorf("%q is no code of a failure", args[1])
	}
	if len(args) == 3 {
		f.errorDelay, err = parseDelay(args[2])
	}
	return err
}

func (f *Faults) setGate(args []string) error {
	if len(args) != 2 && len(args) != 3 {
		return errors.New("want gate=FROM:FOR or gate=FROM:FOR:EVERY, as in gate=10s:1s")
	}
	for i, d := range []*time.Duration{&f.gateFrom, &f.gateFor, &f.gateEvery}[:len(args)] {
		var err error
		if *d, err = parseDelay(args[i]); err != nil {
			return err
		}
	}
	if len(args) == 3 && f.gateEvery <= f.gateFor {
		return fmt.Errorf("a gate that closes for %v every %v never opens", f.gateFor, f.gateEvery)
	}
	return nil
}

func (f *Faults) setCollapse(args []string) (err error) {
	if len(args) != 3 {
		return errors.New("want collapse=N:FOR:BY, as in collapse=100:10s:1ms")
	}
	if f.collapseAt, err = strconv.ParseInt(args[0], 10, 64); err != nil || f.collapseAt < 1 {
		return fmt.Errorf("%q is not a number of calls", args[0])
	}
	if f.collapseFor, err = parseDelay(args[1]); err == nil {
		f.collapseBy, err = parseDelay(args[2])
	}
	return err
}

// distribution is a delay's: constant a; uniform a..b; lognormal with median a
// and shape x; bimodal a, or b with probability x.
type distribution struct {
	kind string
	a, b time.Duration
	x    float64
}

func parseDistribution(args []string) (d distribution, err error) {
	var want string
	d.kind = args[0]
	switch {
	case len(args) == 1:
		d.kind = "constant"
		d.a, err = parseDelay(args[0])
		return d, err
	case d.kind == "uniform" && len(args) == 3:
		want = "db"
	case d.kind == "lognormal" && len(args) == 3:
		want = "dx"
	case d.kind == "bimodal" && len(args) == 4:
		want = "dbp"
	default:
		return d, errors.New("want 5ms, uniform:LOW:HIGH, lognormal:MEDIAN:SIGMA or bimodal:FAST:SLOW:SHARE_SLOW")
	}
	for i, w := range want {
		switch arg := args[i+1]; w {
		case 'd':
			d.a, err = parseDelay(arg)
		case 'b':
			d.b, err = parseDelay(arg)
		case 'p':
			d.x, err = parseShare(arg)
		case 'x':
			if d.x, err = strconv.ParseFloat(arg, 64); err == nil && !(d.x >= 0 && d.x <= 10) {
				err = fmt.Errorf("%q is not a sigma between 0 and 10", arg)
			}
		}
		if err != nil {
			return d, err
		}
	}
	if d.kind == "uniform" && d.b < d.a {
		return d, fmt.Errorf("%v is more than %v", d.a, d.b)
	}
	return d, nil
}

// draw returns one delay.
func (d distribution) draw(r *rand.Rand) time.Duration {
	switch d.kind {
	case "uniform":
		return d.a + time.Duration(r.Float64()*float64(d.b-d.a))
	case "lognormal":
		return time.Duration(min(float64(d.a)*math.Exp(d.x*r.NormFloat64()), float64(maxDelay)))
	case "bimodal":
		if r.Float64() < d.x {
			return d.b
		}
	}
	return d.a
}

// maxDelay bounds every delay, drawn or ordered.
const maxDelay = time.Hour

func parseDelay(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxDelay {
		return 0, fmt.Errorf("%q is not a duration between 0s and 1h, such as 5ms", s)
	}
	return d, nil
}

func parseShare(s string) (float64, error) {
	p, err := strconv.ParseFloat(s, 64)
	if err != nil || !(p >= 0 && p <= 1) {
		return 0, fmt.Errorf("%q is not a share between 0 and 1", s)
	}
	return p, nil
}
