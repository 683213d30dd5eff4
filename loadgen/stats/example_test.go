package stats_test

import (
	"fmt"

	"grpcbench/loadgen/stats"
)

// Of a thousand calls the p99 lies between these two, in order of their latency, in 95 of a hundred runs.
func ExampleQuantileRanks() {
	r := stats.QuantileRanks(1000, 0.99)
	fmt.Println(r.Low, r.High)
	// Output: 983 997
}

// Five of a hundred calls failed: how many would, in the long run.
func ExampleShareBounds() {
	low, high := stats.ShareBounds(5, 100, 0.025)
	fmt.Printf("%.1f %% to %.1f %%\n", 100*low, 100*high)
	// Output: 1.6 % to 11.3 %
}
