package report

import (
	"fmt"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
)

// stepTable has a row for each step of a run of several, and for each flow of several steps, whose latency is from its
// intended start to its end. It is nil where there is only one step.
func stepTable(d *result.Document) [][]string {
	if len(d.Steps) < 2 {
		return nil
	}
	rows := [][]string{{"step", "method", "share", "calls/s", "ok", "failed", "unfinished", "p50", "p90", "p99", "max"}}
	seconds := float64(d.DurationNs) / 1e9
	var weights float64
	for i, s := range d.Steps {
		if i == 0 || s.Flow != d.Steps[i-1].Flow {
			weights += s.Weight
		}
	}
	add := func(name, method string, weight float64, ok, failed, unfinished int64, l result.Latency) {
		row := []string{
			name, method, fmt.Sprintf("%.3g %%", 100*weight/weights),
			number.Rate(float64(ok+failed) / max(seconds, 1e-9)),
			number.Count(ok), number.Count(failed), number.Count(unfinished),
		}
		for _, p := range []float64{50, 90, 99} {
			cell := "-"
			if x, known := l.At(p); known {
				cell = bounded(x.Ns, x.AtLeast)
			}
			row = append(row, cell)
		}
		rows = append(rows, append(row, bounded(l.MaxNs, l.Censored > 0)))
	}
	for _, s := range d.Steps {
		add(s.Name, s.Method, s.Weight, s.Counts.OK, s.Counts.Failed, s.Counts.Unfinished, s.Latency["response"])
	}
	for _, f := range d.Flows {
		add(f.Name, "the whole flow", f.Weight, f.Counts.OK, f.Counts.Failed, f.Counts.Unfinished+f.Counts.NeverSent,
			f.Latency["response"])
	}
	return rows
}
