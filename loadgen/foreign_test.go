//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// serveForeign runs grpc-go's interop service, which none of us wrote.
func serveForeign(t *testing.T, register func(*grpc.Server), opts ...grpc.ServerOption) (addr string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(opts...)
	grpc_testing.RegisterTestServiceServer(s, interop.NewTestServer())
	if register != nil {
		register(s)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	return lis.Addr().String()
}

// Each of the service's methods, by reflection alone: what it is called by, what it is sent, and what comes of it.
func TestForeignService(t *testing.T) {
	addr := serveForeign(t, func(s *grpc.Server) { reflection.Register(s) })
	for _, tt := range []struct {
		rpc, data      string
		args           []string
		sent, received int64 // messages a call; 0 is as many as there are
		code           string
	}{
		{"grpc.testing.TestService/EmptyCall", ``, nil, 1, 1, ""},
		{"grpc.testing.TestService.UnaryCall", `{"responseSize":100,"payload":{"body":"AAAA"}}`, nil, 1, 1, ""},
		{
			"TestService/StreamingOutputCall", `{"responseParameters":[{"size":10},{"size":20},{"size":30}]}`, nil, 1,
			3,
			"",
		},
		{
			"StreamingOutputCall", `{"responseParameters":[{"size":10},{"size":20,"intervalUs":50000}]}`,
			[]string{"-receive=1"},
			1, 1, "",
		},
		{"StreamingInputCall", `[{"payload":{"body":"AAAA"}},{"payload":{"body":"BBBB"}}]`, nil, 2, 1, ""},
		{"StreamingInputCall", `{"payload":{"body":"AAAA"}}`, []string{"-messages=7"}, 7, 1, ""},
		{"FullDuplexCall", `{"responseParameters":[{"size":10},{"size":20}]}`, []string{"-messages=3"}, 3, 6, ""},
		{
			"FullDuplexCall", `{"responseParameters":[{"size":10}]}`,
			[]string{"-messages=3", "-stream=lockstep"},
			3, 3,
			"",
		},
		{
			"FullDuplexCall", `{"responseParameters":[{"size":10}]}`,
			[]string{"-messages=3", "-interval=5ms", "-stream=free"},
			3, 3, "",
		},
		{
			"FullDuplexCall", `{"responseParameters":[{"size":10},{"size":5}]}`,
			[]string{"-messages=3", "-receive=4"},
			0,
			4, "",
		},
		{
			"FullDuplexCall", `{"responseParameters":[{"size":10}]}`,
			[]string{"-messages=2", "-receive-for=40ms"},
			2, 2,
			"",
		},
		{"HalfDuplexCall", `{"responseParameters":[{"size":10}]}`, []string{"-messages=4", "-stream=half"}, 4, 4, ""},
		{"UnimplementedCall", ``, nil, 1, 0, "UNIMPLEMENTED"},
	} {
		for _, transport := range []string{"grpc", "wire"} {
			t.Run(fmt.Sprintf("%s %s %s", tt.rpc, transport, strings.Join(tt.args, " ")), func(t *testing.T) {
				t.Parallel()
				const calls = 30
				p := loadgen(t, append(slices.Clone(tt.args), "-addr="+addr, "-rpc="+tt.rpc, "-data="+tt.data,
					"-transport="+transport, "-c=3", "-n=30", "-warmup=0s")...)
				exit := p.ends(t)
				d := p.wantResult(t)
				c := d.Counts
				if tt.code != "" {
					if exit != exitFailed || d.Codes[tt.code] != calls {
						t.Errorf("exit %d, codes %v, want %d %s", exit, d.Codes, calls, tt.code)
					}
					return
				}
				if exit != exitOK || c.OK != calls || c.Failed != 0 || c.Unfinished != 0 {
					t.Errorf("exit %d, counts %+v, codes %v", exit, c, d.Codes)
				}
				if tt.sent > 0 && c.MessagesSent != tt.sent*calls || c.MessagesReceived != tt.received*calls {
					t.Errorf("%d messages sent, %d received by %d calls, want %d and %d each", c.MessagesSent,
						c.MessagesReceived, calls, tt.sent, tt.received)
				}
				if d.Method == "" || d.Kind == "" || d.Plan.Messages < 1 {
					t.Errorf("the result says of the method %q, %q, %d messages", d.Method, d.Kind, d.Plan.Messages)
				}
			})
		}
	}
}

// What is wrong with a command line for a foreign service is told before any load, by the flag, with exit code 2.
func TestForeignRefuses(t *testing.T) {
	addr := serveForeign(t, func(s *grpc.Server) { reflection.Register(s) })
	mute := serveForeign(t, nil)
	guarded := serveForeign(t, func(s *grpc.Server) { reflection.Register(s) },
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo,
			handle grpc.StreamHandler,
		) error {
			if md, _ := metadata.FromIncomingContext(s.Context()); len(md["authorization"]) == 0 {
				return status.Error(codes.Unauthenticated, "who are you?")
			}
			return handle(srv, s)
		}))
	broken := serveForeign(t, func(s *grpc.Server) { reflection.Register(s) },
		grpc.StreamInterceptor(func(any, grpc.ServerStream, *grpc.StreamServerInfo, grpc.StreamHandler) error {
			return status.Error(codes.Unavailable, "out of order")
		}))
	for _, tt := range []struct {
		reason string
		args   []string
		exit   int
		says   []string
	}{
		{
			"an unknown method, with the nearest",
			[]string{"-addr=" + addr, "-rpc=TestService/UnaryCal"},
			exitUsage,
			[]string{"UnaryCal", "did you mean grpc.testing.TestService/UnaryCall"},
		},
		{
			"a field that is not there",
			[]string{"-addr=" + addr, "-rpc=UnaryCall", `-data={"payload":{"bdoy":"AAAA"}}`},
			exitUsage,
			[]string{"$.payload.bdoy", "grpc.testing.Payload", "type, body"},
		},
		{
			"no number",
			[]string{"-addr=" + addr, "-rpc=UnaryCall", `-data={"responseSize":"ten"}`},
			exitUsage,
			[]string{"$.responseSize", "a number"},
		},
		{
			"no JSON",
			[]string{"-addr=" + addr, "-rpc=UnaryCall", `-data={"responseSize":`},
			exitUsage,
			[]string{"-data", "JSON"},
		},
		{
			"two messages for one",
			[]string{"-addr=" + addr, "-rpc=UnaryCall", `-data={} {}`},
			exitUsage,
			[]string{"one message a call"},
		},
		{
			"flags of streams, all at once",
			[]string{"-addr=" + addr, "-rpc=UnaryCall", "-messages=3", "-interval=1ms", "-stream=free", "-receive=2"},
			exitUsage,
			[]string{"-messages 3", "-interval 1ms", "-stream free", "-receive"},
		},
		{
			"a file that is not there",
			[]string{"-addr=" + addr, "-rpc=UnaryCall", "-data=@nowhere.json"},
			exitUsage,
			[]string{"-data", "nowhere.json"},
		},
		{
			"a server without reflection",
			[]string{"-addr=" + mute, "-rpc=UnaryCall"},
			exitUsage,
			[]string{"no reflection", "-proto", "-protoset"},
		},
		{
			"reflection that wants to know who asks",
			[]string{"-addr=" + guarded, "-rpc=UnaryCall"},
			exitUsage,
			[]string{"-H", "who are you?"},
		},
		{
			"it is told",
			[]string{"-addr=" + guarded, "-rpc=UnaryCall", "-H=authorization: me", "-n=5", "-warmup=0s"},
			exitOK, nil,
		},
		{
			"reflection that fails, which is no fault of the command line",
			[]string{"-addr=" + broken, "-rpc=UnaryCall"},
			exitFailed,
			[]string{"ask the server by reflection", "out of order", "-proto"},
		},
		{"reflection elsewhere", []string{
			"-addr=" + mute, "-reflect-addr=" + addr, "-rpc=UnaryCall", "-n=5",
			"-warmup=0s",
		}, exitOK, nil},
	} {
		p := loadgen(t, append(tt.args, "-c=1")...)
		if exit := p.ends(t); exit != tt.exit {
			t.Errorf("%s: exit %d, want %d", tt.reason, exit, tt.exit)
		}
		for _, words := range tt.says {
			if !strings.Contains(p.stderr.String(), words) {
				t.Errorf("%s: it says %q, and nothing of %q", tt.reason, p.stderr.String(), words)
			}
		}
	}
}

