package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"google.golang.org/protobuf/proto"

	"grpcbench/pb/person"
)

// tools are the generators of this machine.
type tools struct {
	addr, echo, tmp string

	self, loadgen    string
	h2load, ghz, k6  string // empty where it is not there
	missing          []string
	request, k6Setup string // files
}

// find builds loadgen and looks the others up.
func (t *tools) find(ctx context.Context) (err error) {
	if t.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	t.loadgen = filepath.Join(t.tmp, "loadgen")
	build := exec.CommandContext(ctx, "go", "build", "-o", t.loadgen, "grpcbench/loadgen")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build loadgen: %w\n%s", err, out)
	}
	for _, peer := range []struct {
		path          *string
		name, install string
	}{
		{&t.h2load, "h2load", "apt-get install nghttp2-client"},
		{&t.ghz, "ghz", "go install github.com/bojand/ghz/cmd/ghz@latest"},
		{&t.k6, "k6", "go install go.k6.io/k6@latest"},
	} {
		if *peer.path, err = exec.LookPath(peer.name); err != nil {
			t.missing = append(t.missing, fmt.Sprintf("%s is not on the PATH, so it is not in the tables: %s",
				peer.name, peer.install))
		}
	}
	return t.write()
}

// write makes the files that other tools take their request from.
func (t *tools) write() error {
	message, err := proto.Marshal(request())
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	t.request = filepath.Join(t.tmp, "request.grpc")
	framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	if err := os.WriteFile(t.request, framed, 0o600); err != nil {
		return fmt.Errorf("write h2load's request: %w", err)
	}
	t.k6Setup = filepath.Join(t.tmp, "k6.js")
	script := fmt.Sprintf(`import grpc from 'k6/net/grpc';
const client = new grpc.Client();
let connected = false;
export default () => {
  if (!connected) { client.connect(%q, { plaintext: true, reflect: true }); connected = true; }
  const r = client.invoke('person.SearchService/Search', { name: '0123456789abcdef', age: 36, body: { name: 'hi' } });
  if (r.status !== grpc.StatusOK) { throw new Error('status ' + r.status); }
};
`, t.addr)
	if err := os.WriteFile(t.k6Setup, []byte(script), 0o600); err != nil {
		return fmt.Errorf("write k6's script: %w", err)
	}
	return nil
}

// request is what every generator sends; loadgen's has the same length.
func request() *person.PersonReq {
	return &person.PersonReq{Name: "0123456789abcdef", Age: 36, Body: &person.Mbody{Name: "hi"}}
}

// loadgenArm is loadgen over a transport, nothing left out: request ids, checked answers, histograms, exemplars.
func (t *tools) loadgenArm(transport string, args ...string) *arm {
	base := []string{
		t.loadgen, "-addr", t.addr, "-transport", transport, "-warmup", "0s", "-q", "-force", "-o",
		filepath.Join(t.tmp, "run"),
	}
	return &arm{name: "loadgen " + transport, argv: append(base, args...)}
}

func (t *tools) bareArm(rpc string, args ...string) *arm {
	return &arm{name: "bare grpc-go", argv: append([]string{t.self, "bare", "-addr", t.addr, "-rpc", rpc}, args...)}
}

// Sizes of the comparisons: calls in flight, messages of a stream, bytes of a chunk.
const (
	workers = 50
	inCall  = 1000
	chunks  = 100
	chunk   = 64 << 10
)

