package report_test

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

const (
	script = `<script>alert(1)</script>`
	// hostile is what a server may answer, or a shell expand to.
	hostile = script + `" onload="x" '&amp; a|b` + "\n# injected\n| injected | cell |\n\x1b[2Jinjected"
)

// hostileRun has text from outside in every field that may hold any: labels, addresses and what a server said.
func hostileRun() *result.Document {
	d := failed()
	d.Plan.Name, d.Target = script, result.Target{Addr: hostile}
	d.Notes = []string{hostile}
	d.Verdict.Reasons = []string{hostile}
	for i := range d.Exemplars {
		d.Exemplars[i].Message = hostile
	}
	d.SLO = []verdict.Kept{{Objective: "p99<1ms", Result: hostile}}
	d.Environment.CPUModel = hostile
	return d
}

// elements are all of a page, in its order; what is not HTML fails.
func elements(t *testing.T, page []byte) (all []*html.Node) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

// text is all that stands in an element.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// The page is one file: it asks the network for nothing, and runs nothing but its own script.
func TestHTMLNeedsNothing(t *testing.T) {
	for name, page := range map[string][]byte{
		"no run": shown(t, "html"), "all": shown(t, "html", unary(), bidi(), failed()),
		"hostile": shown(t, "html", hostileRun()),
	} {
		scripts := 0
		for _, n := range elements(t, page) {
			if slices.Contains([]string{"iframe", "object", "embed", "img", "base", "form"}, n.Data) {
				t.Errorf("%s: the page holds <%s>", name, n.Data)
			}
			if n.Data == "script" {
				scripts++
			}
			if n.Data == "style" && regexp.MustCompile(`@import|url\(`).MatchString(text(n)) {
				t.Errorf("%s: its style refers to another file", name)
			}
			for _, a := range n.Attr {
				refers := slices.Contains([]string{"src", "href", "action", "data", "poster"}, a.Key)
				if strings.HasPrefix(a.Key, "on") || refers && a.Val != "data:," && !strings.HasPrefix(a.Val, "#") {
					t.Errorf("%s: <%s> has %s=%q", name, n.Data, a.Key, a.Val)
				}
			}
		}
		if scripts != 1 {
			t.Errorf("%s: %d scripts, want its own", name, scripts)
		}
	}
}

func TestHTMLEscapes(t *testing.T) {
	shownAsText, sections := false, 0
	for _, n := range elements(t, shown(t, "html", hostileRun())) {
		switch n.Data {
		case "script":
			if strings.Contains(text(n), "alert") {
				t.Error("a text from outside is a script")
			}
		case "section":
			sections++
		case "h3":
			shownAsText = shownAsText || strings.Contains(text(n), "<script>alert(1)</script>")
		}
	}
	if !shownAsText || sections != 2 { // the RPC's, and in it the run's
		t.Errorf("shown as text: %v; %d sections, want two", shownAsText, sections)
	}
}

// Every row of a table has as many cells as its head.
func TestHTMLTables(t *testing.T) {
	tables := 0
	for _, n := range elements(t, shown(t, "html", unary(), bidi(), failed(), hostileRun())) {
		if n.Data != "table" {
			continue
		}
		tables++
		head := -1
		for row := range n.Descendants() {
			if row.Data != "tr" {
				continue
			}
			cells := 0
			for c := range row.ChildNodes() {
				if c.Data == "td" || c.Data == "th" {
					cells++
				}
			}
			if head < 0 {
				head = cells
			}
			if cells != head {
				t.Errorf("%d cells below %d heads: %s", cells, head, text(row))
			}
		}
	}
	if tables < 8 {
		t.Errorf("%d tables, want the overview's, each run's and those of its calls", tables)
	}
}

func TestHTMLWithoutRuns(t *testing.T) {
	if page := string(shown(t, "html")); !strings.Contains(page, "There is no run yet") ||
		strings.Contains(page, "<table") {
		t.Errorf("a page without runs is\n%s", page)
	}
}

// code spans and fences show what they hold as it is.
var codeSpan = regexp.MustCompile("(?s)```+sh\n[^\n]*\n```+\n|`[^`\n]*`")

