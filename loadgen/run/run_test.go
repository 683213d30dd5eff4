package run_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/testkit"
)

func TestDocument(t *testing.T) {
	began := time.Now()
	doc := carryOut(t, "-rpc=Search", "-c=4", "-conns=2", "-d=300ms", "-warmup=100ms", "-per-worker", "-name=mine")
	addUp(t, doc)
	c := doc.Counts
	if doc.Schema != "grpcbench.result/v1" || !regexp.MustCompile(`^[0-9a-f]{8}$`).MatchString(doc.RunID) ||
		doc.Loop != "closed" || doc.Plan.Name != "mine" {
		t.Errorf("schema %q, run id %q, loop %q, name %q", doc.Schema, doc.RunID, doc.Loop, doc.Plan.Name)
	}
	if doc.Started.Before(began.Add(100*time.Millisecond)) || doc.Started.After(time.Now()) {
		t.Errorf("the window began at %v, the run at %v, with 100ms of warm-up", doc.Started, began)
	}
	if doc.DurationNs < int64(300*time.Millisecond) || doc.DurationNs > int64(10*time.Second) {
		t.Errorf("the window was %v long", time.Duration(doc.DurationNs))
	}
	if c.OK == 0 || c.Failed != 0 || c.Unfinished != 0 || doc.WarmupCalls == 0 ||
		doc.Verdict.Status == verdict.Invalid {
		t.Errorf("%+v, %d calls of warm-up, verdict %+v", c, doc.WarmupCalls, doc.Verdict)
	}
	if c.MessagesSent != c.Sent || c.MessagesReceived != c.Sent || c.BytesSent < 10*c.Sent ||
		c.BytesReceived < c.BytesSent {
		t.Errorf("messages and bytes of %d calls: %+v", c.Sent, c)
	}
	achieved := float64(c.OK) / (float64(doc.DurationNs) / 1e9)
	if r := doc.Rate; r.Achieved < achieved*0.999 || r.Achieved > achieved*1.001 || r.Offered != r.Achieved {
		t.Errorf("rate %+v, want %v achieved", r, achieved)
	}
	if l := doc.Latency["response"]; l.MinNs <= 0 || l.MaxNs < l.MinNs || cmp.Diff(l, doc.Latency["service"]) != "" {
		t.Errorf("response %+v, service %+v: a closed loop's are the same", l, doc.Latency["service"])
	}
	if !doc.Target.Embedded || doc.Server == nil || doc.Server.CPUSeconds <= 0 || doc.Client.CPUSeconds <= 0 {
		t.Errorf("target %+v, server %+v, client %+v", doc.Target, doc.Server, doc.Client)
	}
	if diff := cmp.Diff([]string{"recovery", "requestid", "metrics", "timeout"}, doc.Target.Interceptors); diff != "" {
		t.Errorf("the embedded target's interceptors (-want +got):\n%s", diff)
	}
	workers := map[string]bool{}
	for _, x := range doc.Exemplars {
		workers[x.RequestID[:13]] = true
		if !regexp.MustCompile(`^`+doc.RunID+`-000[0-3]-[0-9a-f]{12}$`).MatchString(x.RequestID) ||
			x.ServerNs == nil || *x.ServerNs <= 0 ||
			*x.ServerNs > x.ServiceNs || x.IntendedNs < 0 || x.IntendedNs > doc.DurationNs ||
			x.ResponseNs != x.ServiceNs || x.Code != "OK" {
			t.Fatalf("exemplar %+v", x)
		}
	}
	if len(workers) < 2 {
		t.Errorf("all exemplars are of one of the 4 workers: %v", workers)
	}
	if len(doc.Exemplars) == 0 || doc.Exemplars[0].Kind != "slow" ||
		doc.Exemplars[0].ResponseNs != doc.Latency["response"].MaxNs {
		t.Errorf("the slowest call of %d is not the first exemplar of %d", doc.Latency["response"].MaxNs,
			len(doc.Exemplars))
	}
}

