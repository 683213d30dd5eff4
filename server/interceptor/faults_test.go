package interceptor

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

func TestParseFaults(t *testing.T) {
	constant := func(d time.Duration) distribution { return distribution{kind: "constant", a: d} }
	for _, tt := range []struct {
		reason, order string
		want          Faults
	}{
		{"an empty order is no fault", "", Faults{}},
		{"a plain delay is constant", "delay=5ms", Faults{delay: constant(5 * time.Millisecond)}},
		{
			"uniform between two", "delay=uniform:1ms:5ms",
			Faults{delay: distribution{"uniform", time.Millisecond, 5 * time.Millisecond, 0}},
		},
		{
			"uniform between equals", "delay=uniform:1ms:1ms",
			Faults{delay: distribution{"uniform", time.Millisecond, time.Millisecond, 0}},
		},
		{
			"lognormal by median and sigma", "delay=lognormal:2ms:0.5",
			Faults{delay: distribution{"lognormal", 2 * time.Millisecond, 0, 0.5}},
		},
		{
			"bimodal, with the share of the slow", "delay=bimodal:1ms:1s:0.01",
			Faults{delay: distribution{"bimodal", time.Millisecond, time.Second, 0.01}},
		},
		{"an error at a rate", "error=0.25:UNAVAILABLE", Faults{errorRate: 0.25, errorCode: codes.Unavailable}},
		{
			"an error that takes its time", "error=1:DEADLINE_EXCEEDED:300ms",
			Faults{errorRate: 1, errorCode: codes.DeadlineExceeded, errorDelay: 300 * time.Millisecond},
		},
		{"a panic", "panic=0.5", Faults{panicRate: 0.5}},
		{"a gate", "gate=10s:1s", Faults{gateFrom: 10 * time.Second, gateFor: time.Second}},
		{
			"a gate that closes again and again", "gate=0s:50ms:1s",
			Faults{gateFor: 50 * time.Millisecond, gateEvery: time.Second},
		},
		{
			"a collapse", "collapse=100:10s:1ms",
			Faults{collapseAt: 100, collapseFor: 10 * time.Second, collapseBy: time.Millisecond},
		},
		{"all together, in any order", "seed=7,panic=0,gate=0s:1s,error=0:ABORTED,delay=1h", Faults{
			seed: 7, gateFor: time.Second, errorCode: codes.Aborted, delay: constant(time.Hour),
		}},
	} {
		if got, err := ParseFaults(tt.order); err != nil || got != tt.want {
			t.Errorf("%s: ParseFaults(%q) = %+v, %v, want %+v", tt.reason, tt.order, got, err, tt.want)
		}
	}
}

