package result

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"grpcbench/loadgen/plan"
)

// WriteBench writes the run as one line of Go's benchmark format, which
// benchstat reads: ns/op is the mean response time, and each percentile, the
// rate and the CPU per call have units of their own. What calls without an answer
// make a lower bound has a unit that begins with "at-least-".
func (d *Document) WriteBench(w io.Writer) error {
	var b strings.Builder
	goos, goarch, _ := strings.Cut(d.Environment.OS, "/")
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: grpcbench\ncpu: %s\n\n", goos, goarch, d.Environment.CPUModel)
	response := d.Latency["response"]
	fmt.Fprintf(&b, "BenchmarkRun/rpc=%s/transport=%s/loop=%s/c=%d/conns=%d%s\t%d\t%.1f %s",
		cmp.Or(d.Plan.RPC, strings.Join(strings.Fields(d.Name()), "_")), d.Plan.Transport, d.Loop, d.Plan.Workers, d.Plan.Conns, benchLoad(d.Plan), response.Count,
		response.MeanNs, atLeast("ns/op", response.Censored > 0))
	for _, p := range response.Percentiles {
		fmt.Fprintf(&b, "\t%d %s", p.Ns, atLeast(fmt.Sprintf("p%v-ns", p.P), p.AtLeast))
	}
	fmt.Fprintf(&b, "\t%.1f calls/s\t%.0f client-cpu-ns/op", d.Rate.Achieved, d.Client.CPUMicrosPerCall*1e3)
	if d.Server != nil {
		fmt.Fprintf(&b, "\t%.0f server-cpu-ns/op", d.Server.CPUMicrosPerCall*1e3)
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the benchmark line: %w", err)
	}
	return nil
}

// atLeast is the unit of a value or, where that is only a lower bound, another, so that nobody takes a mean of the two.
func atLeast(unit string, bound bool) string {
	if bound {
		return "at-least-" + unit
	}
	return unit
}

// benchLoad tells runs of one RPC apart whose load is not the same, where it is not the usual one.
func benchLoad(p plan.Plan) string {
	var name strings.Builder
	for _, part := range []struct {
		key   string
		value any
		told  bool
	}{
		{"rate", p.Rate, p.Rate > 0},
		{"stages", strings.ReplaceAll(p.Stages, ",", "+"), p.Stages != ""},
		{"arrival", p.Arrival, p.Open() && p.Arrival == plan.Poisson},
		{"messages", p.Messages, p.Messages != 1 && p.Messages != 100},
		{"size", p.Size, p.Size > 0},
		{"interval", p.Interval, p.Interval > 0},
		{"message-rate", p.MessageRate, p.MessageRate > 0},
		{"method", p.HTTPMethod, p.HTTPMethod != ""},
	} {
		if part.told {
			fmt.Fprintf(&name, "/%s=%v", part.key, part.value)
		}
	}
	return name.String()
}