// injected are the lines of text that a hostile message began, or made HTML of.
func injected(text string) (lines []string) {
	html := regexp.MustCompile(`(^|[^\\])<script`)
	for line := range strings.Lines(text) {
		begun := strings.HasPrefix(line, "# injected") || strings.HasPrefix(line, "| injected") ||
			strings.HasPrefix(line, "\x1b")
		if begun || html.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestMarkdownEscapes(t *testing.T) {
	for name, docs := range map[string][]*result.Document{
		"one run": {hostileRun()},
		"several": {hostileRun(), unary()},
	} {
		lines := injected(codeSpan.ReplaceAllString(string(shown(t, "md", docs...)), ""))
		if len(lines) > 0 {
			t.Errorf("%s: %d lines hold what was injected, the first of them\n%s", name, len(lines),
				strings.Join(lines[:min(len(lines), 6)], ""))
		}
	}
}

// Every row of a table has as many cells as its head, and a table begins after an empty line.
func TestMarkdownTables(t *testing.T) {
	unescaped := regexp.MustCompile(`\\.`)
	noObjectives := failed()
	noObjectives.SLO = nil
	for name, docs := range map[string][]*result.Document{
		"unary": {unary()}, "failed": {failed()}, "without objectives": {noObjectives},
		"several": {unary(), bidi(), failed()},
	} {
		docs[0].Plan.Name = "a|b"
		lines := strings.Split(string(shown(t, "md", docs...)), "\n")
		tables, cells := 0, 0
		for i, line := range lines {
			if !strings.HasPrefix(line, "|") {
				cells = 0
				continue
			}
			n := strings.Count(unescaped.ReplaceAllString(line, ""), "|")
			if cells == 0 {
				tables++
				cells = n
				if i > 0 && lines[i-1] != "" {
					t.Errorf("%s: the table %q begins below %q, want an empty line between", name, line, lines[i-1])
				}
			} else if n != cells {
				t.Errorf("%s: a row of %d bars in a table of %d: %q", name, n, cells, line)
			}
		}
		if tables < 2 {
			t.Errorf("%s: %d tables", name, tables)
		}
	}
}

// A terminal does what it is told: a server's message is shown, not obeyed.
func TestTextShowsMessagesAsText(t *testing.T) {
	text := strings.ReplaceAll(string(shown(t, "text", hostileRun())), "<script", "") // which means nothing there
	if strings.Contains(text, "\x1b") {
		t.Error("an escape sequence goes to the terminal")
	}
	if lines := injected(text); len(lines) > 0 {
		t.Errorf("%d lines were begun by a message, the first of them %q", len(lines), lines[0])
	}
}

// What a program reads is exact, whatever it holds.
func TestCSV(t *testing.T) {
	docs := []*result.Document{unary(), bidi(), failed()}
	docs[0].Plan.Name = hostile
	rows, err := csv.NewReader(bytes.NewReader(shown(t, "csv", docs...))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for name := range strings.FieldsSeq(
		"run_id name rpc transport loop verdict calls_per_second failed series count percentile ns low_ns high_ns") {
		if _, ok := column[name]; !ok {
			t.Errorf("there is no column %s", name)
		}
	}
	found := map[string]string{}
	for _, row := range rows[1:] {
		key := row[column["run_id"]] + " " + row[column["series"]] + " " + row[column["percentile"]]
		if _, ok := found[key]; ok {
			t.Errorf("%s is told twice", key)
		}
		found[key] = row[column["ns"]] + " " + row[column["low_ns"]] + " " + row[column["high_ns"]]
		if row[column["run_id"]] == docs[0].RunID && row[column["name"]] != hostile {
			t.Errorf("the run's name is read as %q", row[column["name"]])
		}
	}
	for key, want := range map[string]string{
		"0a1b2c3d response 50": "112345 111222 113468", "0a1b2c3d response 99.99": "2345678 2322222 2369134",
		"0a1b2c3d response 100":     "9876543 9876543 9876543",
		"0a1b2c3e message_rtt 99.9": "3300000 3267000 3333000", "0a1b2c3f response 99": "250000000 247500000 252500000",
	} {
		if found[key] != want {
			t.Errorf("%s is %q, want %q", key, found[key], want)
		}
	}
	for key := range found {
		if strings.HasPrefix(key, "0a1b2c3d service") {
			t.Errorf("a closed loop tells its service beside its response: %s", key)
		}
	}
}
