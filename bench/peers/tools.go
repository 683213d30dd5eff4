package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	people           string // a file of rows
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

// write makes the files that generators take their requests from.
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
	t.people = filepath.Join(t.tmp, "people.csv")
	rows := []byte("first,last\n")
	for i := range 1000 {
		rows = fmt.Appendf(rows, "first%d,last%d\n", i, i)
	}
	if err := os.WriteFile(t.people, rows, 0o600); err != nil {
		return fmt.Errorf("write a file of rows: %w", err)
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

// request is what every generator sends where nothing else is said; loadgen's has the same length.
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

func (t *tools) ghzArm(data string, n int) *arm {
	return &arm{name: "ghz", argv: []string{
		t.ghz, "--insecure", "--call", "person.SearchService/Search", "-d", data,
		"-n", strconv.Itoa(n), "-c", strconv.Itoa(workers), "--connections", "1", t.addr,
	}}
}

func (t *tools) bareArm(rpc string, args ...string) *arm {
	return &arm{name: "bare grpc-go", argv: append([]string{t.self, "bare", "-addr", t.addr, "-rpc", rpc}, args...)}
}
