package recorder_test

import (
	"encoding/json"
	"fmt"
	"time"

	"grpcbench/loadgen/recorder"
)

// A lane records calls, the recorder sums lanes up; what comes out merges with what another process recorded.
func Example() {
	r := recorder.New(recorder.Config{})
	lane := r.NewLane()
	for i := range 100 {
		lane.Due(0)
		lane.Call(&recorder.Sample{Seq: uint64(i), Done: int64(i+1) * int64(time.Millisecond)}) //nolint:gosec // few
	}
	lane.Swap(0, 0)
	r.Add(lane)
	if err := r.Flush(0, int64(time.Second)); err != nil {
		fmt.Println(err)
		return
	}
	text, err := json.Marshal(r.Total())
	if err != nil {
		fmt.Println(err)
		return
	}
	var other recorder.Snapshot
	if err := json.Unmarshal(text, &other); err != nil {
		fmt.Println(err)
		return
	}
	if err := other.Merge(r.Total()); err != nil {
		fmt.Println(err)
		return
	}
	response := other.Headline()
	fmt.Println(other.Counts.OK, "calls, mean", time.Duration(response.Mean()), "max", time.Duration(response.Max))
	// Output: 200 calls, mean 50.5ms max 100ms
}
