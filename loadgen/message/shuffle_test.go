package message

import (
	"slices"
	"testing"

	"grpcbench/loadgen/mix"
)

func TestPermutation(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 4, 5, 16, 17, 32, 33, 64, 65, 128, 129, 1000, 65_537} {
		p := newPermutation(n)
		seen := make([]bool, n)
		moved := 0
		for x := range n {
			y := p.at(99, x)
			if y >= n || seen[y] {
				t.Fatalf("of %d, %d goes to %d, where another is", n, x, y)
			}
			seen[y] = true
			if x != y {
				moved++
			}
		}
		if n > 100 && moved < int(n)*9/10 {
			t.Errorf("of %d only %d move", n, moved)
		}
	}
}

// Over many shuffles a row is as often at one place as at another, and two rows are as often as far apart.
func TestPermutationIsUniform(t *testing.T) {
	for _, n := range []uint64{2, 3, 5, 6, 10, 31, 32, 33, 50, 64, 65, 100, 127, 129, 500} {
		p := newPermutation(n)
		key := keyOf(1, "feed row")
		first, second, apart := make([]int, n), make([]int, n), make([]int, n-1)
		for cycle := range uint64(100_000) {
			a, b := p.at(key+cycle*mix.Golden, 0), p.at(key+cycle*mix.Golden, 1)
			first[a]++
			second[b]++
			apart[(b+n-a)%n-1]++
		}
		even := func(int) float64 { return 1 / float64(n) }
		chiSquared(t, "the first", first, even)
		chiSquared(t, "the second", second, even)
		if n > 2 {
			chiSquared(t, "steps", apart, func(int) float64 { return 1 / float64(n-1) })
		}
	}
}

// Of few rows each order is as likely as any other.
func TestOrdersAreUniform(t *testing.T) {
	const n = 5
	counts := make([]int, 120)
	for cycle := range uint64(120_000) {
		place := 0 // of the order among all, in the factorial number system
		var order []uint64
		for x := range uint64(n) {
			y := swapped(n, keyOf(2, "feed row")+cycle*mix.Golden, x)
			less := 0
			for _, before := range order {
				if before < y {
					less++
				}
			}
			place = place*(n-len(order)) + int(y) - less //nolint:gosec // below n
			order = append(order, y)
		}
		if slices.Sort(order); !slices.Equal(order, []uint64{0, 1, 2, 3, 4}) {
			t.Fatalf("%d is no order", order)
		}
		counts[place]++
	}
	chiSquared(t, "orders", counts, func(int) float64 { return 1.0 / 120 })
}
