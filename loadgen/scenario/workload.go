package scenario

import (
	"time"

	"grpcbench/loadgen/message"
)

// Workload is what a run calls: flows of steps, by weight, and what is called once before.
type Workload struct {
	// Steps are all steps of all flows, each a method of the connections.
	Steps []Step
	Flows []Flow
	Setup []Step
	// Feeds are by name what data draws from, and Saved what steps save; Close lets the feeds go.
	Feeds map[string]*message.Feed
	Saved *message.Saved
}

// Step is a call, and how it is made.
type Step struct {
	Definition
	Options
	// Name is what reports call it, Flow the flow that it is a step of, by its number.
	Name  string
	Flow  int
	Pause time.Duration // before the next
}

// Flow is what an arrival may start.
type Flow struct {
	Name   string
	Weight float64
	Steps  []int // of the workload's
}

// Close lets the workload's feeds go, once nothing that was built of it is in use.
func (w *Workload) Close() {
	for _, f := range w.Feeds {
		_ = f.Close() // it was read only
	}
}
