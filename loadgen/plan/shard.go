package plan

import (
	"fmt"
	"time"
)

// Shard is which of the processes that make a run together this one is. The zero Shard is a run of one.
type Shard struct {
	Index int `json:"index"`
	Count int `json:"count"`
	// Run is the run's name, the same for all; Meet is where they meet: host:port of shard 0, or a folder that all see.
	Run  string `json:"run"`
	Meet string `json:"meet"`
	// Token is a secret that all share; Plaintext goes without one, over TCP.
	Token     string        `json:"-"`
	Plaintext bool          `json:"plaintext,omitempty"`
	Timeout   time.Duration `json:"timeout_ns"` // how long the others are waited for
	// From says where index, count and name were read, where that was the engine's environment.
	From string `json:"from,omitempty"`
}

// On says whether the run is made by several.
func (s Shard) On() bool { return s.Count > 0 }

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Count) }

// Share is this shard's part of a number of workers: first is the number of its first, of all shards'.
func (s Shard) Share(workers int) (first, count int) {
	if !s.On() {
		return 0, workers
	}
	each, more := workers/s.Count, workers%s.Count
	first = s.Index*each + min(s.Index, more)
	if s.Index < more {
		each++
	}
	return first, each
}
