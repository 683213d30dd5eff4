package schedule

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

func collect(s Schedule) []time.Duration { return slices.Collect(All(s)) }

func TestUniformIsExact(t *testing.T) {
	for _, row := range []struct {
		reason string
		rate   Rate
		d      time.Duration
		count  int
		k      int
		at     time.Duration
	}{
		{
			"a whole number of nanoseconds apart", PerSecond(1000), 30 * time.Second, 30_000, 29_999,
			29_999 * time.Millisecond,
		},
		{"a third of a nanosecond does not add up", PerSecond(30_000), time.Second, 30_000, 29_999, 999_966_666},
		{"slower than one a second", PerSecond(0.5), 10 * time.Second, 5, 4, 8 * time.Second},
		{"an arrival at the very end is the next span's", PerSecond(10), time.Second, 10, 9, 900 * time.Millisecond},
		{
			"an hour at a rate that does not divide", PerSecond(700_000), 3 * time.Second, 2_100_000, 2_099_999,
			2_999_998_571,
		},
	} {
		got := collect(Uniform(row.rate, row.d))
		if len(got) != row.count || got[row.k] != row.at {
			t.Errorf("%s: %d arrivals, the %d-th at %d; want %d, at %d", row.reason, len(got), row.k,
				got[min(row.k, len(got)-1)], row.count, row.at)
		}
	}
	if got := collect(Uniform(0, time.Second)); got != nil {
		t.Errorf("rate 0: got %d arrivals, want none", len(got))
	}
}

func TestPoisson(t *testing.T) { // PA-2
	const n, sigma = 30_000, 173.2
	at := collect(Poisson(PerSecond(1000), 30*time.Second, 7))
	if d := math.Abs(float64(len(at) - n)); d > 3*sigma {
		t.Errorf("got %d arrivals, want %d within %v", len(at), n, 3*sigma)
	}
	if again := collect(Poisson(PerSecond(1000), 30*time.Second, 7)); !slices.Equal(at, again) {
		t.Error("the same seed gave another schedule")
	}
	if other := collect(Poisson(PerSecond(1000), 30*time.Second, 8)); slices.Equal(at, other) {
		t.Error("another seed gave the same schedule")
	}
	if !slices.IsSorted(at) {
		t.Error("arrivals are out of order")
	}
	// Exponential gaps: mean and standard deviation are alike, which even spacing and bursts are not.
	var sum, sq float64
	for i := 1; i < len(at); i++ {
		g := float64(at[i] - at[i-1])
		sum += g
		sq += g * g
	}
	mean := sum / float64(len(at)-1)
	sd := math.Sqrt(sq/float64(len(at)-1) - mean*mean)
	if r := sd / mean; r < 0.98 || r > 1.02 {
		t.Errorf("the gaps' deviation is %.3f of their mean, want 1", r)
	}
}

func TestStages(t *testing.T) {
	for _, row := range []struct {
		reason, text string
		total        int
		from, to     time.Duration // a span, and the arrivals in it
		in           int
	}{
		{"steps keep each its own rate", "1s:100,2s:1000", 2100, 0, time.Second, 100},
		{"the second step", "1s:100,2s:1000", 2100, time.Second, 2 * time.Second, 1000},
		{"a ramp's first half has a quarter of its arrivals", "2s:0..1000", 1000, 0, time.Second, 250},
		{"a ramp down is a ramp up reversed", "2s:1000..0", 1000, 0, time.Second, 750},
		{"a pause has none", "1s:10,1s:0,1s:10", 20, time.Second, 2 * time.Second, 0},
	} {
		t.Run(row.text+" "+row.reason, func(t *testing.T) {
			stages, err := ParseStages(row.text)
			if err != nil {
				t.Fatal(err)
			}
			at := collect(Stages(stages, false, 0))
			in := 0
			for _, a := range at {
				if a >= row.from && a < row.to {
					in++
				}
			}
			if math.Abs(float64(len(at)-row.total)) > 1 || math.Abs(float64(in-row.in)) > 1 {
				t.Errorf("%d arrivals, %d in the span; want %d and %d, within 1", len(at), in, row.total, row.in)
			}
			if !slices.IsSorted(at) || len(at) > 0 && at[len(at)-1] >= Length(stages) {
				t.Error("arrivals are out of order, or past the end")
			}
		})
	}
}

func TestStagesAgreeWithUniform(t *testing.T) {
	a := collect(Uniform(PerSecond(1000), 10*time.Second))
	b := collect(Stages([]Stage{{10 * time.Second, PerSecond(1000), PerSecond(1000)}}, false, 0))
	if len(a) != len(b) {
		t.Fatalf("%d and %d arrivals", len(a), len(b))
	}
	for i := range a {
		if d := a[i] - b[i]; d < -1 || d > 1 {
			t.Fatalf("arrival %d: %d and %d", i, a[i], b[i])
		}
	}
}

func TestLimit(t *testing.T) {
	for _, row := range []struct {
		n    int64
		want int
	}{{0, 0}, {3, 3}, {100, 10}} {
		if got := collect(Limit(Uniform(PerSecond(10), time.Second), row.n)); len(got) != row.want {
			t.Errorf("limit %d: got %d arrivals, want %d", row.n, len(got), row.want)
		}
	}
}

func FuzzParseStages(f *testing.F) {
	for _, s := range []string{
		"10s:100", "10s:100,30s:1000", "1m:0..1e3", "1s:-1", "x", ":", "1s:1..", "1h:0.001",
		"9999999h:1", "1ns:1000000000",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		stages, err := ParseStages(s)
		if err != nil {
			return
		}
		text := ""
		for i, st := range stages {
			if i > 0 {
				text += ","
			}
			text += st.String()
		}
		again, err := ParseStages(text)
		if err != nil || !slices.Equal(stages, again) {
			t.Errorf("%q is written %q, which reads as %v, %v", s, text, again, err)
		}
		last := time.Duration(-1)
		n := 0
		for at := range All(Stages(stages, false, 0)) {
			if at < last || at > Length(stages) {
				t.Fatalf("%q: arrival at %v after %v", s, at, last)
			}
			last, n = at, n+1
			if n == 1000 {
				break
			}
		}
	})
}

func ExampleStages() {
	stages, _ := ParseStages("1s:2,2s:2..4")
	for at := range All(Stages(stages, false, 0)) {
		fmt.Println(at.Round(time.Millisecond))
	}
	// Output:
	// 0s
	// 500ms
	// 1s
	// 1.449s
	// 1.828s
	// 2.162s
	// 2.464s
	// 2.742s
}
