package plan

import (
	"slices"
	"time"
)

// Overhead is the plan of `loadgen overhead`.
type Overhead struct {
	Interceptors []string      `json:"interceptors"`
	Kinds        []string      `json:"kinds"`
	Sides        []string      `json:"sides"`
	Budget       time.Duration `json:"budget"`
	Seed         uint64        `json:"seed"`
	SLO          string        `json:"slo,omitempty"`
	Out          string        `json:"o"`
	Force        bool          `json:"-"`
	Name         string        `json:"name,omitempty"`
	Format       string        `json:"format"`
	Quiet        bool          `json:"q"`
}

// What `loadgen overhead` can measure: the target's own interceptors in the order
// of its "all", those of others, and what stands outside the chain.
var (
	OwnInterceptors       = []string{"recovery", "requestid", "logging", "metrics", "timeout", "inject"}
	EcosystemInterceptors = []string{"mw-logging", "mw-recovery", "mw-prometheus", "otel", "otel-batch"}
	OverheadInterceptors  = slices.Concat(OwnInterceptors, EcosystemInterceptors, []string{"server-time"})
	OverheadKinds         = []string{"unary", "stream"}
	OverheadSides         = []string{"server", "client"}
)

// Timeouts is the plan of `loadgen timeouts`.
type Timeouts struct {
	Transports []string        `json:"transports"`
	Deadlines  []time.Duration `json:"deadlines"`
	Budget     time.Duration   `json:"budget"`
	Out        string          `json:"o"`
	Force      bool            `json:"-"`
	Name       string          `json:"name,omitempty"`
	Format     string          `json:"format"`
	Quiet      bool            `json:"q"`
}