func TestFiles(t *testing.T) {
	doc := carryOut(t, "-rpc=SearchIO", "-c=3", "-n=30", "-messages=4", "-warmup=0s", "-per-worker",
		"-client-interceptors=requestid,metrics,logging",
		"-target=-interceptors=requestid,logging")
	addUp(t, doc)
	dir := doc.Plan.Out
	kept, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(doc.Counts, kept.Counts); diff != "" || kept.RunID != doc.RunID ||
		!kept.Started.Equal(doc.Started) {
		t.Errorf("result.json is another document (-returned +read):\n%s", diff)
	}
	want := map[string]int64{"": 30, "response@" + doc.RunID: 30, "service@" + doc.RunID: 30, "first_message@" +
		doc.RunID: 30, "message_rtt@" + doc.RunID: 120}
	got := tagged(t, dir)
	for tag, n := range want {
		if got[tag] != n {
			t.Errorf("latency.hlog has %d values tagged %q, want %d; its tags are %q", got[tag], tag, n,
				slices.Sorted(maps.Keys(got)))
		}
	}
	var workers int64
	for w := range 3 {
		workers += got[fmt.Sprintf("response@%s-%04x", doc.RunID, w)]
	}
	if workers != 30 {
		t.Errorf("the workers' histograms hold %d calls of 30; the tags are %q", workers, slices.Sorted(maps.Keys(got)))
	}
	if text := contents(t, dir, "report.md"); !strings.Contains(text, "SearchIO") ||
		!strings.Contains(text, doc.RunID) {
		t.Errorf("report.md:\n%s", text)
	}
	if text := contents(t, dir, "bench.txt"); !strings.Contains(text, "BenchmarkRun/rpc=SearchIO/") ||
		!strings.Contains(text, "ns/op") {
		t.Errorf("bench.txt:\n%s", text)
	}
	// One line of each side for each call, by the same id.
	client, server := contents(t, dir, "client.log"), contents(t, dir, "target.log")
	for seq := range 30 {
		if id := fmt.Sprintf("-%012x", seq); lines(client, id) != 1 || lines(server, id) != 1 {
			t.Errorf("call %d has %d lines in client.log and %d in target.log", seq, lines(client, id),
				lines(server, id))
		}
	}
	if text := contents(t, dir, "client.prom"); !strings.Contains(text,
		`grpc_client_handled_total{grpc_code="OK",grpc_method="/person.SearchService/SearchIO"} 30`) {
		t.Errorf("client.prom:\n%s", text)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) > 0 || err != nil {
		t.Errorf("temporary files stay: %q, %v", left, err)
	}
}

// Files of what was not asked for do not exist.
func TestOnlyTheFilesThatAreWanted(t *testing.T) {
	doc := carryOut(t, "-rpc=Check", "-c=2", "-n=20", "-warmup=0s")
	entries, err := os.ReadDir(doc.Plan.Out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"bench.txt", "latency.hlog", "report.md", "result.json"}, names); diff != "" {
		t.Errorf("the folder (-want +got):\n%s", diff)
	}
	for tag := range tagged(t, doc.Plan.Out) {
		if tag != "" && strings.Count(tag, "-") > 0 {
			t.Errorf("latency.hlog has the worker's tag %q, without -per-worker", tag)
		}
	}
}

// While a run goes on its folder says so, and so it does for one that is killed.
func TestFolderOfAnUnfinishedRun(t *testing.T) {
	p := read(t, "-rpc=Search", "-c=2", "-d=1m", "-warmup=0s")
	ctx, cancel := context.WithCancel(testkit.Context(t))
	ended := make(chan error, 1)
	var doc *result.Document
	go func() {
		var err error
		doc, err = runPlan(ctx, p)
		ended <- err
	}()
	for late := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		during, err := result.Read(p.Out)
		if err == nil {
			if during.Verdict.Status != verdict.Invalid || len(during.Verdict.Reasons) != 1 ||
				!strings.Contains(during.Verdict.Reasons[0], "has not ended") {
				t.Errorf("the verdict of a run that goes on is %+v", during.Verdict)
			}
			break
		}
		if time.Now().After(late) {
			t.Fatalf("no result.json: %v", err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	cancel() // ^C
	if err := <-ended; err != nil {
		t.Fatalf("Run: %v, want nil for an interrupted run", err)
	}
	addUp(t, doc)
	if doc.Verdict.Status != verdict.Suspect ||
		!strings.Contains(strings.Join(doc.Verdict.Reasons, "\n"), "interrupted") || doc.Counts.OK == 0 {
		t.Errorf("the interrupted run has %d calls and the verdict %+v", doc.Counts.OK, doc.Verdict)
	}
}

func TestDir(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.FixedZone("", 3600))
	p := read(t, "-rpc=Search")
	if got := run.OutFolder(p, now); got != p.Out {
		t.Errorf("Dir is %q, want -o's %q", got, p.Out)
	}
	p.Out = ""
	if got, want := run.OutFolder(p, now), filepath.Join("results", "20260203T030506.789Z-Search"); got != want {
		t.Errorf("Dir is %q, want %q", got, want)
	}
}