func TestParseFaultsRefuses(t *testing.T) {
	for _, tt := range []struct{ reason, order, says string }{
		{
			"what it does not know, with what there is", "dealy=5ms",
			"delay, error, panic, gate, slow, collapse, deaf and seed",
		},
		{"an empty part", "delay=5ms,", `fault ""`},
		{"the part at fault, in a long order", "delay=5ms,panic=2,seed=1", `fault "panic=2"`},
		{"a delay without a unit", "delay=5", `"5"`},
		{"a delay without a value", "delay", `""`},
		{"a negative delay", "delay=-1ms", `"-1ms"`},
		{"a delay over an hour", "delay=61m", `"61m"`},
		{"a distribution that it does not know", "delay=normal:1ms:5ms", "lognormal:MEDIAN:SIGMA"},
		{"too few arguments", "delay=uniform:1ms", "uniform:LOW:HIGH"},
		{"too many arguments", "delay=uniform:1ms:2ms:3ms", "uniform:LOW:HIGH"},
		{"ends that are swapped", "delay=uniform:5ms:1ms", "5ms is more than 1ms"},
		{"a sigma out of bounds", "delay=lognormal:1ms:11", `"11"`},
		{"a sigma that is no number", "delay=lognormal:1ms:NaN", `"NaN"`},
		{"a share over 1", "delay=bimodal:1ms:2ms:1.1", `"1.1"`},
		{"an error without a code", "error=0.1", "error=RATE:CODE"},
		{"an error that is none", "error=0.1:OK", `"OK" is no code of a failure`},
		{"a code by number", "error=0.1:14", `"14"`},
		{"a code that gRPC does not have", "error=0.1:BROKEN", `"BROKEN"`},
		{"a rate in percent", "error=10%:UNAVAILABLE", `"10%"`},
		{"a rate that is no number", "panic=NaN", `"NaN"`},
		{"a negative rate", "panic=-0.1", `"-0.1"`},
		{"a gate without its length", "gate=10s", "gate=FROM:FOR"},
		{"a gate of four", "gate=1s:1s:2s:1s", "gate=FROM:FOR"},
		{"a gate that never opens", "gate=1s:1s:1s", "never opens"},
		{"a collapse at no call", "collapse=0:10s:1ms", `"0" is not a number of calls`},
		{"a collapse without an end", "collapse=10", "collapse=N:FOR:BY"},
		{"a collapse by nothing known", "collapse=10:1s:1", `"1" is not a duration`},
		{"a negative seed", "seed=-1", "-1"},
		{"more than a panic's rate", "panic=0.5:300ms", "panic=0.5:300ms"},
		{"more than a seed", "seed=1:2", "seed=1:2"},
	} {
		got, err := ParseFaults(tt.order)
		if err == nil {
			t.Errorf("%s: ParseFaults(%q) = %+v, want an error", tt.reason, tt.order, got)
			continue
		}
		if !strings.Contains(err.Error(), tt.says) || got != (Faults{}) {
			t.Errorf("%s: ParseFaults(%q) = %+v, %v, want nothing, and an error that says %s", tt.reason, tt.order,
				got, err, tt.says)
		}
	}
}

// FuzzParseFaults: no order makes it panic, and one that it takes can be
// carried out: no draw leaves its bounds, and no failure is OK.
func FuzzParseFaults(f *testing.F) {
	for _, order := range []string{
		"", "delay=5ms", "delay=uniform:1ms:5ms", "delay=lognormal:5ms:0.5", "delay=bimodal:1ms:100ms:0.01",
		"error=0.01:UNAVAILABLE", "error=1:DEADLINE_EXCEEDED:300ms", "panic=0.001", "gate=10s:1s", "gate=0s:50ms:1s",
		"collapse=100:10s:1ms",
		"delay=lognormal:1h:10,error=0.5:CANCELLED,panic=1,gate=0s:1h,seed=18446744073709551615",
		"delay=uniform:0s:1h,seed=0", "delay=lognormal:0s:10", "delay==,=:,:", "error=1e-3:UNKNOWN:+1h",
	} {
		f.Add(order)
	}
	within := func(d time.Duration) bool { return d >= 0 && d <= maxDelay }
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	f.Fuzz(func(t *testing.T, order string) {
		faults, err := ParseFaults(order)
		if err != nil {
			if faults != (Faults{}) {
				t.Errorf("refused (%v), but still ordered %+v", err, faults)
			}
			return
		}
		if !share(faults.errorRate) || !share(faults.panicRate) {
			t.Errorf("rates out of bounds: %+v", faults)
		}
		if faults.errorRate > 0 && (faults.errorCode == codes.OK || faults.errorCode > codes.Unauthenticated) {
			t.Errorf("the error is %v", faults.errorCode)
		}
		if !within(faults.errorDelay) || !within(faults.gateFrom) || !within(faults.gateFor) ||
			!within(faults.gateEvery) || !within(faults.collapseFor) || !within(faults.collapseBy) {
			t.Errorf("times out of bounds: %+v", faults)
		}
		for n := range uint64(64) {
			d := faults.delay.draw(rand.New(rand.NewPCG(faults.seed, n)))
			if !within(d) || faults.delay.kind == "uniform" && (d < faults.delay.a || d > faults.delay.b) {
				t.Errorf("%+v drew %v", faults.delay, d)
			}
		}
		if again, err := ParseFaults(order); err != nil || again != faults {
			t.Errorf("read a second time: %+v, %v, first %+v", again, err, faults)
		}
	})
}
