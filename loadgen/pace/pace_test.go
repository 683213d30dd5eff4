package pace_test

import (
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"grpcbench/loadgen/pace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

func TestSleepsAreNeverShort(t *testing.T) {
	undo := pace.Precise()
	defer undo()
	for name, sleep := range map[string]func(func() int64, int64){"sleep": pace.SleepUntil, "spin": pace.SpinUntil} {
		for _, d := range []time.Duration{-time.Second, 0, 10 * time.Microsecond, 300 * time.Microsecond, 3 * time.Millisecond} {
			at := now() + int64(d)
			sleep(now, at)
			if early := at - now(); early > 0 {
				t.Errorf("%s of %v: woke %d ns early", name, d, early)
			}
		}
	}
}

func TestAlarmWakesEachInItsTurn(t *testing.T) {
	a := pace.NewAlarm(now)
	defer a.Stop()
	start := now()
	after := []time.Duration{30 * time.Millisecond, 5 * time.Millisecond, 15 * time.Millisecond, 5 * time.Millisecond, -time.Second}
	rings := make([]chan struct{}, len(after))
	for i, d := range after { // a sooner one after a later one, two at a time, one that is past
		rings[i] = make(chan struct{}, 1)
		a.At(start+int64(d), func() { rings[i] <- struct{}{} })
	}
	for _, i := range []int{4, 1, 3, 2, 0} {
		select {
		case <-rings[i]:
			if early := start + int64(after[i]) - now(); early > 0 {
				t.Errorf("%v: woke %d ns early", after[i], early)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%v: never woke", after[i])
		}
	}
}

// Who is woken may ask for its next time at once.
func TestAlarmAsksAgain(t *testing.T) {
	a := pace.NewAlarm(now)
	next := make(chan struct{}, 1)
	a.At(now(), func() { a.At(now()+int64(time.Millisecond), func() { next <- struct{}{} }) })
	<-next
	a.At(now()+int64(time.Hour), func() { t.Error("woken after Stop, or too early") }) // Stop does not wait for it
	a.Stop()
}

// A sleeper holds a processor of Go's scheduler while it sleeps, and brings it itself.
func TestSleepersBringProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	first, second := pace.Precise(), pace.Precise()
	if got := runtime.GOMAXPROCS(0); runtime.GOOS == "linux" && got != before+2 {
		t.Errorf("two sleepers, and GOMAXPROCS is %d, want %d", got, before+2)
	}
	first()
	second()
	undo := make([]func(), 50)
	for i := range undo {
		undo[i] = pace.Precise()
	}
	if got := runtime.GOMAXPROCS(0); got > before+8 {
		t.Errorf("fifty sleepers, and GOMAXPROCS is %d: want a bound", got)
	}
	for _, f := range undo {
		f()
	}
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS is %d once nobody sleeps, and was %d", got, before)
	}
}
