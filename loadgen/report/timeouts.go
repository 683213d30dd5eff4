package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
)

// timeoutsText writes the matrix for a terminal.
func timeoutsText(w io.Writer, d *result.Timeouts) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", stripControls(d.Title()), timeoutsHeadline(d))
	columns(&b, deadlineTable(d))
	b.WriteString("\n" + deadlineLegend + "\n\n")
	for _, line := range wrongLines(d) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// timeoutsMarkdown writes the matrix for a pull request.
func timeoutsMarkdown(w io.Writer, d *result.Timeouts) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s. Run `%s`.\n\n", markup(d.Title()), timeoutsHeadline(d), d.RunID)
	table(&b, deadlineTable(d))
	b.WriteString("\n" + deadlineLegend + "\n\n")
	for _, line := range wrongLines(d) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	e := d.Environment
	fmt.Fprintf(&b, "\n%s, grpc-go %s, %s %s, %s, %d CPUs, GOMAXPROCS %d\n", e.Go, e.GRPC, e.OS, e.Kernel, e.CPUModel,
		e.CPUs, e.GOMAXPROCS)
	_, err := io.WriteString(w, b.String())
	return err
}

const deadlineLegend = "overshoot: the caller hears so long past the deadline; cancel: the server's context ends so " +
	"long past it; " +
	"linger: the handler works on so long past it (all p50, p99); wasted: the share of the handlers' time past it; " +
	"left: handlers still running, goroutines left"

func timeoutsHeadline(d *result.Timeouts) string {
	var calls int64
	for _, c := range d.Cells {
		calls += c.Calls
	}
	return fmt.Sprintf("how deadlines behave: %d combinations, %s calls, %s", len(d.Cells), number.Count(calls),
		number.Duration(d.DurationNs))
}

func wrongLines(d *result.Timeouts) []string {
	if len(d.Wrong) == 0 {
		return []string{"Deadlines are honoured everywhere."}
	}
	return d.Wrong
}

func deadlineTable(d *result.Timeouts) [][]string {
	rows := [][]string{{
		"over", "kind", "server", "deadline", "takes", "calls", "caller", "handler", "overshoot",
		"cancel", "linger", "wasted", "left",
	}}
	for _, c := range d.Cells {
		takes := number.Duration(c.DelayNs)
		if c.DelayNs == 0 {
			takes = "-"
		}
		wasted := "-"
		if c.Linger.Count > 0 {
			wasted = number.Significant(100*c.Wasted) + " %"
		}
		left := "-"
		if c.LateHandlers > 0 || c.Goroutines > 2 {
			left = fmt.Sprintf("%d, %d", c.LateHandlers, c.Goroutines)
		}
		rows = append(rows, []string{
			c.Transport, c.Kind, c.Behaviour, number.Duration(c.DeadlineNs), takes, number.Count(c.Calls),
			codeCounts(c.ClientCodes), codeCounts(c.ServerCodes),
			spread(c.Overshoot), spread(c.CancelLag), spread(c.Linger), wasted, left,
		})
	}
	return rows
}

// codeCounts names the codes, with their numbers where there is more than one.
func codeCounts(codes map[string]int64) string {
	names := slices.Sorted(maps.Keys(codes))
	if len(names) == 1 {
		return names[0]
	}
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %d", n, codes[n])
	}
	return strings.Join(names, " ")
}

func spread(s result.Spread) string {
	if s.Count == 0 {
		return "-"
	}
	return number.Duration(s.P50) + ", " + number.Duration(s.P99)
}

// matrixView is the deadlines' cells as a table: a row for each kind and transport, a column for each server.
type matrixView struct {
	Columns []string
	Rows    []matrixRow
}

type matrixRow struct {
	Name  string
	Cells []matrixCell
}

// matrixCell is empty where there was no such combination.
type matrixCell struct {
	Text, Told string
	Wrong      bool
}

func deadlineMatrix(d *result.Timeouts) (m matrixView) {
	column := func(c result.DeadlineCell) string {
		takes := "silent client"
		if c.DelayNs > 0 {
			takes = "takes " + number.Duration(c.DelayNs)
		}
		return fmt.Sprintf("%s; %s of %s", c.Behaviour, takes, number.Duration(c.DeadlineNs))
	}
	for _, c := range d.Cells {
		if name := column(c); !slices.Contains(m.Columns, name) {
			m.Columns = append(m.Columns, name)
		}
	}
	for _, c := range d.Cells {
		name := c.Kind + " over " + c.Transport
		i := slices.IndexFunc(m.Rows, func(r matrixRow) bool { return r.Name == name })
		if i < 0 {
			i = len(m.Rows)
			m.Rows = append(m.Rows, matrixRow{Name: name, Cells: make([]matrixCell, len(m.Columns))})
		}
		cell := matrixCell{Text: codeCounts(c.ClientCodes), Told: strings.Join(c.Wrong, "; "), Wrong: len(c.Wrong) > 0}
		if c.Overshoot.Count > 0 {
			cell.Text += " +" + number.Duration(c.Overshoot.P99)
		}
		m.Rows[i].Cells[slices.Index(m.Columns, column(c))] = cell
	}
	return m
}
