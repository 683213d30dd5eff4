package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
)

// Text writes what the terminal shows at the end of a run.
func Text(w io.Writer, d *result.Document) error {
	d = clean(d, stripControls)
	var b strings.Builder
	c := d.Counts
	fmt.Fprintf(&b, "%s: %s\n", d.Name(), headline(d))
	fmt.Fprintf(&b, "target    %s\n\n", target(d))
	writeVerdict(&b, d)
	fmt.Fprintf(&b, "calls     %s/s: %s ok, %s failed, %s unfinished", number.Rate(d.Rate.Achieved),
		number.Count(c.OK), number.Count(c.Failed), number.Count(c.Unfinished))
	if d.Unanswered.OldestNs > 0 {
		fmt.Fprintf(&b, " (the oldest for %s)", number.Duration(d.Unanswered.OldestNs))
	}
	if c.NeverSent > 0 {
		fmt.Fprintf(&b, ", %s never sent", number.Count(c.NeverSent))
	}
	fmt.Fprintf(&b, "\nmessages  %s/s: %s sent, %s received; %s/s\n",
		number.Rate(d.Rate.MessagesPerSecond), number.Count(c.MessagesSent), number.Count(c.MessagesReceived),
		number.Size(d.Rate.BytesPerSecond))
	fmt.Fprintf(&b, "codes     %s\n", codes(d))
	for _, line := range failures(d) {
		fmt.Fprintf(&b, "          %s\n", line)
	}
	if l := d.Latency["response"]; l.EffectiveCount < l.Count {
		fmt.Fprintf(&b, "          neighbouring calls are alike: for the intervals they count as %s independent ones\n",
			number.Count(l.EffectiveCount))
	}
	for _, k := range d.SLO {
		fmt.Fprintf(&b, "slo       %s %s\n", k.Objective, k.Result)
	}
	b.WriteString("\n")
	columns(&b, latencyTable(d))
	if rows := stepTable(d); rows != nil {
		b.WriteString("\nby step\n")
		columns(&b, rows)
	}
	if rows := shardTable(d); rows != nil {
		b.WriteString("\nby shard\n")
		columns(&b, rows)
	}
	for _, of := range []struct{ kind, title string }{
		{"unanswered", "never answered, the oldest"},
		{"slow", "slowest"},
	} {
		if rows := exemplarTable(d, of.kind, 5); len(rows) > 1 {
			b.WriteString("\n" + of.title + "\n")
			columns(&b, rows)
		}
	}
	fmt.Fprintf(&b, "\nclient    %s\n", client(d))
	if d.Server != nil {
		fmt.Fprintf(&b, "server    %s\n", cpu(*d.Server, d))
	}
	fmt.Fprintf(&b, "\n%s  result.json %s %s %s\n", filepath.Clean(d.Plan.Out)+string(filepath.Separator),
		result.HlogFile, result.ReportFile, result.BenchFile)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

func writeVerdict(b *strings.Builder, d *result.Document) {
	fmt.Fprintf(b, "%s\n", strings.ToUpper(string(d.Verdict.Status)))
	for _, r := range d.Verdict.Reasons {
		fmt.Fprintf(b, "  - %s\n", r)
	}
	for _, n := range d.Notes {
		fmt.Fprintf(b, "  %s\n", n)
	}
	b.WriteString("\n")
}

// columns writes rows in aligned columns, the first to the left and the others to the right.
func columns(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
