package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
)

// seriesOrder is that of the tables.
func seriesOrder(d *result.Document) []string { return orderSeries(d.Loop, d.Latency) }

// orderSeries are the series that have values, in order; a closed loop's service is its response, so it is left out
// there.
func orderSeries(loop string, latency map[string]result.Latency) (names []string) {
	for _, s := range series.Names() {
		if s == series.Service.String() && loop == "closed" {
			continue
		}
		if l, ok := latency[s]; ok && l.Count > 0 {
			names = append(names, s)
		}
	}
	return names
}

// interval writes a confidence interval with one unit, where both ends have it.
func interval(p result.Percentile) string {
	low, high := number.Duration(p.LowNs), number.Duration(p.HighNs)
	if p.HighAtLeast {
		high = "∞"
	}
	if number, unit, _ := strings.Cut(low, " "); strings.HasSuffix(high, " "+unit) {
		low = number
	}
	return low + "–" + high
}

// bounded writes a time, of which it may be known only that it is at least so much.
func bounded[N int64 | float64](ns N, atLeast bool) string {
	if atLeast {
		return "≥ " + number.Duration(ns)
	}
	return number.Duration(ns)
}

// responseAt writes a percentile of the response time, or - where there are too few calls for it.
func responseAt(d *result.Document, p float64) string {
	if x, ok := d.Latency["response"].At(p); ok {
		return bounded(x.Ns, x.AtLeast) + " (" + interval(x) + ")"
	}
	return "-"
}

// latencyTable is a table of the run's series: a head, then a row each, the
// headline's followed by the 95 % confidence intervals of its percentiles.
func latencyTable(d *result.Document) [][]string {
	var shown []float64
	for _, s := range seriesOrder(d) {
		for _, p := range d.Latency[s].Percentiles {
			if !slices.Contains(shown, p.P) && p.P != 75 {
				shown = append(shown, p.P)
			}
		}
	}
	slices.Sort(shown)
	head := []string{"", "count", "mean"}
	for _, p := range shown {
		head = append(head, number.Percentile(p))
	}
	rows := [][]string{append(head, "max")}
	for _, s := range seriesOrder(d) {
		l := d.Latency[s]
		row := []string{s, number.Count(l.Count), bounded(l.MeanNs, l.Censored > 0)}
		for _, p := range shown {
			cell := "-" // too few for it
			if x, ok := l.At(p); ok {
				cell = bounded(x.Ns, x.AtLeast)
			}
			row = append(row, cell)
		}
		rows = append(rows, append(row, bounded(l.MaxNs, l.Censored > 0)))
		if s != "response" || len(l.Percentiles) == 0 {
			continue
		}
		intervals := []string{"  95 %", "", ""}
		for _, p := range shown {
			cell := ""
			if x, ok := l.At(p); ok {
				cell = interval(x)
			}
			intervals = append(intervals, cell)
		}
		rows = append(rows, append(intervals, ""))
	}
	return rows
}

// exemplarTable is a table of up to n exemplars of a kind.
func exemplarTable(d *result.Document, kind string, n int) [][]string {
	rows := [][]string{{"request id", "code", "client", "server", "difference", "at"}}
	several := len(d.Steps) > 1
	if several {
		rows[0] = append(rows[0], "step")
	}
	data := slices.ContainsFunc(d.Exemplars, func(x result.Exemplar) bool { return x.Kind == kind && len(x.Data) > 0 })
	if data {
		rows[0] = append(rows[0], "sent")
	}
	for _, x := range d.Exemplars {
		if x.Kind != kind || len(rows) > n {
			continue
		}
		server, difference := "-", "-"
		if x.ServerNs != nil {
			server, difference = number.Duration(*x.ServerNs), number.Duration(x.ServiceNs-*x.ServerNs)
		}
		rows = append(rows, []string{
			x.RequestID, cmp.Or(x.Code, "-"), number.Duration(x.ResponseNs), server,
			difference, number.Duration(x.IntendedNs),
		})
		if several {
			rows[len(rows)-1] = append(rows[len(rows)-1], x.Step)
		}
		if data {
			rows[len(rows)-1] = append(rows[len(rows)-1], shorten(string(x.Data)))
		}
	}
	return rows
}

// shorten keeps data to what a table has room for.
func shorten(s string) string {
	const most = 160
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}

// codes lists how calls ended, most frequent first.
func codes(d *result.Document) string {
	names := slices.SortedFunc(maps.Keys(d.Codes), func(a, b string) int {
		if c := int(d.Codes[b] - d.Codes[a]); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = name + " " + number.Count(d.Codes[name])
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// headline describes the run in one line.
func headline(d *result.Document) string {
	p := d.Plan
	conns := fmt.Sprintf("%d connections", p.Conns)
	if p.Conns == 1 {
		conns = "1 connection"
	}
	length := number.Duration(d.DurationNs)
	if p.Warmup > 0 {
		length += fmt.Sprintf(" after %v of warm-up", p.Warmup)
	}
	return strings.Join([]string{p.Transport, d.Loop + " loop", workers(p.Workers), conns, length}, ", ")
}

func workers(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}

// target describes the server.
func target(d *result.Document) string {
	if len(d.Addresses) > 1 {
		return addresses(d)
	}
	if !d.Target.Embedded {
		return d.Target.Addr
	}
	chain := "no interceptors"
	if len(d.Target.Interceptors) > 0 {
		chain = strings.Join(d.Target.Interceptors, ",")
	}
	return fmt.Sprintf("embedded at %s (%s)", d.Target.Addr, chain)
}

// addresses tells how the calls were spread.
func addresses(d *result.Document) string {
	var all []string
	for _, a := range d.Addresses {
		all = append(all, fmt.Sprintf("%s (%s ok, %s failed, %s unfinished over %d)",
			a.Addr, number.Count(a.Counts.OK), number.Count(a.Counts.Failed), number.Count(a.Counts.Unfinished),
			a.Conns))
	}
	return strings.Join(all, ", ")
}

// cpu describes what a process used.
func cpu(u result.Usage, d *result.Document) string {
	return fmt.Sprintf("%s µs a call, %s cores, %s peak memory",
		number.Significant(u.CPUMicrosPerCall), number.Significant(u.CPUSeconds/(float64(max(d.DurationNs, 1))/1e9)),
		number.Size(float64(u.MaxRSSBytes)))
}

// client describes what the load generator used, and what it may have added to percentiles, at most.
func client(d *result.Document) string {
	all := []string{}
	for _, a := range d.Added {
		all = append(all, number.Duration(a.Ns)+" to "+number.Percentile(a.P))
	}
	if len(all) == 0 {
		return cpu(d.Client, d)
	}
	return cpu(d.Client, d) + "; it added at most " + strings.Join(all, ", ")
}

// failures lists one line a code that is not OK, with its first message.
func failures(d *result.Document) (lines []string) {
	var seen []string
	for _, x := range d.Exemplars {
		if x.Kind == "failed" && !slices.Contains(seen, x.Code) {
			seen = append(seen, x.Code)
			lines = append(lines, fmt.Sprintf("%s %s: %s", number.Count(d.Codes[x.Code]), x.Code, x.Message))
		}
	}
	return lines
}

// started is the wall-clock time of the run.
func started(d *result.Document) string { return d.Started.UTC().Format(time.DateTime) + " UTC" }
