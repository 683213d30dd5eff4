package report

import (
	"fmt"
	"io"
	"strings"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
)

// overheadText writes the tables for a terminal.
func overheadText(w io.Writer, d *result.Overhead) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n", stripControls(d.Title()), overheadHeadline(d),
		strings.ToUpper(string(d.Verdict.Status)))
	for _, r := range d.Verdict.Reasons {
		fmt.Fprintf(&b, "  - %s\n", r)
	}
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "  %s\n", n)
	}
	for _, t := range costTables(d) {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		columns(&b, t.Rows)
	}
	for _, k := range d.SLO {
		fmt.Fprintf(&b, "\n%s %s\n", k.Objective, k.Result)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// overheadMarkdown writes them for a pull request.
func overheadMarkdown(w io.Writer, d *result.Overhead) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s. Run `%s`.\n\n**%s**", markup(d.Title()), overheadHeadline(d), d.RunID,
		strings.ToUpper(string(d.Verdict.Status)))
	for _, r := range append(append([]string{}, d.Verdict.Reasons...), d.Notes...) {
		fmt.Fprintf(&b, "; %s", r)
	}
	b.WriteString("\n")
	for _, t := range costTables(d) {
		fmt.Fprintf(&b, "\n%s\n\n", t.Title)
		table(&b, t.Rows)
	}
	for _, k := range d.SLO {
		fmt.Fprintf(&b, "\n- %s %s", k.Objective, k.Result)
	}
	e := d.Environment
	fmt.Fprintf(&b, "\n%s, grpc-go %s, %s %s, %s, %d CPUs, GOMAXPROCS %d\n", e.Go, e.GRPC, e.OS, e.Kernel, e.CPUModel,
		e.CPUs, e.GOMAXPROCS)
	_, err := io.WriteString(w, b.String())
	return err
}

func overheadHeadline(d *result.Overhead) string {
	return fmt.Sprintf("what interceptors cost, %d rounds of blocks of %s, seed %d, %s", d.Rounds,
		number.Duration(d.BlockNs), d.Plan.Seed, number.Duration(d.DurationNs))
}

type costTable struct {
	Title string
	Rows  [][]string
	Costs []result.Cost // the rows', but for their groups' heads
}

// costTables are one for each side and kind, the checks last.
func costTables(d *result.Overhead) (tables []costTable) {
	groups := []struct{ name, title string }{
		{"alone", "each alone"},
		{"chain", "the chain as it grows"},
		{"ecosystem", "of others"},
		{"A/A", "checks"},
		{"empty", "checks"},
		{"control", "checks"},
	}
	seen := map[string]bool{}
	for _, first := range d.Costs {
		key := first.Side + first.Kind
		if seen[key] {
			continue
		}
		seen[key] = true
		per := map[string]string{"unary": "call", "stream": "message and its answer"}[first.Kind]
		t := costTable{
			Title: fmt.Sprintf("%s, %s side: what each adds to a %s of %s", first.Kind, first.Side, per,
				number.Duration(first.BareNs)),
			Rows: [][]string{{"", "latency", "95 %", first.Side + " CPU", "95 %", "allocs", "bytes"}},
		}
		last := ""
		for _, g := range groups {
			for _, c := range d.Costs {
				if c.Side+c.Kind != key || c.Group != g.name {
					continue
				}
				if g.title != last {
					t.Rows = append(t.Rows, []string{g.title + ":", "", "", "", "", "", ""})
					last = g.title
				}
				t.Rows = append(t.Rows, costRow(c))
				t.Costs = append(t.Costs, c)
			}
		}
		tables = append(tables, t)
	}
	return tables
}

func costRow(c result.Cost) []string {
	used := c.ServerCPU
	if c.Side == "client" {
		used = c.ClientCPU
	}
	latency := micros(c.Latency.Value)
	bounds := between(c.Latency)
	switch {
	case c.Check():
	case !c.Resolved && c.Latency.Low != nil:
		latency, bounds = "not resolved", "|cost| < "+micros(c.Latency.Below())
	}
	return []string{
		"  " + c.Name, latency, bounds, micros(used.Value), between(used),
		number.Significant(c.Allocs.Value), number.Significant(c.Bytes.Value),
	}
}

// micros writes nanoseconds as microseconds, always, so that a column compares.
func micros(ns float64) string { return fmt.Sprintf("%.2f µs", ns/1e3) }

func between(e result.Estimate) string {
	if e.Low == nil {
		return ""
	}
	return fmt.Sprintf("%.2f to %.2f", *e.Low/1e3, *e.High/1e3)
}
