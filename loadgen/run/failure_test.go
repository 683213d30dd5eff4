package run_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/server/testkit"
)

// A run whose every call failed is written as any other, and is an error that says why.
func TestEveryCallFailed(t *testing.T) {
	doc, err := runPlan(testkit.Context(t),
		read(t, "-rpc=Search", "-c=3", "-n=60", "-warmup=0s", "-target=-interceptors=none -inject=error=1:UNAVAILABLE"))
	if !errors.Is(err, run.ErrNoneSucceeded) || !strings.Contains(err.Error(), "UNAVAILABLE: injected error") {
		t.Errorf("Run: %v, want ErrNoneSucceeded with the first failure", err)
	}
	if doc == nil || doc.Counts.Failed != 60 || doc.Codes["UNAVAILABLE"] != 60 ||
		doc.LatencyByCode["UNAVAILABLE"].Count != 60 {
		t.Fatalf("the document is %+v", doc)
	}
	addUp(t, doc)
	if kept, err := result.Read(doc.Plan.Out); err != nil || kept.Counts.Failed != 60 {
		t.Errorf("result.json: %+v, %v", kept, err)
	}
}

// Some failures are not all failures.
func TestSomeCallsFailed(t *testing.T) {
	doc := carryOut(t, "-rpc=Search", "-c=3", "-n=300", "-warmup=0s",
		"-target=-interceptors=none -inject=error=0.2:NOT_FOUND")
	addUp(t, doc)
	if n := doc.Codes["NOT_FOUND"]; n < 20 || n > 120 || n != doc.Counts.Failed {
		t.Errorf("%d of 300 calls failed, codes %v", doc.Counts.Failed, doc.Codes)
	}
	failed := 0
	for _, x := range doc.Exemplars {
		if x.Kind == "failed" {
			failed++
			if x.Code != "NOT_FOUND" || x.Message != "injected error" {
				t.Errorf("exemplar %+v", x)
			}
		}
	}
	if failed == 0 {
		t.Error("no exemplar of a failed call")
	}
}

// A folder that cannot be written is told before any load, and before any target.
func TestUnwritableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	p := read(t, "-rpc=Search", "-n=1", "-addr="+lis.Addr().String())
	p.Out = filepath.Join(file, "run")
	doc, err := runPlan(testkit.Context(t), p)
	if err == nil || doc != nil || !strings.Contains(err.Error(), p.Out) && !strings.Contains(err.Error(), file) {
		t.Errorf("Run: %+v, %v, want an error with the path", doc, err)
	}
	_ = lis.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
	if conn, err := lis.Accept(); err == nil {
		conn.Close()
		t.Error("the target heard of a run that could not be kept")
	}
}

// Where no call can be made there is no document, and the error names the address or the file at fault.
func TestRunsThatCannotBegin(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lis.Close()
	refused := lis.Addr().String()
	for _, tt := range []struct {
		reason string
		args   []string
		names  []string
	}{
		{"nothing listens", []string{"-addr=" + refused}, []string{refused, "refused"}},
		{
			"nothing listens, and there are many connections",
			[]string{"-addr=" + refused, "-conns=8"},
			[]string{refused, "refused"},
		},
		{"nothing listens for REST", []string{"-transport=rest", "-addr=" + refused}, []string{refused, "refused"}},
		{"the target's flags are bad", []string{"-target=-nosuch"}, []string{"-nosuch"}},
		{"no CA", []string{"-addr=" + refused, "-cacert=/nowhere.pem"}, []string{"-cacert", "/nowhere.pem"}},
	} {
		began := time.Now()
		p := read(t, append(tt.args, "-rpc=Search", "-n=10", "-c=8")...)
		doc, err := runPlan(testkit.Context(t), p)
		if err == nil || doc != nil {
			t.Errorf("%s: Run: %+v, %v", tt.reason, doc, err)
			continue
		}
		for _, name := range tt.names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v: does not name %s", tt.reason, err, name)
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: it took %v", tt.reason, took)
		}
		if kept, err := result.Read(p.Out); err == nil {
			t.Errorf("%s: there is a result.json of a run that never began: %+v", tt.reason, kept.Verdict)
		}
	}
}

func TestTLSFiles(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		files plan.TLS
		names []string
	}{
		{plan.TLS{On: true, CA: "/nowhere.pem"}, []string{"-cacert", "/nowhere.pem"}},
		{plan.TLS{On: true, CA: empty}, []string{"-cacert", empty, "no PEM certificate"}},
		{plan.TLS{On: true, Cert: "/nowhere.pem", Key: "/nowhere.key"}, []string{"-cert", "/nowhere.pem"}},
		{plan.TLS{On: true, Cert: empty, Key: empty}, []string{"-cert"}},
	} {
		_, err := run.TLSConfig(tt.files, "")
		for _, name := range tt.names {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("TLS(%+v): %v: does not name %s", tt.files, err, name)
			}
		}
	}
	if config, err := run.TLSConfig(plan.TLS{CA: "/nowhere.pem"}, ""); config != nil || err != nil {
		t.Errorf("without TLS: %+v, %v, want plaintext", config, err)
	}
	if config, err := run.TLSConfig(plan.TLS{On: true, SkipVerify: true}, "api.example.com"); err != nil ||
		config.ServerName != "api.example.com" || !config.InsecureSkipVerify {
		t.Errorf("with an authority: %+v, %v", config, err)
	}
}
