package result

import "grpcbench/loadgen/recorder"

// Step is what became of one step of a flow, of several or the only one.
type Step struct {
	Flow   string  `json:"flow"`
	Name   string  `json:"name"`
	Method string  `json:"method"`
	Kind   string  `json:"kind"`
	Weight float64 `json:"weight"` // its flow's share, in proportion to the others'

	Counts recorder.Counts  `json:"counts"`
	Codes  map[string]int64 `json:"codes"`
	// ChecksFailed are answers that were not as expected.
	ChecksFailed int64              `json:"checks_failed"`
	Latency      map[string]Latency `json:"latency"`
	Exemplars    []Exemplar         `json:"exemplars,omitempty"`
}

// Flow is what became of a flow of several steps: one count a flow, its latency from its intended start to its last
// step's end.
type Flow struct {
	Name    string             `json:"name"`
	Weight  float64            `json:"weight"`
	Counts  recorder.Counts    `json:"counts"`
	Codes   map[string]int64   `json:"codes"`
	Latency map[string]Latency `json:"latency"`
}
