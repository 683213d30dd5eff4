package schedule_test

import (
	"fmt"
	"time"

	"grpcbench/loadgen/schedule"
)

// A schedule is all arrivals of a run, fixed before it: here three a second, and then a ramp.
func ExampleStages() {
	stages, err := schedule.ParseStages("1s:3,1s:3..5")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := schedule.Stages(stages, false, 1)
	for at, ok := s.Next(); ok; at, ok = s.Next() {
		fmt.Println(at.Round(time.Millisecond))
	}
	// Output:
	// 0s
	// 333ms
	// 667ms
	// 1s
	// 1.303s
	// 1.562s
	// 1.791s
}
