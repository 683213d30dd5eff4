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

// No call's word is another's, so that ${hex(16)} is a key of its own.
func TestWordsNeverRepeat(t *testing.T) {
	key := keyOf(1, "$.a#0")
	seen := make(map[uint64]bool, 1<<19)
	for seq := range uint64(1 << 19) {
		w := wordsOf(key, seq*seq, 0) // near ones, and far ones
		word := w.next()
		if seen[word] {
			t.Fatalf("call %d: %#x was another's", seq*seq, word)
		}
		seen[word] = true
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
