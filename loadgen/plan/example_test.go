package plan_test

import (
	"fmt"

	"grpcbench/loadgen/plan"
)

// Three shards share 50 workers out; their numbers do not meet.
func ExampleShard_Share() {
	for i := range 3 {
		first, count := plan.Shard{Index: i, Count: 3}.Share(50)
		fmt.Printf("shard %d: workers %d to %d\n", i, first, first+count-1)
	}
	// Output:
	// shard 0: workers 0 to 16
	// shard 1: workers 17 to 33
	// shard 2: workers 34 to 49
}
