package flags_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/verdict"
)

// The scenario is told every choice about calls.
func TestOptions(t *testing.T) {
	p := plan.Plan{
		Transport: "rest", HTTPMethod: "POST", Messages: 3, Size: 100,
		Interval: time.Millisecond, Timeout: time.Second, Metadata: []string{"k", "v"},
	}
	want := scenario.Options{
		Transport: "rest", HTTPMethod: "POST", Messages: 3, Size: 100,
		Interval: time.Millisecond, Timeout: time.Second, Metadata: []string{"k", "v"},
	}
	if diff := cmp.Diff(want, run.CallOptions(p)); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

// result.json holds a plan as it is: what is read back is the same plan.
func TestJSONRoundTrip(t *testing.T) {
	p, err := readRun(strings.Fields("-rpc SearchIO -tls -cacert ca.pem -cert c -key k -d 3s -n 7 -size 99 "+
		"-per-worker -q -name x -o y -authority z -target -drain=1s"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var got plan.Plan
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	// Scripts read durations by these names, in nanoseconds.
	for _, field := range []string{
		`"rpc":"SearchIO"`, `"duration_ns":3000000000`, `"total":7`,
		`"warmup_ns":1000000000`, `"timeout_ns":20000000000`, `"concurrency":50`,
	} {
		if !bytes.Contains(data, []byte(field)) {
			t.Errorf("%s does not hold %s", data, field)
		}
	}
}

// consistent says what an accepted plan promises to those who carry it out.
func consistent(p plan.Plan) (broken []string) {
	for what, ok := range map[string]bool{
		"workers":       p.Workers >= 1 && p.Workers <= requestid.MaxWorkers,
		"connections":   p.Conns >= 1 && p.Conns <= p.Workers,
		"an end":        p.D >= 0 && p.Total >= 0 && (p.D > 0 || p.Total > 0),
		"times":         p.Warmup >= 0 && p.Drain >= 0 && p.Interval >= 0 && p.Timeout >= 0 && p.ConnectTimeout > 0,
		"messages":      p.Messages >= 0 && p.Size >= 0,
		"the deadline":  p.Timeout == 0 || float64(p.Messages-1)*float64(p.Interval) < float64(p.Timeout),
		"pairs":         len(p.Metadata)%2 == 0,
		"a format":      p.Format == plan.Silent || slices.Contains(plan.Formats, p.Format),
		"a transport":   slices.Contains(transport.Names, p.Transport),
		"a REST method": (p.Transport == transport.REST) == (p.HTTPMethod != ""),
		"a certificate": (p.TLS.Cert == "") == (p.TLS.Key == ""),
		"TLS":           p.TLS.On || p.TLS == plan.TLS{},
		"a rate":        p.Rate >= 0 && p.Rate <= 1e9 && p.MessageRate >= 0 && p.MessageRate <= 1e9,
		"one schedule":  p.Rate == 0 || p.Stages == "",
		"the target":    p.Embedded() || len(p.Target) == 0,
		"interceptors": !slices.ContainsFunc(p.ClientInterceptors,
			func(s string) bool { return !slices.Contains(plan.ClientInterceptors, s) }),
	} {
		if !ok {
			broken = append(broken, what)
		}
	}
	for i := 0; i < len(p.Metadata); i += 2 {
		if key := p.Metadata[i]; key == "" || key != strings.ToLower(key) || strings.HasPrefix(key, "grpc-") {
			broken = append(broken, "the key "+key)
		}
	}
	if measured, warmup, err := p.Arrivals(); err != nil || (measured != nil) != p.Open() ||
		(warmup != nil) != p.Open() {
		broken = append(broken, fmt.Sprintf("the arrivals (%v)", err))
	}
	if _, err := verdict.ParseSLO(p.SLO); err != nil {
		broken = append(broken, err.Error())
	}
	d, err := scenario.Find(p.RPC)
	if err != nil {
		return append(broken, err.Error())
	}
	for _, problem := range d.Check(run.CallOptions(p)) {
		broken = append(broken, problem.Error())
	}
	return broken
}

// FuzzRun: no command line panics, a refused one says why, and an accepted one can be carried out.
func FuzzRun(f *testing.F) {
	for _, line := range []string{
		"-rpc SearchIO", "-rpc Search -c 1 -conns 1 -n 1", "--rpc=GetUser --total=5 -d 1s",
		"-rpc Search -transport rest -http-method post",
		"-rpc CreateRepo -messages 0 -size 65536", "-rpc SearchIO -messages 100 -interval 1s",
		"-rpc GetHelp -H a:b -H c-bin:d -client-interceptors none",
		"-rpc Watch -size 1", "-rpc Search -insecure", "-rpc Search -cert a -key b -insecure-skip-verify",
		"-rpc Search -addr x -target y",
		"-c", "-h", "--", "- -c 3", "-rpc Search -c=99999999999999999999", "-rpc Search -d 9223372036854775807ns",
		"-rpc Search -q -format none",
		"-rpc Search -rate 100 -arrival poisson -seed 9 -spin", "-rpc SearchIO -stages 1s:1,2s:5..9 -message-rate 3",
		"-rpc Search -rate NaN", "-rpc Search -slo p99<1ms",
		"-rpc Search -timeout -0s -connect-timeout 1ns -warmup 0s -drain 0s",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p, err := readRun(strings.Fields(strings.ToValidUTF8(line, "")), io.Discard)
		var usage *plan.UsageError
		switch {
		case err == nil:
		case errors.Is(err, flag.ErrHelp):
			return
		case errors.As(err, &usage):
			if len(usage.Problems) == 0 ||
				slices.ContainsFunc(usage.Problems, func(e error) bool { return e.Error() == "" }) {
				t.Errorf("refused without a reason: %q", usage.Problems)
			}
			return
		default:
			t.Fatalf("an error of another kind: %v", err)
		}
		if broken := consistent(p); len(broken) > 0 {
			t.Errorf("accepted, but wrong: %q in %+v", broken, p)
		}
		p.Metadata, p.Force = nil, false // which are in no file
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again plan.Plan
		if err := json.Unmarshal(data, &again); err != nil || !cmp.Equal(p, again, cmpopts.EquateEmpty()) {
			t.Errorf("read back from JSON: %v\n%s", err, cmp.Diff(p, again))
		}
	})
}

func ExampleRun() {
	p, err := readRun([]string{"-rpc", "searchio", "--concurrency=8", "-n", "1000"}, io.Discard)
	fmt.Println(p.RPC, p.Workers, p.Total, p.D, p.Timeout, err)

	_, err = readRun([]string{"-rpc", "GetUser", "-d", "30", "-c", "0"}, io.Discard)
	fmt.Println(err)
	// Output:
	// SearchIO 8 1000 0s 20s <nil>
	// invalid value "30" for flag -d: want a duration with a unit, such as 30s or 500ms
	// -c 0: want 1 to 65536 workers
}
