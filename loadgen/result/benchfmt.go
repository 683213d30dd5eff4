package result

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"grpcbench/loadgen/plan"
)

// WriteBench writes the run as a line of Go's benchmark format, which
// benchstat reads: ns/op is the mean response time, and each percentile, the
// rate and the CPU per call have units of their own. What calls without an answer
// make a lower bound has a unit that begins with "at-least-". Where a run has
// several steps, each has a line of its own after that, and so has each flow of several.
func (d *Document) WriteBench(w io.Writer) error {
	var b strings.Builder
	goos, goarch, _ := strings.Cut(d.Environment.OS, "/")
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: grpcbench\ncpu: %s\n\n", goos, goarch, d.Environment.CPUModel)
	load := fmt.Sprintf("rpc=%s/transport=%s/loop=%s/c=%d/conns=%d%s",
		cmp.Or(d.Plan.RPC, benchName(d.Name())), d.Plan.Transport, d.Loop, d.Plan.Workers, d.Plan.Conns,
		benchLoad(d.Plan))
	writeBenchLatency(&b, "Run/"+load, d.Latency["response"])
	fmt.Fprintf(&b, "\t%.1f calls/s\t%.0f client-cpu-ns/op", d.Rate.Achieved, d.Client.CPUMicrosPerCall*1e3)
	if d.Server != nil {
		fmt.Fprintf(&b, "\t%.0f server-cpu-ns/op", d.Server.CPUMicrosPerCall*1e3)
	}
	b.WriteString("\n")
	for _, p := range d.Parts() {
		of := "step"
		if p.Flow {
			of = "flow"
		}
		writeBenchLatency(&b, fmt.Sprintf("Step/%s/%s=%s", load, of, benchName(p.Name)), p.Latency["response"])
		fmt.Fprintf(&b, "\t%.1f calls/s\n", float64(p.Counts.OK+p.Counts.Failed)/max(float64(d.DurationNs)/1e9, 1e-9))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the benchmark line: %w", err)
	}
	return nil
}

// writeBenchLatency begins a line with the response times of a benchmark.
func writeBenchLatency(b *strings.Builder, name string, response Latency) {
	fmt.Fprintf(b, "Benchmark%s\t%d\t%.1f %s", name, response.Count, response.MeanNs,
		atLeast("ns/op", response.Censored > 0))
	for _, p := range response.Percentiles {
		fmt.Fprintf(b, "\t%d %s", p.Ns, atLeast(fmt.Sprintf("p%v-ns", p.P), p.AtLeast))
	}
}

// benchName is a name as a part of a benchmark's: a slash there would begin another part.
func benchName(name string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(name), "_"), "/", ".")
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
		{"messages", p.Messages, p.Messages > 1 && p.Messages != 100},
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
