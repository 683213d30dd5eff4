package result

import (
	"encoding/json"
	"fmt"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/verdict"
)

// Shard is what became of one of the processes that made a run.
type Shard struct {
	Index int    `json:"index"`
	Host  string `json:"host"`
	// OffsetNs is by how much its clock was ahead of shard 0's at the start, known to half of RTTNs; DriftNs by how
	// much that changed until the end.
	OffsetNs int64           `json:"offset_ns"`
	RTTNs    int64           `json:"rtt_ns"`
	DriftNs  int64           `json:"drift_ns,omitempty"`
	Counts   recorder.Counts `json:"counts"`
	// P50Ns and P99Ns are of its response times; AtLeast are the percentiles of these that are lower bounds, as in
	// [Percentile].
	P50Ns   int64          `json:"p50_ns"`
	P99Ns   int64          `json:"p99_ns"`
	AtLeast []float64      `json:"at_least,omitempty"`
	Verdict verdict.Status `json:"verdict,omitempty"` // its own; empty where it was lost
	// LostAtS is the second of the run after which nothing came from it, with why.
	LostAtS *float64 `json:"lost_at_s,omitempty"`
	Lost    string   `json:"lost,omitempty"`
}

// ShardLine is a line of a shard's log: the head first, then what each second brought, then its report.
type ShardLine struct {
	Head   *ShardHead      `json:"head,omitempty"`
	Second *ShardSecond    `json:"second,omitempty"`
	Report json.RawMessage `json:"report,omitempty"` // a ShardReport
	// Clocks are how all shards' clocks stood to shard 0's, in its log.
	Clocks []ShardClock `json:"clocks,omitempty"`
}

// ShardHead says whose log it is.
type ShardHead struct {
	Host string    `json:"host"`
	Plan plan.Plan `json:"plan"` // with its part in the run
	// Common is what all shards of a run share of it, to the byte.
	Common json.RawMessage `json:"common"`
	// Steps and Flows tell what there is of each, without figures.
	Steps []Step `json:"steps"`
	Flows []Flow `json:"flows"`
}

// ShardSecond is what was recorded in an interval. Its times count from the window's start.
type ShardSecond struct {
	Index    int             `json:"index"`
	Snapshot json.RawMessage `json:"snapshot"` // a recorder.Snapshot
}

// ShardClock is as a Shard's.
type ShardClock struct {
	OffsetNs int64 `json:"offset_ns"`
	RTTNs    int64 `json:"rtt_ns"`
	DriftNs  int64 `json:"drift_ns"`
}

// ShardReport is what a shard says at its end.
type ShardReport struct {
	Document *Document `json:"document"`
	// Interrupted says that the shard did not make all of its part.
	Interrupted bool `json:"interrupted,omitempty"`
	// Noticed is how late answers were noticed, as [recorder.AppendCounts] writes it.
	Noticed []byte `json:"noticed,omitempty"`
}

// ShardFolder is the name of a shard's own folder, in the run's.
func ShardFolder(index int) string { return fmt.Sprint(shardPrefix, index) }

const shardPrefix = "shard-"
