package report

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"slices"
	"strings"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/report/plot"
	"grpcbench/loadgen/result"
)

var (
	//go:embed report.html.tmpl
	page string
	//go:embed report.css
	styles string
	//go:embed report.js
	script string
)

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"css":        func() template.CSS { return template.CSS(styles) }, //nolint:gosec // a file of this package
	"js":         func() template.JS { return template.JS(script) },   //nolint:gosec // likewise
	"latency":    latencyTable,
	"unanswered": func(d *result.Document) [][]string { return exemplarTable(d, "unanswered", 10) },
	"steps":      stepTable,
	"shards":     shardTable,
	"slowest":    func(d *result.Document) [][]string { return exemplarTable(d, "slow", 20) },
	"failed":     func(d *result.Document) [][]string { return exemplarTable(d, "failed", 10) },
	"headline":   headline, "target": target, "started": started, "codes": codes, "client": client,
	"failures": failures,
	"count":    number.Count, "rate": number.Rate, "size": number.Size, "upper": strings.ToUpper,
	"first":    func(rows [][]string) []string { return rows[0] },
	"rest":     func(rows [][]string) [][]string { return rows[1:] },
	"overhead": overheadHeadline, "costs": costTables, "costFigure": costFigure,
	"deadlines": deadlineTable, "legend": func() string { return deadlineLegend }, "matrix": deadlineMatrix,
	"capacityLines": capacityLines, "capacityFigure": capacityFigure, "capacityTable": capacityTable,
	"wrong": wrongLines, "timeouts": timeoutsHeadline,
	"string": func(s any) string { return fmt.Sprint(s) },
	"again":  func(p plan.Plan) string { return plan.QuoteArgs(p.Command) },
	"server": func(d *result.Document) string {
		if d.Server == nil {
			return ""
		}
		return cpu(*d.Server, d)
	},
}).Parse(page))

// view is what the page shows.
type view struct {
	*result.Collection
	Overview []overviewRow
	RPCs     []rpcView
}

// rpcView are the runs of an RPC, side by side and then each.
type rpcView struct {
	Name string
	// Together has the runs' curves in one figure, where there are several.
	Together []plot.Figure
	Runs     []runView
}

type runView struct {
	*result.Document
	Figures []plot.Figure
}

// HTML writes the runs as one page that needs nothing from the network.
func HTML(w io.Writer, docs ...*result.Document) error {
	return htmlAll(w, &result.Collection{Runs: docs})
}

// htmlAll writes everything as one page.
func htmlAll(w io.Writer, found *result.Collection) error {
	if err := pageTemplate.Execute(w, newView(found)); err != nil {
		return fmt.Errorf("write the HTML report: %w", err)
	}
	return nil
}

// mostTogether is how many curves a figure can hold and still be read.
const mostTogether = 8

func newView(found *result.Collection) *view {
	v := &view{Collection: found, Overview: overviewRows(found.Runs)}
	var together [][]plot.Curve // by RPC
	for _, d := range found.Runs {
		course, err := courseOf(d)
		if err != nil { // one broken log is no reason to show nothing
			told := *d
			told.Notes = append(slices.Clone(d.Notes), "no course of it is shown: "+err.Error())
			d = &told
		}
		i := slices.IndexFunc(v.RPCs, func(r rpcView) bool { return r.Name == d.Plan.RPC })
		if i < 0 {
			i = len(v.RPCs)
			v.RPCs, together = append(v.RPCs, rpcView{Name: d.Plan.RPC}), append(together, nil)
		}
		if c := responseCurve(runLabel(d, found.Runs), d, course); len(c.Points) > 0 {
			together[i] = append(together[i], c)
		}
		v.RPCs[i].Runs = append(v.RPCs[i].Runs, runView{Document: d, Figures: runFigures(d, course)})
	}
	for i := range v.RPCs {
		if len(together[i]) < 2 {
			continue
		}
		for curves := range slices.Chunk(together[i], mostTogether) {
			v.RPCs[i].Together = append(v.RPCs[i].Together,
				plot.Percentiles(v.RPCs[i].Name+": response by percentile", curves))
		}
	}
	return v
}

// courseOf is how the run went, which is not known where its log is not there, or is broken.
func courseOf(d *result.Document) (*result.Course, error) {
	if d.Folder == "" {
		return &result.Course{}, nil
	}
	course, err := result.ReadCourse(d.Folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &result.Course{}, nil
	case err != nil:
		return &result.Course{}, err
	default:
		return course, nil
	}
}

// runLabel tells a run from the others: by its name where that does, else with its id.
func runLabel(d *result.Document, all []*result.Document) string {
	label := d.Name()
	if label == d.Plan.RPC {
		label = d.Plan.Transport + ", " + d.Loop + " loop"
	}
	same := 0
	for _, o := range all {
		if o.Name() == d.Name() && o.Plan.Transport == d.Plan.Transport && o.Loop == d.Loop {
			same++
		}
	}
	if same > 1 {
		label += " " + d.RunID
	}
	return label
}

// overviewRow is a run in the first table.
type overviewRow struct {
	*result.Document
	Cells []overviewCell
}

// overviewCell is a value and, below it, its interval.
type overviewCell struct{ Text, Interval string }

func overviewRows(docs []*result.Document) []overviewRow {
	rows := overview(docs)
	all := make([]overviewRow, len(docs))
	for i, d := range docs {
		all[i] = overviewRow{Document: d}
		for _, cell := range rows[i+1][1:] {
			value, bounds, _ := strings.Cut(strings.TrimSuffix(cell, ")"), " (")
			all[i].Cells = append(all[i].Cells, overviewCell{value, bounds})
		}
	}
	return all
}
