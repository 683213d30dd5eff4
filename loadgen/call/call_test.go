package call_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/call"
	"grpcbench/loadgen/plan"
)

func TestCalls(t *testing.T) {
	addr := serve(t, "-search-out-count=3")
	for _, tt := range []struct {
		reason string
		args   []string
		stdin  string
		want   string
	}{
		{
			"unary",
			[]string{"-rpc=GetUser", `-data={"email":"jane@doe.com","id":"7"}`},
			"",
			`{"user":{"id":"7","firstName":"jane","lastName":"doe.com","age":36}}` + "\n",
		},
		{
			"unary, by its full name",
			[]string{"-rpc=Users/GetUser", `-data={"email":"jane@doe.com"}`},
			"",
			`{"user":{"id":"","firstName":"jane","lastName":"doe.com","age":36}}` + "\n",
		},
		{
			"no data is the empty message",
			[]string{"-rpc=Search"},
			"not read",
			`{"name":"我收到了的信息","age":0,"body":null}` + "\n",
		},
		{
			"field names as in the .proto",
			[]string{"-rpc=GetHelp", `-data={"user":{"first_name":"jane"},"request":"x"}`},
			"", `{"response":"x"}` +
				"\n",
		},
		{
			"a client's stream from lines",
			[]string{"-rpc=SearchIn"},
			"{\"name\":\"a\"}\n\n  {\"name\":\"b\"}\n{}\n",
			`{"name":"success","age":3,"body":null}` + "\n",
		},
		{
			"a client's stream without its last line break",
			[]string{"-rpc=SearchIn"},
			"{}\n{}",
			`{"name":"success","age":2,"body":null}` + "\n",
		},
		{"a client's stream of nothing", []string{"-rpc=SearchIn"}, "", `{"name":"success","age":0,"body":null}` +
			"\n"},
		{
			"a client's stream from -data does not read stdin",
			[]string{"-rpc=SearchIn", "-data={}"},
			"{}\n{}\n",
			`{"name":"success","age":1,"body":null}` + "\n",
		},
		{
			"bytes are base64",
			[]string{"-rpc=CreateRepo"},
			`{"context":{"creatorId":"ann","name":"x"}}` + "\n" + `{"data":"AAECAw=="}` + "\n",
			`{"repo":{"id":"1","name":"x","url":"https://git.example.com/ann/x"},"size":4}` + "\n",
		},
		{
			"a server's stream",
			[]string{"-rpc=SearchOut", `-data={"name":"x"}`},
			"",
			strings.Repeat(`{"name":"I got itx","age":0,"body":null}`+"\n", 3),
		},
		{
			"quit ends a chat, whatever follows",
			[]string{"-rpc=GetHelp"},
			"{\"request\":\"one\"}\n{\"request\":\"two\"}\nquit\n{\"request\":\"three\"}\n", `{"response":"one"}` +
				"\n" + `{"response":"two"}` + "\n",
		},
		{
			"the end of stdin ends it too",
			[]string{"-rpc=SearchIO"},
			`{"name":"x"}`,
			`{"name":"I got itx","age":0,"body":null}` + "\n",
		},
		{"health", []string{"-rpc=Check", `-data={"service":"Users"}`}, "", `{"status":"SERVING"}` + "\n"},
	} {
		got, err := run(t, tt.stdin, append(tt.args, "-addr="+addr)...)
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

// A chat's answer is there before its next line is typed.
func TestChat(t *testing.T) {
	addr := serve(t)
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- call.Run(t.Context(), read(t, "-rpc=GetHelp", "-addr="+addr), in, out, t.Output())
		out.Close()
	}()
	answers := bufio.NewReader(stdout)
	for _, word := range []string{"one", "two", "three"} {
		fmt.Fprintf(stdin, "{\"request\":%q}\n", word)
		line, err := answers.ReadString('\n')
		if want := fmt.Sprintf("{\"response\":%q}\n", word); err != nil || line != want {
			t.Errorf("answer %q, %v, want %q", line, err, want)
		}
	}
	fmt.Fprintln(stdin, "quit") // and stdin stays open, as a terminal does
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("quit does not end the chat")
	}
	stdin.Close()
	stdout.Close()
}

// Watch goes on until ^C, which is no failure.
func TestWatchUntilInterrupt(t *testing.T) {
	addr := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	stdout, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- call.Run(ctx, read(t, "-rpc=Watch", "-addr="+addr), strings.NewReader(""), out, t.Output())
		out.Close()
	}()
	answers := bufio.NewReader(stdout)
	if line, err := answers.ReadString('\n'); err != nil || line != `{"status":"SERVING"}`+"\n" {
		t.Errorf("Watch answers %q, %v", line, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v, want nil after the person's own ^C", err)
	}
	if rest, _ := io.ReadAll(answers); len(rest) > 0 {
		t.Errorf("it goes on with %q", rest)
	}
}

