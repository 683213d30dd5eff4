package plan

import "time"

// Capacity is the plan of `loadgen capacity`: how many calls a second a service takes within its objectives.
type Capacity struct {
	// Load is what each trial does, but for its rate and length.
	Load Plan `json:"load"`
	// From and To bound the rates that are tried, in calls a second; 0 is wherever the search leads.
	From float64 `json:"from,omitempty"`
	To   float64 `json:"to,omitempty"`
	// Precision is how far apart, as a share, the rates may be that pass and fail.
	Precision float64       `json:"precision"`
	Budget    time.Duration `json:"budget_ns"`
	// SLO are the objectives that a rate is to keep, Limits those on the capacity itself.
	SLO    string `json:"slo"`
	Limits string `json:"limits,omitempty"`
	Out    string `json:"out"`
	Force  bool   `json:"-"`
	Name   string `json:"name"`
	Format string `json:"format"`
	Quiet  bool   `json:"quiet"`
}
