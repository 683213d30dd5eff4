package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/result"
)

var formats = []string{"text", "md", "csv", "json", "html"}

func TestShowJSON(t *testing.T) {
	one, err := result.Decode(shown(t, "json", unary()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(unary(), one); diff != "" {
		t.Errorf("one run (-want +got):\n%s", diff)
	}
	var several []*result.Document
	if err := json.Unmarshal(shown(t, "json", unary(), failed()), &several); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*result.Document{unary(), failed()}, several); diff != "" {
		t.Errorf("two runs (-want +got):\n%s", diff)
	}
}

func TestShow(t *testing.T) {
	var b bytes.Buffer
	if err := report.Show(&b, "pdf", unary()); err == nil || !strings.Contains(err.Error(), "pdf") || b.Len() > 0 {
		t.Errorf("an unknown format: %v and %d bytes, want an error that names it", err, b.Len())
	}
	if got := shown(t, plan.Silent, unary()); len(got) > 0 {
		t.Errorf("silence is %q", got)
	}
	one, other := string(shown(t, "text", unary())), string(shown(t, "text", bidi()))
	if got := string(shown(t, "text", unary(), bidi())); got != one+"\n"+other {
		t.Errorf("two runs are not the one, an empty line, and the other:\n%s", got)
	}
}

// What a reader must know stands in every form that people read.
func TestEveryFormatTells(t *testing.T) {
	d := failed()
	d.Notes = []string{"a note for the reader"}
	tells := []string{
		"GetUser", "INVALID", "a note for the reader", "no interceptors", "1,000", "220", "UNAVAILABLE 20",
		"connection refused", "250 ms", "0a1b2c3f-0001-000000000001", "46.0 MiB",
	}
	tells = append(tells, d.Verdict.Reasons...)
	for _, k := range d.SLO {
		tells = append(tells, k.Objective, k.Result)
	}
	for _, format := range []string{"text", "md", "html"} {
		text := html.UnescapeString(string(shown(t, format, d)))
		for _, want := range tells {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not tell %q", format, want)
			}
		}
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWritersErrorIsTold(t *testing.T) {
	for _, format := range formats {
		if err := report.Show(fullDisk{}, format, unary(), bidi()); !errors.Is(err, errFull) {
			t.Errorf("%s: %v, want the writer's error", format, err)
		}
	}
	if err := report.Version(fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("Version: %v, want the writer's error", err)
	}
}

// saved writes runs as a load run does, a folder each.
func saved(t *testing.T, docs ...*result.Document) string {
	t.Helper()
	root := t.TempDir()
	for _, d := range docs {
		f, err := result.NewFolder(filepath.Join(root, d.RunID), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.WriteDocument(d); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWrite(t *testing.T) {
	root := saved(t, failed(), bidi(), unary()) // shown by the time they were started
	for _, format := range formats {
		want := shown(t, format, unary(), bidi(), failed())
		var stdout bytes.Buffer
		if err := report.Write(format, "", &stdout, io.Discard, root); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), stdout.String()); diff != "" {
			t.Errorf("%s on the terminal (-want +got):\n%s", format, diff)
		}
		stdout.Reset()
		file := filepath.Join(t.TempDir(), "out")
		if err := report.Write(format, file, &stdout, io.Discard, filepath.Join(root, "0a1b2c3d"),
			filepath.Join(root, "0a1b2c3e"), filepath.Join(root, "0a1b2c3f")); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" || stdout.Len() > 0 {
			t.Errorf("%s in a file, and %d bytes on the terminal (-want +got):\n%s", format, stdout.Len(), diff)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	root, empty := saved(t, unary()), t.TempDir()
	missing := filepath.Join(empty, "nowhere")
	for _, tt := range []struct {
		reason, format, out string
		dirs                []string
		says                string
	}{
		{"no run", "md", "", []string{empty}, empty},
		{"no run in either", "html", filepath.Join(empty, "x.html"), []string{empty, empty}, empty},
		{"no such folder", "md", "", []string{missing}, missing},
		{"one of two folders does not exist", "md", "", []string{root, missing}, missing},
		{"a file below no folder", "md", filepath.Join(missing, "x.md"), []string{root}, missing},
		{"an unknown format", "pdf", "", []string{root}, "pdf"},
	} {
		var stdout bytes.Buffer
		err := report.Write(tt.format, tt.out, &stdout, io.Discard, tt.dirs...)
		if err == nil || !strings.Contains(err.Error(), tt.says) || stdout.Len() > 0 {
			t.Errorf("%s: %v and %q, want an error that names %s", tt.reason, err, stdout.String(), tt.says)
		}
	}
	if _, err := os.Stat(filepath.Join(empty, "x.html")); !os.IsNotExist(err) {
		t.Errorf("a report of no run left a file (%v)", err)
	}
}

func TestAnnounce(t *testing.T) {
	base := plan.Plan{RPC: "Search", Transport: "grpc", Workers: 50, D: 10 * time.Second, Warmup: time.Second}
	for _, tt := range []struct {
		reason string
		change func(*plan.Plan)
		want   string
	}{
		{
			"an embedded target", func(*plan.Plan) {},
			"Search over grpc to an embedded target, 50 workers: 1s of warm-up, then 10s",
		},
		{
			"a server elsewhere", func(p *plan.Plan) { p.Addr, p.Transport = "a:1", "rest" },
			"Search over rest to a:1, 50 workers: 1s of warm-up, then 10s",
		},
		{
			"a number of calls", func(p *plan.Plan) { p.D, p.Total, p.Warmup = 0, 12_345, 0 },
			"Search over grpc to an embedded target, 50 workers: 12,345 calls",
		},
		{
			"one worker is one", func(p *plan.Plan) { p.Workers = 1 },
			"Search over grpc to an embedded target, 1 worker: 1s of warm-up, then 10s",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			p := base
			tt.change(&p)
			if got := report.Announce(p); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	// With both, what comes first ends the run: the calls do not follow the duration.
	base.Total = 100
	if got := report.Announce(base); !strings.Contains(got, "10s") || !strings.Contains(got, "100 calls") ||
		strings.Contains(got, "10s, then") {
		t.Errorf("a duration and a number of calls: %q, want one as the other's limit", got)
	}
}

func TestVersion(t *testing.T) {
	var b strings.Builder
	if err := report.Version(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if !strings.HasPrefix(got, "grpcbench ") || !strings.Contains(got, "go1.") || strings.Count(got, "\n") != 1 ||
		strings.Contains(got, "  ") {
		t.Errorf("%q, want one line with the versions", got)
	}
}
