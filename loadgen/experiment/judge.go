package experiment

import (
	"fmt"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// judge looks at the checks, and holds the limits against the costs.
func judge(d *result.Overhead) (verdict.Verdict, []verdict.Kept) {
	v := verdict.Verdict{Status: verdict.Valid, Reasons: []string{}}
	doubt := func(format string, args ...any) {
		v.Status = verdict.Suspect
		v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
	}
	for _, c := range d.Costs {
		l := c.Latency
		switch {
		case l.Low == nil:
		case c.Group == "A/A" && (*l.Low > 0 || *l.High < 0):
			doubt("%s, %s side: nothing at all seems to cost %.2f µs (%.2f to %.2f): something else moves with the "+
				"arms",
				c.Kind, c.Side, l.Value/1e3, *l.Low/1e3, *l.High/1e3)
		case c.Group == "control" && (*l.Low > float64(*c.KnownNs)+tolerance ||
			*l.High < float64(*c.KnownNs)-tolerance):
			doubt("%s, %s side: a busy-wait of %.1f µs is measured as %.2f µs (%.2f to %.2f)", c.Kind, c.Side,
				float64(*c.KnownNs)/1e3, l.Value/1e3, *l.Low/1e3, *l.High/1e3)
		}
	}
	kept := []verdict.Kept{}
	limits, err := verdict.ParseCostLimits(d.Plan.SLO)
	if err != nil {
		return v, kept // the plan was checked
	}
	for _, limit := range limits {
		var costs []verdict.MeasuredCost
		for _, c := range d.Costs {
			if c.Name == limit.Name && c.Group != "chain" && c.Latency.Low != nil {
				costs = append(costs, verdict.MeasuredCost{
					Where: c.Kind + ", " + c.Side + " side:",
					Value: c.Latency.Value, Low: *c.Latency.Low, High: *c.Latency.High,
				})
			}
		}
		kept = append(kept, limit.Check(costs))
	}
	return v, kept
}

// tolerance is how far off the control may be, in nanoseconds: reading the clock, and a call of the interceptor.
const tolerance = 300
