package compare

import (
	"fmt"
	"math"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// CapacityChange is how a capacity changed between two sets of searches.
type CapacityChange struct {
	Name     string
	Old, New CapacityRange
	// Estimate is the change of the ranges' geometric middles, as a share; Low and High bound it.
	Estimate, Low, High float64
	// Resolved says that the ranges do not touch.
	Resolved bool
	Limits   []verdict.Kept
}

// CapacityRange is where a capacity lies, in calls a second, by all searches of a side together: each says between what
// it passed and what failed. High is without end where nothing failed.
type CapacityRange struct {
	Low, High float64
	Searches  int
}

func (r *CapacityRange) add(d *result.Capacity) {
	low, high := 0.0, math.Inf(1)
	if d.Passes != nil {
		low = d.Passes.Rate
	}
	if d.Fails != nil && d.Generator == "" {
		high = d.Fails.Rate
	}
	if r.Searches == 0 {
		r.Low, r.High = low, high
	}
	r.Low, r.High = min(r.Low, low), max(r.High, high)
	r.Searches++
}

func (r CapacityRange) middle() float64 {
	switch {
	case math.IsInf(r.High, 0):
		return r.Low
	case r.Low == 0:
		return r.High
	default:
		return math.Sqrt(r.Low * r.High)
	}
}

// Capacities compares the searches of two collections that have the same load and objectives. Alone names those that
// only one side has.
func Capacities(before, after []*result.Capacity, limits []verdict.ChangeLimit) (all []CapacityChange, alone []string) {
	olds, names := ranges(before)
	news, others := ranges(after)
	for _, name := range names {
		if news[name] == nil {
			alone = append(alone, "old: "+name)
			continue
		}
		c := CapacityChange{Name: name, Old: *olds[name], New: *news[name]}
		before := c.Old.middle()
		c.Estimate = c.New.middle()/max(before, 1e-9) - 1
		c.Low, c.High = c.New.Low/c.Old.High-1, c.New.High/max(c.Old.Low, 1e-9)-1
		c.Resolved = c.New.High < c.Old.Low || c.New.Low > c.Old.High
		for _, l := range limits {
			c.Limits = append(c.Limits, l.Check(verdict.Change{
				Before: before, Value: c.Estimate * before,
				Low: c.Low * before, High: c.High * before,
			}, true))
		}
		all = append(all, c)
	}
	for _, name := range others {
		if olds[name] == nil {
			alone = append(alone, "new: "+name)
		}
	}
	return all, alone
}

// ranges are those of searches that were made alike, by their names, in the order of the first of each.
func ranges(docs []*result.Capacity) (all map[string]*CapacityRange, names []string) {
	all = map[string]*CapacityRange{}
	for _, d := range docs {
		load := d.Plan.Load
		load.Rate, load.Arrival = 0, plan.Uniform // each trial has its own
		name := fmt.Sprintf("capacity of %s, %s", (&result.Document{Plan: load}).Load(), d.Plan.SLO)
		if all[name] == nil {
			all[name] = &CapacityRange{}
			names = append(names, name)
		}
		all[name].add(d)
	}
	return all, names
}
