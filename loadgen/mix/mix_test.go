package mix_test

import (
	"testing"

	"grpcbench/loadgen/mix"
)

// The first numbers of SplitMix64 with the seed 1234567, as its author's own program prints them
// (https://prng.di.unimi.it/splitmix64.c).
func TestSplitMix64(t *testing.T) {
	state := uint64(1234567)
	for i, want := range []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
		16408922859458223821,
	} {
		state += mix.Golden
		if got := mix.Mix(state); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
}
