package message

import (
	"math/bits"

	"grpcbench/loadgen/mix"
)

// permutation is one of 0 to n-1, without a table: of many a Feistel network on the least power of two that holds n,
// walked until it comes back below n (Black, Rogaway: "Ciphers with arbitrary finite domains", 2002).
type permutation struct {
	n           uint64
	low         uint   // bits of the right side
	right, left uint64 // what the sides hold
	rounds      uint64
}

// few is up to how many are shuffled by swaps: each order is as likely as any other, while a network of so few bits
// prefers some. Of more, 64 bits cannot tell all orders apart.
const few = 20

func newPermutation(n uint64) permutation {
	all := max(2, uint(bits.Len64(max(n, 1)-1))) //nolint:gosec // 64 at most
	low := all / 2
	p := permutation{n: n, low: low, right: 1<<low - 1, left: 1<<(all-low) - 1, rounds: 4}
	if all < 8 {
		p.rounds = 8 // by four of so few bits some rows stay neighbours too often
	}
	return p
}

// at is where x goes, by the key.
func (p *permutation) at(key, x uint64) uint64 {
	if p.n <= few {
		return swapped(p.n, key, x)
	}
	for {
		left, right := x>>p.low, x&p.right
		for round := uint64(0); round < p.rounds; round += 2 {
			left ^= mix.Mix(key+round*mix.Golden+right) & p.left
			right ^= mix.Mix(key+(round+1)*mix.Golden+left) & p.right
		}
		x = left<<p.low | right
		if x < p.n {
			return x
		}
	}
}

// swapped is where x goes in a shuffle of n by n-1 swaps (Durstenfeld: "Algorithm 235: Random permutation", 1964). It
// alone is followed through them, so that there is no list.
func swapped(n, key, x uint64) uint64 {
	w := words{key}
	var rest uint64 // of a random word: a fraction, whose next digit is the next choice
	for last := n - 1; last > 0; last-- {
		if (n-1-last)%8 == 0 { // eight choices of 20 at most are 35 bits
			rest = w.next()
		}
		var chosen uint64
		chosen, rest = bits.Mul64(rest, last+1)
		if x == chosen {
			return last // whose place is not chosen again
		}
		if x == last {
			x = chosen
		}
	}
	return x
}
