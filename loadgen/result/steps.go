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

// Part is what became of some of a run's calls: of a step, or of a flow as a whole.
type Part struct {
	Name    string
	Flow    bool // of a whole flow, not of a step
	Counts  recorder.Counts
	Latency map[string]Latency
}

// Parts are those of a run of several steps: each step, then each flow of several. It is empty where there is one step.
func (d *Document) Parts() (all []Part) {
	if len(d.Steps) < 2 {
		return nil
	}
	for _, s := range d.Steps {
		all = append(all, Part{Name: s.Name, Counts: s.Counts, Latency: s.Latency})
	}
	for _, f := range d.Flows {
		all = append(all, Part{Name: f.Name, Flow: true, Counts: f.Counts, Latency: f.Latency})
	}
	return all
}

// Failures is the share of the part's calls, or flows, that were begun and did not succeed.
func (p Part) Failures() float64 { return failures(&p.Counts) }
