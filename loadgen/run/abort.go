package run

import (
	"errors"
	"fmt"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// ErrAborted says that a limit of -abort-on was passed.
var ErrAborted = errors.New("-abort-on")

// findAbort finds the limit of -abort-on that the run so far has passed, with what was measured; empty where there is
// none.
func (r *run) findAbort() string {
	limits, err := verdict.ParseSLO(r.plan.AbortOn)
	if err != nil || len(limits) == 0 {
		return "" // the plan was checked
	}
	d := &result.Document{
		Counts: r.rec.Total().Counts, DurationNs: r.rec.Total().End - r.rec.Total().Start,
		Steps: r.countsOfSteps(),
	}
	r.rate(d)
	for _, l := range limits {
		if k := l.Check(r.measured(d)); k.Met {
			return fmt.Sprintf("%s, %s", k.Objective, k.Result)
		}
	}
	return ""
}

// checkAbort ends a run of one process where a limit is passed.
func (r *run) checkAbort() {
	if r.abort == nil {
		return
	}
	if why := r.findAbort(); why != "" {
		r.abort(fmt.Errorf("%w: %s", ErrAborted, why))
	}
}

// countsOfSteps are the steps and flows so far, as far as failures are told by them.
func (r *run) countsOfSteps() (all []result.Step) {
	total := r.rec.Total()
	for i, p := range total.Steps {
		all = append(all, result.Step{Name: r.steps[i].Name, Counts: p.Counts})
	}
	for i, p := range total.Flows {
		if p != nil {
			all = append(all, result.Step{Name: r.workload.Flows[i].Name, Counts: p.Counts})
		}
	}
	return all
}
