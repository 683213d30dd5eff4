package pace_test

import (
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"grpcbench/loadgen/pace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

func TestSleepsAreNeverShort(t *testing.T) {
	s := pace.NewSleeper(now)
	defer s.Close()
	for name, sleep := range map[string]func(int64) bool{"sleep": s.Until, "spin": s.SpinUntil} {
		for _, d := range []time.Duration{
			-time.Second, 0, 10 * time.Microsecond, 300 * time.Microsecond,
			3 * time.Millisecond,
		} {
			at := now() + int64(d)
			if !sleep(at) {
				t.Errorf("%s of %v: nobody woke it", name, d)
			}
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
	after := []time.Duration{
		30 * time.Millisecond, 5 * time.Millisecond, 15 * time.Millisecond, 5 * time.Millisecond,
		-time.Second,
	}
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

// A sleep of an hour ends when somebody wakes it, also where that came just before.
func TestWake(t *testing.T) {
	s := pace.NewSleeper(now)
	defer s.Close()
	hour := now() + int64(time.Hour)
	for range 200 {
		s.Wake()
		if s.Until(hour) {
			t.Fatal("an hour went by")
		}
		woken := make(chan bool)
		go func() { woken <- s.Until(hour) }()
		if rand.IntN(2) > 0 {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		}
		s.Wake()
		select {
		case slept := <-woken:
			if slept {
				t.Fatal("an hour went by")
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody wakes")
		}
		if at := now() + int64(50*time.Microsecond); !s.Until(at) || now() < at {
			t.Fatal("what woke one sleep ends the next too")
		}
	}
}

// A sleep ends in time too while every processor of Go's scheduler is busy, and nobody looks at what epoll has.
func TestSleepWhileAllAreBusy(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
			}
		}()
	}
	s := pace.NewSleeper(now)
	defer s.Close()
	var late []int64
	for range 100 {
		at := now() + int64(500*time.Microsecond)
		s.Until(at)
		late = append(late, now()-at)
	}
	slices.Sort(late)
	if median := time.Duration(late[len(late)/2]); median > 8*time.Millisecond {
		t.Errorf("half of the sleeps woke %v late or more", median)
	}
}

// Sleepers do without threads and processors: fifty of them are as many goroutines.
func TestSleepersHoldNothing(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	threads := pprof.Lookup("threadcreate").Count()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			s := pace.NewSleeper(now)
			defer s.Close()
			s.Until(now() + int64(20*time.Millisecond))
		})
	}
	group.Wait()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS is %d, and was %d", got, before)
	}
	if more := pprof.Lookup("threadcreate").Count() - threads; more > 20 {
		t.Errorf("fifty sleepers took %d threads", more)
	}
}
