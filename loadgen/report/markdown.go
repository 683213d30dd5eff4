package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
)

// Markdown writes the runs as tables for a pull request: an overview where there is more than one, then each.
func Markdown(w io.Writer, docs ...*result.Document) error {
	raw := docs
	docs = slices.Clone(docs)
	for i := range docs {
		docs[i] = clean(docs[i], markup)
	}
	var b strings.Builder
	if len(docs) > 1 {
		b.WriteString("# grpcbench\n\n")
		table(&b, overview(docs))
		b.WriteString("\n")
	}
	for i, d := range docs {
		markdownRun(&b, d)
		markdownAgain(&b, raw[i])
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the markdown report: %w", err)
	}
	return nil
}

func markdownRun(b *strings.Builder, d *result.Document) {
	fmt.Fprintf(b, "## %s\n\n", d.Name())
	fmt.Fprintf(b, "%s. Target: %s. Run `%s`, %s.\n\n", headline(d), target(d), d.RunID, started(d))
	fmt.Fprintf(b, "**%s**", strings.ToUpper(string(d.Verdict.Status)))
	for _, r := range append(append([]string{}, d.Verdict.Reasons...), d.Notes...) {
		fmt.Fprintf(b, "; %s", r)
	}
	b.WriteString("\n\n")
	c := d.Counts
	table(b, [][]string{
		{"due", "ok", "failed", "unfinished", "never sent", "calls/s", "messages/s", "bytes/s"},
		{
			number.Count(c.Due), number.Count(c.OK), number.Count(c.Failed), number.Count(c.Unfinished),
			number.Count(c.NeverSent),
			number.Rate(d.Rate.Achieved), number.Rate(d.Rate.MessagesPerSecond), number.Size(d.Rate.BytesPerSecond),
		},
	})
	fmt.Fprintf(b, "\nCodes: %s\n\n", codes(d))
	lines := failures(d)
	for _, k := range d.SLO {
		lines = append(lines, k.Objective+" "+k.Result)
	}
	for _, line := range lines {
		fmt.Fprintf(b, "- %s\n", line)
	}
	if len(lines) > 0 {
		b.WriteString("\n")
	}
	table(b, latencyTable(d))
	if rows := stepTable(d); rows != nil {
		b.WriteString("\nBy step\n\n")
		table(b, rows)
	}
	if rows := shardTable(d); rows != nil {
		b.WriteString("\nBy shard\n\n")
		table(b, rows)
	}
	for _, of := range []struct{ kind, title string }{
		{"unanswered", "Never answered, the oldest"}, {"slow", "Slowest calls"}, {"failed", "First failures"},
	} {
		if rows := exemplarTable(d, of.kind, 10); len(rows) > 1 {
			fmt.Fprintf(b, "\n%s\n\n", of.title)
			table(b, rows)
		}
	}
	fmt.Fprintf(b, "\nClient: %s.", client(d))
	if d.Server != nil {
		fmt.Fprintf(b, " Server: %s.", cpu(*d.Server, d))
	}
	e := d.Environment
	fmt.Fprintf(b, "\n\n%s, grpc-go %s, %s %s, %s, %d CPUs, GOMAXPROCS %d\n\n", e.Go, e.GRPC, e.OS, e.Kernel,
		e.CPUModel, e.CPUs, e.GOMAXPROCS)
}

// markdownAgain writes the command that makes the run again, as it is: in a fence that is longer than any in it.
func markdownAgain(b *strings.Builder, d *result.Document) {
	if len(d.Plan.Command) == 0 {
		return // of a version that did not keep it
	}
	line := stripControls(plan.QuoteArgs(d.Plan.Command))
	fence := "```"
	for strings.Contains(line, fence) {
		fence += "`"
	}
	fmt.Fprintf(b, "To run it again:\n\n%ssh\n%s\n%s\n\n", fence, line, fence)
}

// overview is a table with a row a run; the percentiles have their 95 % intervals.
func overview(docs []*result.Document) [][]string {
	rows := [][]string{{
		"run", "transport", "verdict", "calls/s", "messages/s", "failed", "p50", "p99", "p99.9", "max",
		"client µs/call", "server µs/call",
	}}
	for _, d := range docs {
		response := d.Latency["response"]
		server := "-"
		if d.Server != nil {
			server = number.Significant(d.Server.CPUMicrosPerCall)
		}
		rows = append(rows, []string{
			d.Name(), d.Plan.Transport, string(d.Verdict.Status), number.Rate(d.Rate.Achieved),
			number.Rate(d.Rate.MessagesPerSecond), number.Count(d.Counts.Failed),
			responseAt(d, 50), responseAt(d, 99), responseAt(d, 99.9), bounded(response.MaxNs, response.Censored > 0),
			number.Significant(d.Client.CPUMicrosPerCall), server,
		})
	}
	return rows
}

// table writes a markdown table, the head first.
func table(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		cells := make([]string, len(row))
		for k, cell := range row {
			cells[k] = strings.ReplaceAll(strings.ReplaceAll(cell, "|", "\\|"), "\n", " ")
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
}
