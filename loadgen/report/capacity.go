package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/report/plot"
	"grpcbench/loadgen/result"
)

// capacityText writes the answer, and the curve that it rests on, for a terminal.
func capacityText(w io.Writer, d *result.Capacity) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n", stripControls(d.Title()), d.Plan.SLO, stripControls(d.Headline()))
	for _, line := range capacityLines(d) {
		fmt.Fprintf(&b, "  %s\n", stripControls(line))
	}
	b.WriteString("\n")
	columns(&b, capacityTable(d))
	b.WriteString("\n" + capacityBars(d))
	for _, k := range d.SLO {
		fmt.Fprintf(&b, "\n%s %s\n", k.Objective, k.Result)
	}
	fmt.Fprintf(&b, "\n%s%c  %s %s %s\n", d.Plan.Out, '/', result.CapacityFile, result.ReportFile, result.BenchFile)
	_, err := io.WriteString(w, b.String())
	return err
}

// capacityMarkdown writes the same for a pull request.
func capacityMarkdown(w io.Writer, d *result.Capacity) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n**%s**, with %s.\n\n", markup(d.Title()), markup(d.Headline()), markup(d.Plan.SLO))
	for _, line := range capacityLines(d) {
		fmt.Fprintf(&b, "- %s\n", markup(line))
	}
	b.WriteString("\n")
	table(&b, capacityTable(d))
	for _, k := range d.SLO {
		fmt.Fprintf(&b, "\n- %s %s", k.Objective, k.Result)
	}
	e := d.Environment
	fmt.Fprintf(&b, "\n%s, grpc-go %s, %s %s, %s, %d CPUs, GOMAXPROCS %d\n", e.Go, e.GRPC, e.OS, e.Kernel, e.CPUModel,
		e.CPUs, e.GOMAXPROCS)
	_, err := io.WriteString(w, b.String())
	return err
}

// capacityLines say what there is to know beside the answer.
func capacityLines(d *result.Capacity) (lines []string) {
	if d.Ceiling > 0 {
		lines = append(lines, fmt.Sprintf("a closed loop reaches %s/s, whatever the objectives",
			number.Rate(d.Ceiling)))
	}
	if d.Knee > 0 {
		lines = append(lines, fmt.Sprintf("up to %s/s the median is at most twice that of the lowest rate",
			number.Rate(d.Knee)))
	}
	if d.Recovery != "" {
		lines = append(lines, "the server "+d.Recovery)
	}
	return append(lines, d.Notes...)
}

// curveOf are the trials of open loops, by rate.
func curveOf(d *result.Capacity) []result.CapacityTrial {
	all := slices.DeleteFunc(slices.Clone(d.Trials), func(t result.CapacityTrial) bool { return t.Phase == "ceiling" })
	slices.SortStableFunc(all, func(a, b result.CapacityTrial) int { return int(math.Copysign(1, a.Rate-b.Rate)) })
	return all
}

func capacityTable(d *result.Capacity) [][]string {
	rows := [][]string{{
		"calls/s", "", "achieved", "p50", "p99", "p99.9", "errors", "server cores", "client cores",
		"why",
	}}
	for _, t := range curveOf(d) {
		cell := func(p float64, ns int64) string {
			if ns == 0 {
				return "-"
			}
			return bounded(ns, slices.Contains(t.AtLeast, p))
		}
		server := "-"
		if t.ServerCPU > 0 {
			server = number.Significant(t.ServerCPU)
		}
		outcome, why := t.Outcome, cutText(t.Why, 56)
		if t.Phase == "confirm" {
			outcome += ", again"
		}
		if t.Outcome == "pass" {
			why = ""
		}
		rows = append(rows, []string{
			number.Rate(t.Rate), outcome, number.Rate(t.Achieved), cell(50, t.P50Ns), cell(99, t.P99Ns),
			cell(99.9, t.P999Ns),
			number.Significant(100*t.Errors) + " %", server, number.Significant(t.ClientCPU), why,
		})
	}
	return rows
}

// cutText leaves so many characters of a text.
func cutText(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// capacityBars draw p99 over the rate, in a logarithmic scale.
func capacityBars(d *result.Capacity) string {
	var b strings.Builder
	all := slices.DeleteFunc(curveOf(d),
		func(t result.CapacityTrial) bool { return t.P99Ns == 0 || t.Phase == "confirm" })
	if len(all) < 2 {
		return ""
	}
	least, most := math.Inf(1), 0.0
	for _, t := range all {
		least, most = min(least, float64(t.P99Ns)), max(most, float64(t.P99Ns))
	}
	const wide = 40
	for _, t := range all {
		n := wide
		if most > least {
			n = 1 + int((wide-1)*math.Log(float64(t.P99Ns)/least)/math.Log(most/least))
		}
		mark := map[string]string{"pass": "█", "fail": "▒", "undecided": "▓", "generator": "░"}[t.Outcome]
		fmt.Fprintf(&b, "%10s/s  %s %s\n", number.Rate(t.Rate), strings.Repeat(mark, n),
			bounded(t.P99Ns, slices.Contains(t.AtLeast, 99)))
	}
	return "p99 by rate, in a logarithmic scale (█ passes, ▓ undecided, ▒ fails, ░ the load generator's limit)\n" +
		b.String()
}

// capacityFigure is the curve as a figure: of a rate that was tried several times the middle of what came.
func capacityFigure(d *result.Capacity) plot.Figure {
	line := func(name string, of func(result.CapacityTrial) int64) plot.RateLine {
		l := plot.RateLine{Name: name}
		for all := curveOf(d); len(all) > 0; {
			rate := all[0].Rate
			var came []int64
			for ; len(all) > 0 && all[0].Rate == rate; all = all[1:] {
				if ns := of(all[0]); ns > 0 {
					came = append(came, ns)
				}
			}
			slices.Sort(came)
			if len(came) > 0 {
				l.Points = append(l.Points, plot.RatePoint{Rate: rate, Ns: came[len(came)/2]})
			}
		}
		return l
	}
	p50 := line("p50", func(t result.CapacityTrial) int64 { return t.P50Ns })
	p99 := line("p99", func(t result.CapacityTrial) int64 { return t.P99Ns })
	p999 := line("p99.9", func(t result.CapacityTrial) int64 { return t.P999Ns })
	var bounds []plot.RateMark
	if d.Passes != nil {
		bounds = append(bounds, plot.RateMark{Rate: d.Passes.Rate, Name: "passes"})
	}
	if d.Fails != nil {
		bounds = append(bounds, plot.RateMark{Rate: d.Fails.Rate, Name: "fails"})
	}
	return plot.ByRate("Latency by rate", bounds, p50, p99, p999)
}
