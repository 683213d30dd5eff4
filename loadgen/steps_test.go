package main

import (
	"math"

	"github.com/rogpeppe/go-internal/testscript"

	"grpcbench/loadgen/result"
)

// checkSteps DIR DIR wants two runs of one scenario to have made the same calls, step by step, none of which failed: as
// many as add up to the whole, and of each flow its share within the binomial interval of 99.9 %.
func checkSteps(ts *testscript.TestScript, _ bool, args []string) {
	var runs [2]*result.Document
	for i := range runs {
		d, err := result.Read(ts.MkAbs(args[i]))
		ts.Check(err)
		runs[i] = d
		var due, ok, flows int64
		var weights float64
		for k, s := range d.Steps {
			due, ok = due+s.Counts.Due, ok+s.Counts.OK
			if k == 0 || s.Flow != d.Steps[k-1].Flow {
				flows, weights = flows+s.Counts.Due, weights+s.Weight
			}
		}
		if c := d.Counts; c.Failed > 0 || c.Due != due || c.OK != ok || c.OK != c.Due || len(d.Steps) < 2 {
			ts.Fatalf("%s: of %+v the steps have %d due and %d ok", args[i], c, due, ok)
		}
		for k, s := range d.Steps {
			if k > 0 && s.Flow == d.Steps[k-1].Flow {
				if s.Counts.Due != d.Steps[k-1].Counts.OK {
					ts.Fatalf("%s: %d calls of %s, after %d good ones of the step before", args[i], s.Counts.Due,
						s.Name, d.Steps[k-1].Counts.OK)
				}
				continue
			}
			p, n := s.Weight/weights, float64(flows)
			if off := math.Abs(float64(s.Counts.Due)-p*n) / math.Sqrt(n*p*(1-p)); off > 3.3 {
				ts.Fatalf("%s: %s was started %d times of %d, %.1f standard deviations off its share", args[i], s.Name,
					s.Counts.Due, flows, off)
			}
		}
	}
	for k, s := range runs[0].Steps {
		if other := runs[1].Steps[k]; s.Counts.Due != other.Counts.Due || s.Name != other.Name {
			ts.Fatalf("%s has %d calls of %s, %s %d of %s", args[0], s.Counts.Due, s.Name, args[1], other.Counts.Due,
				other.Name)
		}
	}
}
