package plan

import "time"

// Flow is what an arrival may start: steps, one after the other.
type Flow struct {
	Name string `json:"name"`
	// Weight is its share of the arrivals, in proportion to the others'.
	Weight float64 `json:"weight"`
	Steps  []Step  `json:"steps"`
}

// Step is one call of a flow.
type Step struct {
	RPC        string `json:"rpc"`
	Data       string `json:"data,omitempty"`   // JSON
	Expect     string `json:"expect,omitempty"` // JSON
	ExpectCode string `json:"expect_code,omitempty"`
	// Save are fields of the answer, by the names that they are used by afterwards.
	Save  map[string]string `json:"save,omitempty"`
	Pause time.Duration     `json:"pause_ns,omitempty"` // before the next step
	// Metadata are as the plan's.
	Metadata     []string `json:"-"`
	MetadataTold []string `json:"metadata,omitempty"`
}