// A descriptor set does without reflection, also one of buf's or of another spelling.
func TestForeignByDescriptorSet(t *testing.T) {
	addr := serveForeign(t, nil)
	set := &descriptorpb.FileDescriptorSet{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	add(grpc_testing.File_grpc_testing_test_proto)
	data, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "set.binpb")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	p := loadgen(t, "-addr="+addr, "-protoset="+file, "-rpc=UnaryCall", `-data={"responseSize":10}`, "-transport=wire",
		"-c=2", "-n=20", "-warmup=0s")
	if exit := p.ends(t); exit != exitOK {
		t.Errorf("exit %d", exit)
	}
	if c := p.wantResult(t).Counts; c.OK != 20 {
		t.Errorf("counts %+v", c)
	}
}

// list, describe and call, on a server by reflection only.
func TestForeignByHand(t *testing.T) {
	addr := serveForeign(t, func(s *grpc.Server) { reflection.Register(s) })
	for _, tt := range []struct {
		args []string
		exit int
		says []string
	}{
		{[]string{"list"}, 0, []string{"grpc.testing.TestService/UnaryCall (grpc.testing.SimpleRequest) returns " +
			"(grpc.testing.SimpleResponse)", "FullDuplexCall (stream "}},
		{
			[]string{"describe", "TestService/UnaryCall"},
			0,
			[]string{"message SimpleRequest {", `"responseSize": 0`, "-rpc grpc.testing.TestService/UnaryCall"},
		},
		{[]string{"describe", "grpc.testing.Payload"}, 0, []string{"bytes body = 2", `"body": ""`}},
		{[]string{"describe", "grpc.testing.Paylaod"}, exitUsage, []string{"Paylaod"}},
		{[]string{"call", "-rpc=UnaryCall", `-data={"responseSize":3}`}, 0, []string{`"body":"AAAA"`}},
		{
			[]string{"call", "-rpc=StreamingOutputCall", `-data={"responseParameters":[{"size":1},{"size":1}]}`},
			0,
			[]string{`"body":"AA=="`},
		},
		{
			[]string{"call", "-rpc=UnaryCall", `-data={"responseStatus":{"code":7,"message":"not you"}}`},
			exitFailed,
			[]string{"UnaryCall: PERMISSION_DENIED: not you"},
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := exec.CommandContext(ctx, "loadgen", append(tt.args, "-addr="+addr)...)
		out, _ := cmd.CombinedOutput()
		cancel()
		if exit := cmd.ProcessState.ExitCode(); exit != tt.exit {
			t.Errorf("%q: exit %d, want %d:\n%s", tt.args, exit, tt.exit, out)
		}
		for _, words := range tt.says {
			if !strings.Contains(string(out), words) {
				t.Errorf("%q says nothing of %q:\n%s", tt.args, words, out)
			}
		}
	}
}

// etcd, by the .proto files that come with its Go module: it has no reflection, and its files import what nobody has.
func TestEtcd(t *testing.T) {
	protos, client := etcd(t)
	files := []string{
		"-addr=" + client, "-proto=" + filepath.Join(protos, "etcdserverpb", "rpc.proto"),
		"-I=etcd/api=" + protos,
	}
	run := func(args ...string) {
		t.Helper()
		p := loadgen(t, append(slices.Clone(files), append(args, "-c=5", "-warmup=0s")...)...)
		if exit := p.ends(t); exit != exitOK {
			t.Errorf("%q: exit %d", args, exit)
		}
		if c := p.wantResult(t).Counts; c.OK == 0 || c.Failed != 0 || c.Unfinished != 0 {
			t.Errorf("%q: counts %+v", args, c)
		}
	}
	byHand := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "loadgen",
			append(append([]string{"call"}, files...), args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("call %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	byHand("-rpc=LeaseGrant", `-data={"TTL":"600","ID":"77"}`)
	for _, transport := range []string{"-transport=grpc", "-transport=wire"} {
		run(transport, "-rpc=KV/Put", `-data={"key":"Zm9v","value":"YmFy"}`, "-d=300ms")
		run(transport, "-rpc=etcdserverpb.KV/Range", `-data={"key":"Zm9v"}`, "-n=50")
		run(transport, "-rpc=LeaseKeepAlive", `-data={"ID":"77"}`, "-stream=lockstep", "-messages=5", "-n=20")
		// A watch of what is written already: it begins at the first revision.
		run(transport, "-rpc=Watch/Watch", `-data={"createRequest":{"key":"Zm9v","startRevision":"1"}}`, "-receive=2",
			"-n=20")
	}
	if out := byHand("-rpc=KV/Range", `-data={"key":"Zm9v"}`); !strings.Contains(out, `"value":"YmFy"`) {
		t.Errorf("etcd has %s", out)
	}
}

// etcd starts one and returns its .proto files and its address.
func etcd(t *testing.T) (protos, client string) {
	t.Helper()
	path, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("skipped: etcd is not installed (apt-get install etcd-server)")
	}
	dir := t.TempDir()
	download := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "go.etcd.io/etcd/api/v3@v3.7.3")
	download.Dir = dir
	out, err := download.Output()
	var module struct{ Dir string }
	if err != nil || json.Unmarshal(out, &module) != nil || module.Dir == "" {
		t.Skipf("skipped: etcd's .proto files cannot be had (go mod download go.etcd.io/etcd/api/v3: %v)", err)
	}
	ports := make([]string, 2)
	for i := range ports {
		if ports[i], err = refusedAddr(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), path, "--data-dir", filepath.Join(dir, "data"), "--listen-client-urls",
		"http://"+ports[0],
		"--advertise-client-urls", "http://"+ports[0], "--listen-peer-urls", "http://"+ports[1])
	cmd.Env = append(os.Environ(), "ETCD_UNSUPPORTED_ARCH=arm64") // it wants to be asked there
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if nc, err := net.Dial("tcp", ports[0]); err == nil {
			nc.Close()
			return module.Dir, ports[0]
		}
		if time.Now().After(late) {
			t.Fatal("etcd does not come up")
		}
	}
}
