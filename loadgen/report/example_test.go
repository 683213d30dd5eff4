package report_test

import (
	"fmt"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
)

// What a run is about to do, in a line.
func ExampleAnnounce() {
	fmt.Println(report.Announce(plan.Plan{
		RPC: "Search", Transport: "wire", Workers: 50, Rate: 2000,
		Warmup: time.Second, D: 10 * time.Second,
	}))
	// Output: Search over wire to an embedded target, 2,000 calls/s, at most 50 workers: 1s of warm-up, then 10s
}
