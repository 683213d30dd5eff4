package result

import (
	"fmt"
	"io"
	"strings"
)

// WriteBench writes the run as one line of Go's benchmark format, which
// benchstat reads: ns/op is the mean response time, and each percentile, the
// rate and the CPU per call have units of their own.
func (d *Document) WriteBench(w io.Writer) error {
	var b strings.Builder
	goos, goarch, _ := strings.Cut(d.Environment.OS, "/")
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: grpcbench\ncpu: %s\n\n", goos, goarch, d.Environment.CPUModel)
	response := d.Latency["response"]
	fmt.Fprintf(&b, "BenchmarkRun/rpc=%s/transport=%s/loop=%s/c=%d/conns=%d\t%d\t%.1f ns/op",
		d.Plan.RPC, d.Plan.Transport, d.Loop, d.Plan.Workers, d.Plan.Conns, response.Count, response.MeanNs)
	for _, p := range response.Percentiles {
		fmt.Fprintf(&b, "\t%d p%v-ns", p.Ns, p.P)
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