// comparisons are made in this order; the first arm of each is what the others are compared to.
func (t *tools) comparisons(n int) []*comparison {
	c := strconv.Itoa(workers)
	unary := &comparison{
		title: fmt.Sprintf("Search, unary, 1 connection (k6: %d), %d in flight, %d calls a round", workers, workers, n),
		unit:  "µs a call", per: float64(n), rate: "calls/s",
		arms: []*arm{
			t.bareArm("Search", "-n", strconv.Itoa(n), "-c", c),
			t.loadgenArm("grpc", "-rpc", "Search", "-n", strconv.Itoa(n), "-c", c),
			t.loadgenArm("wire", "-rpc", "Search", "-n", strconv.Itoa(n), "-c", c),
			{name: "TCP echo", argv: []string{t.self, "floor", "-addr", t.echo, "-n", strconv.Itoa(n), "-c", c}},
		},
	}
	if t.h2load != "" {
		unary.arms = append(unary.arms, &arm{name: "h2load", argv: []string{
			t.h2load, "-n", strconv.Itoa(n), "-c", "1", "-m", c, "-t", "1", "-d", t.request,
			"-H", "content-type: application/grpc", "-H", "te: trailers", "http://" + t.addr +
				"/person.SearchService/Search",
		}})
	}
	if t.ghz != "" {
		unary.arms = append(unary.arms, &arm{name: "ghz", argv: []string{
			t.ghz, "--insecure", "--call", "person.SearchService/Search", "-d",
			`{"name":"0123456789abcdef","age":36,"body":{"name":"hi"}}`,
			"-n", strconv.Itoa(n), "-c", c, "--connections", "1", t.addr,
		}})
	}
	if t.k6 != "" {
		unary.arms = append(unary.arms, &arm{name: "k6", argv: []string{
			t.k6, "run", "--quiet", "--no-usage-report", "--vus", c, "--iterations", strconv.Itoa(n), t.k6Setup,
		}})
	}
	// A message in lockstep costs about as much as a call.
	calls := max(workers, n/inCall)
	lockstep := &comparison{
		title: fmt.Sprintf("SearchIO, ping-pong on %d open streams of %d messages, 1 connection, %d messages a round",
			workers, inCall, calls*inCall),
		unit: "µs a message", per: float64(calls * inCall), rate: "messages/s",
		arms: []*arm{
			t.bareArm("SearchIO", "-n", strconv.Itoa(calls), "-c", c, "-messages", strconv.Itoa(inCall)),
			t.loadgenArm("grpc", "-rpc", "SearchIO", "-n", strconv.Itoa(calls), "-c", c, "-messages",
				strconv.Itoa(inCall)),
			t.loadgenArm("wire", "-rpc", "SearchIO", "-n", strconv.Itoa(calls), "-c", c, "-messages",
				strconv.Itoa(inCall)),
		},
	}
	uploads := max(4, n/500)
	upload := &comparison{
		title: fmt.Sprintf("CreateRepo, %d chunks of 64 KiB a call, 4 in flight, 1 connection, %d MiB a round", chunks,
			uploads*chunks*chunk>>20),
		unit: "µs a MiB", per: float64(uploads * chunks * chunk >> 20), rate: "MiB/s",
		arms: []*arm{
			t.bareArm("CreateRepo", "-n", strconv.Itoa(uploads), "-c", "4", "-messages", strconv.Itoa(chunks)),
			t.loadgenArm("grpc", "-rpc", "CreateRepo", "-n", strconv.Itoa(uploads), "-c", "4", "-messages",
				strconv.Itoa(chunks), "-size", strconv.Itoa(chunk)),
			t.loadgenArm("wire", "-rpc", "CreateRepo", "-n", strconv.Itoa(uploads), "-c", "4", "-messages",
				strconv.Itoa(chunks), "-size", strconv.Itoa(chunk)),
		},
	}
	all := []*comparison{unary, lockstep, upload}
	if runtime.GOOS == "linux" {
		all = append(all, t.openLoop(n/10))
	}
	return all
}

// openLoop compares what calls cost that come one by one, and are not sent together with others.
func (t *tools) openLoop(n int) *comparison {
	const rate = "5000"
	args := []string{"-rpc", "Search", "-n", strconv.Itoa(n), "-rate", rate, "-arrival", "poisson"}
	return &comparison{
		title: fmt.Sprintf("Search, an open loop of %s/s, Poisson, 1 connection, %d calls a round", rate, n),
		unit:  "µs a call", per: float64(n), rate: "calls/s",
		arms: []*arm{
			{name: "timer, echo", argv: []string{
				t.self, "floor", "-addr", t.echo, "-n", strconv.Itoa(n), "-rate", rate,
			}},
			t.loadgenArm("grpc", args...),
			t.loadgenArm("wire", args...),
		},
	}
}
