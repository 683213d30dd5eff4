package message

import (
	"math"
	"math/bits"

	"grpcbench/loadgen/mix"
)

// words are the random words of one slot in one message: SplitMix64's sequence, from a state that is a function of the
// slot's key, the call's number and the message's. So any process makes any message's values again.
type words struct{ state uint64 }

func wordsOf(key, seq uint64, i int) words {
	return words{mix.Mix(mix.Mix(key+seq*mix.Golden) + uint64(i)*mix.Golden)} //nolint:gosec // a message's number
}

func (w *words) next() uint64 {
	w.state += mix.Golden
	return mix.Mix(w.state)
}

// below is a number of 0 to n-1, all equally likely; of 0 any 64 bits (Lemire: "Fast random integer generation in an
// interval", 2019).
func (w *words) below(n uint64) uint64 {
	if n == 0 {
		return w.next()
	}
	hi, lo := bits.Mul64(w.next(), n)
	if lo < n {
		for least := -n % n; lo < least; {
			hi, lo = bits.Mul64(w.next(), n)
		}
	}
	return hi
}

// unit is a number of 0 to 1, without 1, in steps of 2^-53.
func (w *words) unit() float64 { return float64(w.next()>>11) * (1.0 / (1 << 53)) }

// keyOf makes a slot's key of the seed and of where the slot stands, by FNV-1a, so that another slot beside it changes
// nothing.
func keyOf(seed uint64, where string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(where) {
		h = (h ^ uint64(where[i])) * 0x100000001b3
	}
	return mix.Mix(mix.Mix(seed+mix.Golden) ^ h)
}

// zipf draws k of 0 to n-1 with a likelihood in proportion to 1/(k+1)^s, by rejection-inversion (Hörmann, Derflinger:
// "Rejection-inversion to generate variates from monotone discrete distributions", 1996), whose names it has.
type zipf struct {
	n, s               float64
	hx1, hn, threshold float64
}

func newZipf(n uint64, s float64) zipf {
	z := zipf{n: float64(n), s: s}
	z.hx1 = z.integral(1.5) - 1
	z.hn = z.integral(z.n + 0.5)
	z.threshold = 2 - z.inverse(z.integral(2.5)-z.h(2))
	return z
}

func (z *zipf) draw(w *words) uint64 {
	for {
		u := z.hn + w.unit()*(z.hx1-z.hn)
		x := z.inverse(u)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.threshold || u >= z.integral(k+0.5)-z.h(k) {
			return uint64(k) - 1
		}
	}
}

// h is the density, integral its integral, and inverse the integral's inverse function.
func (z *zipf) h(x float64) float64 { return math.Exp(-z.s * math.Log(x)) }

func (z *zipf) integral(x float64) float64 {
	log := math.Log(x)
	return expOver((1-z.s)*log) * log
}

func (z *zipf) inverse(x float64) float64 {
	t := max(x*(1-z.s), -1) // rounding may bring it below
	return math.Exp(logOver(t) * x)
}

// logOver is log(1+x)/x, and expOver (exp(x)-1)/x, also near 0.
func logOver(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Log1p(x) / x
	}
	return 1 - x*(0.5-x*(1.0/3-0.25*x))
}

func expOver(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Expm1(x) / x
	}
	return 1 + x*0.5*(1+x/3*(1+0.25*x))
}

// permutation is one of 0 to n-1, without a table: a Feistel network of four rounds on the least power of two that
// holds n, walked until it comes back below n (Black, Rogaway: "Ciphers with arbitrary finite domains", 2002).
type permutation struct {
	n           uint64
	low         uint   // bits of the right side
	right, left uint64 // what the sides hold
}

func newPermutation(n uint64) permutation {
	all := max(2, uint(bits.Len64(max(n, 1)-1))) //nolint:gosec // 64 at most
	low := all / 2
	return permutation{n: n, low: low, right: 1<<low - 1, left: 1<<(all-low) - 1}
}

// at is where x goes, by the key.
func (p *permutation) at(key, x uint64) uint64 {
	for {
		left, right := x>>p.low, x&p.right
		for round := uint64(0); round < 4; round += 2 {
			left ^= mix.Mix(key+round*mix.Golden+right) & p.left
			right ^= mix.Mix(key+(round+1)*mix.Golden+left) & p.right
		}
		x = left<<p.low | right
		if x < p.n {
			return x
		}
	}
}
