package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"grpcbench/loadgen/result"
)

//go:embed report.html.tmpl
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"overview": overview,
	"latency":  latencyTable,
	"slowest":  func(d *result.Document) [][]string { return exemplarTable(d, "slow", 10) },
	"failed":   func(d *result.Document) [][]string { return exemplarTable(d, "failed", 10) },
	"headline": headline, "target": target, "started": started, "codes": codes, "cpu": cpu, "failures": failures,
	"count": count, "rate": rate, "size": size, "upper": strings.ToUpper,
	"first":    func(rows [][]string) []string { return rows[0] },
	"rest":     func(rows [][]string) [][]string { return rows[1:] },
	"overhead": overheadHeadline, "costs": costTables, "deadlines": deadlineTable, "legend": func() string { return deadlineLegend },
	"wrong": wrongLines, "timeouts": timeoutsHeadline,
	"string": func(s any) string { return fmt.Sprint(s) },
	"server": func(d *result.Document) string {
		if d.Server == nil {
			return ""
		}
		return cpu(*d.Server, d)
	},
}).Parse(page))

// HTML writes the runs as one page that needs nothing from the network.
func HTML(w io.Writer, docs ...*result.Document) error {
	return htmlAll(w, &result.Collection{Runs: docs})
}

// htmlAll writes everything as one page.
func htmlAll(w io.Writer, found *result.Collection) error {
	if err := pageTemplate.Execute(w, found); err != nil {
		return fmt.Errorf("write the HTML report: %w", err)
	}
	return nil
}
