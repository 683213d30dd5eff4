package message

import (
	"fmt"
	"math"
	"testing"
)

// chiSquared is the statistic of counts against likelihoods, and its mean and standard deviation beside it: a statistic
// further than five of these from the mean is no chance.
func chiSquared(t *testing.T, what string, counts []int, likelihood func(k int) float64) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	var x float64
	cells := 0
	var restSeen, restWanted float64
	for k, n := range counts {
		want := likelihood(k) * float64(total)
		if want < 10 { // together, in a tail
			restSeen, restWanted = restSeen+float64(n), restWanted+want
			continue
		}
		x += (float64(n) - want) * (float64(n) - want) / want
		cells++
	}
	if restWanted > 10 {
		x += (restSeen - restWanted) * (restSeen - restWanted) / restWanted
		cells++
	}
	freedom := float64(cells - 1)
	if off := (x - freedom) / math.Sqrt(2*freedom); math.Abs(off) > 5 {
		t.Errorf("%s: chi-squared %.1f of %.0f degrees, %.1f standard deviations off", what, x, freedom, off)
	}
}

func TestBelowIsUniform(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 10, 1000} {
		for seed := range uint64(3) {
			counts := make([]int, n)
			key := keyOf(seed, "$.a")
			for seq := range uint64(200_000) {
				w := wordsOf(key, seq, 0)
				counts[w.below(n)]++
			}
			if n > 1 {
				chiSquared(t, "below", counts, func(int) float64 { return 1 / float64(n) })
			}
		}
	}
	w := words{}
	if w.below(1<<63+1) > 1<<63 {
		t.Error("beyond its bound")
	}
}

// Messages of one stream, slots of one message and seeds are as different as calls are.
func TestWordsAreIndependent(t *testing.T) {
	for what, at := range map[string]func(k int) words{
		"messages": func(k int) words { return wordsOf(keyOf(1, "$.a"), 7, k) },
		"slots":    func(k int) words { return wordsOf(keyOf(1, "$.a#"+string(rune(k))), 7, 0) },
		"seeds":    func(k int) words { return wordsOf(keyOf(uint64(k), "$.a"), 7, 0) },
		"calls":    func(k int) words { return wordsOf(keyOf(1, "$.a"), uint64(k), 0) },
	} {
		pairs := make([]int, 64) // of neighbours
		for k := range 50_000 {
			a, b := at(k), at(k+1)
			pairs[a.below(8)*8+b.below(8)]++
		}
		chiSquared(t, what, pairs, func(int) float64 { return 1.0 / 64 })
	}
}

// A call is found again by a word of it, so that no other has the same: ${hex(16)} is a key of its own.
func TestWordsNeverRepeat(t *testing.T) {
	inverse := func(odd uint64) uint64 { // Newton: each step has twice as many bits right
		x := odd
		for range 6 {
			x *= 2 - odd*x
		}
		return x
	}
	unmix := func(z uint64) uint64 {
		z ^= z>>31 ^ z>>62
		z *= inverse(0x94d049bb133111eb)
		z ^= z>>27 ^ z>>54
		z *= inverse(0xbf58476d1ce4e5b9)
		return z ^ z>>30 ^ z>>60
	}
	key, i := keyOf(1, "$.a#0"), uint64(3)
	for _, seq := range []uint64{0, 1, 2, 1000, 1<<40 - 1} {
		w := wordsOf(key, seq, int(i)) //nolint:gosec // 3
		state := unmix(w.next()) - key - i*stepMessage - stepWord
		if got := state * inverse(stepCall); got != seq {
			t.Errorf("the word of call %d is that of %d", seq, got)
		}
	}
}

// Words of calls, of their messages and of these in turn have states of their own.
func TestStepsDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for seq := range uint64(200) {
		for i := range 60 {
			w := wordsOf(7, seq, i)
			for range 60 {
				w.next()
				if seen[w.state] {
					t.Fatalf("call %d, message %d: a state that another has", seq, i)
				}
				seen[w.state] = true
			}
		}
	}
}

func TestZipf(t *testing.T) {
	for _, tt := range []struct {
		n uint64
		s float64
	}{{1, 1}, {2, 1}, {10, 0.5}, {100, 1}, {1000, 1.2}, {1000, 2}, {1_000_000, 0.99}} {
		z := newZipf(tt.n, tt.s)
		counts := make([]int, tt.n)
		key := keyOf(5, "$.z")
		for seq := range uint64(200_000) {
			w := wordsOf(key, seq, 0)
			counts[z.draw(&w)]++
		}
		var sum float64
		for k := range counts {
			sum += math.Pow(float64(k+1), -tt.s)
		}
		if tt.n > 1 {
			chiSquared(t, "zipf", counts, func(k int) float64 { return math.Pow(float64(k+1), -tt.s) / sum })
		}
	}
}

// Digits are those of strconv, zeros before them, whatever the width.
func TestAppendDigits(t *testing.T) {
	values := []uint64{
		0, 1, 9, 10, 99, 100, 999_999, 1e8 - 1, 1e8, 123_456_789, 1e10, 1e16 - 1, 1e16, 1 << 40, math.MaxUint64,
	}
	for v := uint64(0); v < 1e8; v += 9973 {
		values = append(values, v)
	}
	for v := range uint64(10_000) { // each of the halves
		values = append(values, v*10_001)
	}
	for _, v := range values {
		for n := 1; n <= 16; n++ {
			got, want := string(appendDigits([]byte("x"), v, n)), fmt.Sprintf("x%0*d", n, v)
			if got != want {
				t.Fatalf("%d in %d digits: %q, want %q", v, n, got, want)
			}
			got, want = string(appendHex([]byte("x"), v, n)), fmt.Sprintf("x%0*x", n, v)
			if v>>(4*n) == 0 && got != want {
				t.Fatalf("%x in %d digits: %q, want %q", v, n, got, want)
			}
		}
	}
}
