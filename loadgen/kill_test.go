//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/contract"
)

// A loadgen that is killed leaves no target, and what was measured so far.
func TestKilledLoadgen(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures for more than a second, so that there is an interval to keep")
	}
	p := loadgen(t, "-rpc=Search", "-c=4", "-d=1m", "-warmup=0s", patient)
	p.runFor(t, 1500*time.Millisecond)
	target := p.target(t)
	p.signal(t, syscall.SIGKILL)
	p.wantExit(t, -1, 2*time.Second)
	wantGone(t, target, 2*time.Second)
	d, err := result.Read(p.out)
	if err != nil {
		t.Fatalf("result.json: %v", err)
	}
	if d.Verdict.Status != verdict.Invalid ||
		!strings.Contains(strings.Join(d.Verdict.Reasons, "\n"), "has not ended") || len(d.RunID) != 8 {
		t.Errorf("result.json of run %q has the verdict %+v", d.RunID, d.Verdict)
	}
	tags := tagged(t, p.out)
	if tags[""] == 0 || tags["response@"+d.RunID] != tags[""] || tags["service@"+d.RunID] != tags[""] {
		t.Errorf("latency.hlog has so many values by tag: %v", tags)
	}
}

// tagged reads latency.hlog: how many values each tag has.
func tagged(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, result.HlogFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tags := map[string]int64{}
	if err := result.ReadHlog(file, func(h *hdrhistogram.Histogram) error {
		tags[h.Tag()] += h.TotalCount()
		return nil
	}); err != nil {
		t.Fatalf("latency.hlog: %v", err)
	}
	return tags
}

// Without its embedded target there is nothing left to measure: the run ends, tells why, and keeps what it has.
func TestKilledEmbeddedTarget(t *testing.T) {
	p := loadgen(t, "-rpc=Search", "-c=4", "-d=1m", "-warmup=0s", patient)
	p.runFor(t, 400*time.Millisecond)
	if err := syscall.Kill(p.target(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.wantExit(t, 1, 10*time.Second)
	if words := p.stderr.String(); !strings.Contains(words, "target") || !strings.Contains(words, "killed") {
		t.Errorf("it says %q, and not that the target was killed", words)
	}
	d := p.wantResult(t)
	// A worker fails once in flight and then every 10 ms until the death is noticed, however late a busy machine does
	// that.
	if c := d.Counts; c.OK == 0 || c.Failed > 4000 || d.Codes["UNAVAILABLE"] != c.Failed || c.Due != c.OK+c.Failed {
		t.Errorf("counts %+v, codes %v", c, d.Codes)
	}
	if d.Verdict.Status == verdict.Valid || time.Duration(d.DurationNs) > 30*time.Second {
		t.Errorf("a run of %v has the verdict %+v", time.Duration(d.DurationNs), d.Verdict)
	}
}

// external starts `server` by itself.
func external(t *testing.T, args ...string) (cmd *exec.Cmd, addr string) {
	t.Helper()
	cmd = exec.Command("server", append([]string{"-listen=127.0.0.1:0", "-http=", "-interceptors=none"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	var ready contract.Ready
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	return cmd, ready.Addr
}

// A server that dies is what a measurement is about: its calls fail, and the run goes on to its end.
func TestKilledExternalTarget(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures for 1.5s, in the middle of which the server dies")
	}
	const planned = 1500 * time.Millisecond
	server, addr := external(t)
	p := loadgen(t, "-rpc=Search", "-c=4", "-conns=2", "-d="+planned.String(), "-warmup=200ms", "-addr="+addr)
	p.runFor(t, 700*time.Millisecond)
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wantExit(t, 0, 10*time.Second)
	d := p.wantResult(t)
	c := d.Counts
	if c.OK == 0 || c.Failed == 0 || d.Codes["UNAVAILABLE"] != c.Failed || c.Unfinished != 0 {
		t.Errorf("counts %+v, codes %v", c, d.Codes)
	}
	if c.Failed > 4*(int64(planned/(10*time.Millisecond))+2) {
		t.Errorf("%d calls failed: 4 workers without a connection have 100 a second each", c.Failed)
	}
	if took := time.Duration(d.DurationNs); took < planned || took > planned+5*time.Second {
		t.Errorf("the run ended after %v, planned were %v", took, planned)
	}
	if d.Verdict.Status == verdict.Invalid {
		t.Errorf("verdict %+v", d.Verdict)
	}
	named := false
	for _, x := range d.Exemplars {
		named = named || x.Kind == "failed" && strings.HasPrefix(x.RequestID, d.RunID) && x.Message != ""
	}
	if !named {
		t.Error("no failed call is named with its reason")
	}
}

// A target that dies in the warm-up: the calls of the window are those that failed, no more.
func TestTargetKilledInTheWarmUp(t *testing.T) {
	server, addr := external(t)
	p := loadgen(t, "-rpc=Search", "-c=8", "-d=300ms", "-warmup=600ms", "-addr="+addr)
	p.runFor(t, 300*time.Millisecond)
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wantExit(t, 1, 10*time.Second) // every call failed
	d := p.wantResult(t)
	if c := d.Counts; c.OK != 0 || c.Failed != d.Codes["UNAVAILABLE"] || d.Verdict.Status == verdict.Invalid {
		t.Errorf("counts %+v, codes %v, verdict %+v", c, d.Codes, d.Verdict)
	}
}
