package message

import (
	"math"
	"math/bits"

	"grpcbench/loadgen/mix"
)

// The steps of a state from call to call, from message to message and from word to word: odd numbers, of which no small
// multiples add up to 0. They are parts of 2^64, by the first three powers of 0.8191725134 (whose inverse x is that of
// x^4 = x+1, as Roberts has it in "The unreasonable effectiveness of quasirandom sequences", 2018), made odd.
const (
	stepCall    = 0xd1b54a32d192ed03
	stepMessage = 0xabc98388fb8fac03
	stepWord    = 0x8cb92ba72f3d8dd7
)

// words are the random words of one slot in one message: SplitMix64's finalizer of a state that is the slot's key and
// steps from there. So any process makes any message's values again. The finalizer is a permutation and the step is
// odd, so that word k of a call is word k of no other.
type words struct{ state uint64 }

func wordsOf(key, seq uint64, i int) words {
	return words{key + seq*stepCall + uint64(i)*stepMessage} //nolint:gosec // a message's number
}

func (w *words) next() uint64 {
	w.state += stepWord
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