func TestFailingCalls(t *testing.T) {
	addr := serve(t, "-allow-inject")
	for _, tt := range []struct {
		reason string
		args   []string
		stdin  string
		want   string
	}{
		{
			"a status of a unary call",
			[]string{"-rpc=GetUser", "-data={}"},
			"",
			"GetUser: INVALID_ARGUMENT: invalid email",
		},
		{
			"a status of a client's stream",
			[]string{"-rpc=CreateRepo"},
			`{"data":"AAAA"}` + "\n",
			"CreateRepo: INVALID_ARGUMENT: data before context",
		},
		{
			"a status of a server's stream",
			[]string{"-rpc=SearchOut", "-H=x-inject: error=1:ABORTED"},
			"",
			"SearchOut: ABORTED: injected error",
		},
		{
			"a status of a chat",
			[]string{"-rpc=GetHelp", "-H=x-inject: error=1:UNAVAILABLE"},
			"{}\n",
			"GetHelp: UNAVAILABLE: injected error",
		},
		{
			"a deadline",
			[]string{"-rpc=Search", "-timeout=50ms", "-H=x-inject: delay=10s"},
			"",
			"Search: DEADLINE_EXCEEDED: ",
		},
	} {
		stdout, err := run(t, tt.stdin, append(tt.args, "-addr="+addr)...)
		var usage *plan.UsageError
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || errors.As(err, &usage) {
			t.Errorf("%s: %v, want %s", tt.reason, err, tt.want)
		}
		if stdout != "" {
			t.Errorf("%s: it prints %q", tt.reason, stdout)
		}
	}
}

// Bad input is the caller's: it is told with its place and its field, and -data before anything is started.
func TestBadInput(t *testing.T) {
	addr := serve(t)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lis.Close()
	nowhere := lis.Addr().String()
	for _, tt := range []struct {
		reason, addr, rpc, data, stdin string
		names                          []string
		stdout                         string
	}{
		{
			reason: "no JSON", addr: nowhere, rpc: "GetUser", data: `{"email":`,
			names: []string{"-data", "UserGetRequest"},
		},
		{
			reason: "an unknown field", addr: nowhere, rpc: "GetUser", data: `{"emial":"jane@doe.com"}`,
			names: []string{"-data", "$.emial"},
		},
		{
			reason: "an unknown field within", addr: nowhere, rpc: "Search", data: `{"body":{"nmae":"x"}}`,
			names: []string{"$.body.nmae"},
		},
		{
			reason: "a value of another type", addr: nowhere, rpc: "Search", data: `{"age":"old"}`,
			names: []string{"-data", "age"},
		},
		{reason: "an array", addr: nowhere, rpc: "Search", data: `[]`, names: []string{"-data"}},
		{reason: "the first line", addr: addr, rpc: "SearchIn", stdin: "nonsense\n", names: []string{"stdin line 1"}},
		{
			reason: "a later line", addr: addr, rpc: "GetHelp",
			stdin: "{\"request\":\"one\"}\n\n{\"reqeust\":\"two\"}\n", names: []string{"stdin line 3", "$.reqeust"},
			stdout: "maybe",
		},
	} {
		args := []string{"-rpc=" + tt.rpc, "-addr=" + tt.addr}
		if tt.data != "" {
			args = append(args, "-data="+tt.data)
		}
		stdout, err := run(t, tt.stdin, args...)
		if _, ok := errors.AsType[*plan.UsageError](err); !ok {
			t.Errorf("%s: %v, want a usage error", tt.reason, err)
			continue
		}
		for _, name := range tt.names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %q does not name %s", tt.reason, err, name)
			}
		}
		if stdout != "" && tt.stdout == "" {
			t.Errorf("%s: it prints %q", tt.reason, stdout)
		}
	}
}

func TestUnreachable(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lis.Close()
	began := time.Now()
	_, err = run(t, "", "-rpc=Search", "-addr="+lis.Addr().String())
	if err == nil || !strings.Contains(err.Error(), lis.Addr().String()) ||
		!strings.Contains(err.Error(), "refused") || time.Since(began) > time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// An answer that cannot be written is not swallowed.
func TestUnwritableOutput(t *testing.T) {
	addr := serve(t)
	_, closed := io.Pipe()
	closed.Close()
	err := call.Run(t.Context(), read(t, "-rpc=SearchOut", "-addr="+addr), strings.NewReader(""), closed, t.Output())
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Run: %v, want the output's error", err)
	}
}

// Without -addr the call has a target of its own, which ends with it.
func TestEmbeddedTarget(t *testing.T) {
	before := children(t)
	stdout, err := run(t, "", "-rpc=Search", `-data={"name":"x"}`)
	if err != nil || stdout != `{"name":"我收到了x的信息","age":0,"body":null}`+"\n" {
		t.Errorf("it prints %q, %v", stdout, err)
	}
	if after := children(t); len(after) > len(before) {
		t.Errorf("children before %q, after %q", before, after)
	}
	if _, err := run(t, "", "-rpc=Search", "-target=-nosuch"); err == nil || !strings.Contains(err.Error(), "-nosuch") {
		t.Errorf("a bad target flag: %v", err)
	}
}

// children are the process ids of this process's children, where the system tells.
func children(t *testing.T) (pids []string) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children") // a child is its thread's
	if err != nil || len(lists) == 0 {
		t.Logf("the system does not tell this process's children: %v", err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread may be gone
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}
