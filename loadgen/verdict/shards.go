package verdict

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// ShardFacts are what is known of a run that several processes made.
type ShardFacts struct {
	Shards             []ShardFact
	Due, NeverSent, OK int64
	// Aborted is the limit of -abort-on that ended the run; empty where none did.
	Aborted string
}

// ShardFact is what is known of one of them.
type ShardFact struct {
	Index   int
	Verdict Verdict // its own
	// P50 is the median of its response times, between Low and High at 95 %, of Count calls.
	P50, Low, High time.Duration
	Count          int64
	// Drift is by how much its clock went away from the first's, Apart how far that is uncertain.
	Drift, Apart time.Duration
	// Lost says that nothing came from it after LostAt seconds, Interrupted that it ended then, before the others.
	Lost, Interrupted bool
	LostAt            float64
}

// JudgeShards is the worst that a shard says of itself, with what only all together show.
func JudgeShards(f ShardFacts) Verdict {
	v := Verdict{Status: Valid, Reasons: []string{}}
	if f.Aborted != "" {
		v.add(Suspect, "the run was aborted: %s", f.Aborted)
	}
	for _, s := range f.Shards {
		if what := map[bool]string{true: "lost", false: "interrupted"}[s.Lost]; s.Lost || s.Interrupted {
			v.add(Invalid, "shard %d was %s after %s s: of %d calls that were due %d (%.3g %%) were never sent",
				s.Index, what, strconv.FormatFloat(s.LostAt, 'f', 0, 64), f.Due, f.NeverSent,
				100*float64(f.NeverSent)/float64(max(f.Due, 1)))
		}
	}
	for _, status := range []Status{Invalid, Suspect} {
		var texts []string
		whose := map[string][]int{}
		for _, s := range f.Shards {
			if s.Lost || s.Verdict.Status != status {
				continue
			}
			for _, r := range s.Verdict.Reasons {
				if whose[r] == nil {
					texts = append(texts, r)
				}
				whose[r] = append(whose[r], s.Index)
			}
		}
		for _, text := range texts {
			v.add(status, "%s: %s", ShardNames(whose[text]), text)
		}
	}
	f.checkAlike(&v)
	for _, s := range f.Shards {
		if !s.Lost && s.Drift.Abs() > s.Apart {
			v.add(Suspect, "the clock of shard %d went away from shard 0's by %v during the run: seconds side by "+
				"side are not the same", s.Index, s.Drift.Round(10*time.Microsecond))
		}
	}
	return v
}

// A shard that differs by so much, with all else equal, has another machine, or another way to the server.
const (
	mostApart   = 1.5
	fewestCalls = 100
)

// checkAlike: shards that do the same measure the same. A median that is mostApart times the middle shard's, or as much
// below, with intervals that do not touch: suspect.
func (f *ShardFacts) checkAlike(v *Verdict) {
	var known []ShardFact
	for _, s := range f.Shards {
		if s.Count >= fewestCalls && s.High > 0 {
			known = append(known, s)
		}
	}
	if len(known) < 3 { // of two nobody knows which it is
		return
	}
	slices.SortFunc(known, func(a, b ShardFact) int { return int(a.P50 - b.P50) })
	middle := known[len(known)/2]
	for _, s := range known {
		slow := float64(s.P50) > mostApart*float64(middle.P50) && s.Low > middle.High
		fast := mostApart*float64(s.P50) < float64(middle.P50) && s.High < middle.Low
		if slow || fast {
			v.add(Suspect, "shard %d stands out: its p50 is %v, where the middle shard's is %v", s.Index,
				s.P50.Round(time.Microsecond), middle.P50.Round(time.Microsecond))
		}
	}
}

// ShardNames names shards, as in "shards 0, 2".
func ShardNames(indexes []int) string {
	names := make([]string, len(indexes))
	for i, n := range indexes {
		names[i] = strconv.Itoa(n)
	}
	if len(names) == 1 {
		return "shard " + names[0]
	}
	return "shards " + strings.Join(names, ", ")
}
