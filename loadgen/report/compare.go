package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"grpcbench/loadgen/compare"
	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// Compare writes comparisons in a format: text, md, json or bench. Alone names the kinds of runs that only one side
// has.
func Compare(w io.Writer, format string, all []*compare.Comparison, alone []string) error {
	var b strings.Builder
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(comparisonsJSON(all)); err != nil {
			return fmt.Errorf("write the comparison: %w", err)
		}
		return nil
	case "bench":
		for _, c := range all {
			if err := compareBench(&b, c); err != nil {
				return err
			}
		}
	case "md":
		for _, c := range all {
			compareMarkdown(&b, c)
		}
		for _, a := range alone {
			fmt.Fprintf(&b, "- not compared, %s\n", markup(a))
		}
	case "text":
		for i, c := range all {
			if i > 0 {
				b.WriteString("\n")
			}
			compareText(&b, c)
		}
		for _, a := range alone {
			fmt.Fprintf(&b, "\nnot compared, %s\n", stripControls(a))
		}
	default:
		return fmt.Errorf("no such format %q", format)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

func compareText(b *strings.Builder, c *compare.Comparison) {
	fmt.Fprintf(b, "%s\n", stripControls(c.Name))
	fmt.Fprintf(b, "old  %s\nnew  %s\n\n%s\n\n", formatSide(c.Old, stripControls), formatSide(c.New, stripControls),
		conclude(c))
	columns(b, compareTable(c))
	for _, n := range compareNotes(c) {
		fmt.Fprintf(b, "  %s\n", stripControls(n))
	}
	for _, k := range c.Limits {
		fmt.Fprintf(b, "-fail-on %s %s\n", k.Objective, k.Result)
	}
}

func compareMarkdown(b *strings.Builder, c *compare.Comparison) {
	fmt.Fprintf(b, "## %s\n\nOld: %s. New: %s.\n\n**%s**\n\n", markup(c.Name), formatSide(c.Old, markup),
		formatSide(c.New, markup), conclude(c))
	table(b, compareTable(c))
	b.WriteString("\n")
	for _, n := range compareNotes(c) {
		fmt.Fprintf(b, "- %s\n", markup(n))
	}
	for _, k := range c.Limits {
		fmt.Fprintf(b, "- `-fail-on %s` %s\n", stripControls(k.Objective), markup(k.Result))
	}
	b.WriteString("\n")
}

// formatSide names the runs of a side, and what is wrong with them.
func formatSide(s compare.Side, how func(string) string) string {
	var folders []string
	for _, d := range s.Runs {
		if len(folders) < 3 {
			folders = append(folders, how(d.Folder))
		}
	}
	if more := len(s.Runs) - len(folders); more > 0 {
		folders = append(folders, fmt.Sprintf("%d more", more))
	}
	runs := "1 run"
	if len(s.Runs) != 1 {
		runs = fmt.Sprintf("%d runs", len(s.Runs))
	}
	return runs + ": " + strings.Join(folders, ", ")
}

// conclude says in a line what came of it.
func conclude(c *compare.Comparison) string {
	var worse, better []string
	for _, m := range c.Metrics {
		switch {
		case !m.Resolved:
		case m.Worse():
			worse = append(worse, m.Name)
		default:
			better = append(better, m.Name)
		}
	}
	switch {
	case len(worse)+len(better) == 0:
		return "no difference resolved"
	case len(worse) == 0:
		return "better: " + strings.Join(better, ", ")
	case len(better) == 0:
		return "WORSE: " + strings.Join(worse, ", ")
	default:
		return "WORSE: " + strings.Join(worse, ", ") + "; better: " + strings.Join(better, ", ")
	}
}

func compareTable(c *compare.Comparison) [][]string {
	rows := [][]string{{"", "old", "new", "change", "", "95 %", ""}}
	for _, m := range c.Metrics {
		said := "no difference resolved"
		switch {
		case m.Alone:
			said = "too few values for an interval"
		case m.Resolved && m.Worse():
			said = "WORSE"
		case m.Resolved:
			said = "better"
		}
		bounds := ""
		if !math.IsInf(m.Low, 0) {
			bounds = change(m, m.Low) + " to " + change(m, m.High)
		}
		percent := ""
		if m.First != 0 && m.Kind != compare.Share {
			percent = fmt.Sprintf("%+.1f %%", 100*m.Estimate/m.First)
		}
		old, young := value(m, m.First), value(m, m.Second)
		if m.OldAtLeast {
			old = "≥ " + old
		}
		if m.NewAtLeast {
			young = "≥ " + young
		}
		rows = append(rows, []string{m.Name, old, young, change(m, m.Estimate), percent, bounds, said})
	}
	return rows
}

// value writes a metric's value, change a difference of two.
func value(m compare.Metric, v float64) string {
	switch m.Kind {
	case compare.PerSecond:
		return number.Rate(v) + "/s"
	case compare.Share:
		return strconv.FormatFloat(100*v, 'g', 3, 64) + " %"
	case compare.Number:
		return number.Significant(v)
	default:
		return number.Duration(v)
	}
}

func change(m compare.Metric, v float64) string {
	sign := "+"
	if v < 0 {
		sign, v = "-", -v
	}
	text := sign + value(m, v)
	if m.Kind == compare.Share {
		text = strings.TrimSuffix(text, "%") + "pp" // percentage points, unlike the column of percentages
	}
	return text
}

func compareNotes(c *compare.Comparison) []string {
	notes := append([]string{}, c.Notes...)
	if len(c.Limits) > 0 {
		notes = append(notes, "a metric is resolved where that holds for all of them together (Holm); -fail-on looks "+
			"at its own interval")
	}
	for _, d := range c.Differ {
		notes = append(notes, "not alike: "+d)
	}
	return notes
}

// compareBench writes a line for each run, under the side that it is of.
func compareBench(b *strings.Builder, c *compare.Comparison) error {
	for _, s := range []struct {
		name string
		runs []*result.Document
	}{{"old", c.Old.Runs}, {"new", c.New.Runs}} {
		fmt.Fprintf(b, "side: %s\n", s.name)
		for _, d := range s.runs {
			if err := d.WriteBench(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// comparisonJSON is a comparison for other programs; a bound that there is none of is left out.
type comparisonJSON struct {
	Schema  string         `json:"schema"`
	Name    string         `json:"name"`
	Old     []string       `json:"old"`
	New     []string       `json:"new"`
	Metrics []metricJSON   `json:"metrics"`
	Notes   []string       `json:"notes"`
	FailOn  []verdict.Kept `json:"fail_on"`
}

type metricJSON struct {
	Name     string   `json:"name"`
	Old      float64  `json:"old"`
	New      float64  `json:"new"`
	Change   float64  `json:"change"`
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
	P        float64  `json:"p"`
	Resolved bool     `json:"resolved"`
	// A side's value is a lower bound.
	OldAtLeast bool `json:"old_at_least,omitempty"`
	NewAtLeast bool `json:"new_at_least,omitempty"`
}

func comparisonsJSON(all []*compare.Comparison) []comparisonJSON {
	out := []comparisonJSON{}
	ids := func(s compare.Side) (ids []string) {
		for _, d := range s.Runs {
			ids = append(ids, d.RunID)
		}
		return ids
	}
	for _, c := range all {
		j := comparisonJSON{
			Schema: "grpcbench.compare/v1", Name: c.Name, Old: ids(c.Old), New: ids(c.New),
			Notes: compareNotes(c), FailOn: append([]verdict.Kept{}, c.Limits...),
		}
		for _, m := range c.Metrics {
			x := metricJSON{
				Name: m.Name, Old: m.First, New: m.Second, Change: m.Estimate, P: m.P,
				Resolved: m.Resolved, OldAtLeast: m.OldAtLeast, NewAtLeast: m.NewAtLeast,
			}
			if !math.IsInf(m.Low, 0) {
				x.Low, x.High = &m.Low, &m.High
			}
			j.Metrics = append(j.Metrics, x)
		}
		out = append(out, j)
	}
	return out
}
