package schema_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"grpcbench/loadgen/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write makes files below a new folder, from "name: text" pairs.
func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const head = "syntax = \"proto3\";\n"

// What sources of every sort come to: the method that is found, or what the error says.
func TestSources(t *testing.T) {
	for _, tt := range []struct {
		reason          string
		files           map[string]string
		protos, import_ []string // below the folder; an import PREFIX=DIR too
		method          string
		want            string   // its name
		fails           []string // what the error says
	}{
		{
			reason: "a file, by its path", protos: []string{"a.proto"}, method: "S/M", want: "S/M",
			files: map[string]string{"a.proto": head + `message Q {} service S { rpc M(Q) returns (Q); }`},
		},
		{
			reason: "imports beside it", protos: []string{"d/a.proto"}, method: "M", want: "p.S/M",
			files: map[string]string{
				"d/a.proto": head + `package p; import "b.proto"; service S { rpc M(q.Q) returns (q.Q); }`,
				"d/b.proto": head + `package q; message Q { Q of = 1; }`, // of itself
			},
		},
		{
			reason: "imports below -I", protos: []string{"protos/p/a.proto"}, import_: []string{"protos"},
			method: "p.S.M", want: "p.S/M",
			files: map[string]string{
				"protos/p/a.proto": head + `package p; import "p/b.proto"; service S { rpc M(Q) returns (Q); }`,
				"protos/p/b.proto": head + `package p; message Q {}`,
			},
		},
		{
			reason: "imports below a prefix", protos: []string{"third/a.proto"}, import_: []string{"api/v1=third"},
			method: "M", want: "S/M",
			files: map[string]string{
				"third/a.proto": head + `import "api/v1/b.proto"; service S { rpc M(Q) returns (Q); }`,
				"third/b.proto": head + `message Q {}`,
			},
		},
		{
			reason: "imports that only options need, and nobody has", protos: []string{"a.proto"}, method: "M",
			want: "S/M",
			files: map[string]string{"a.proto": head + `
				import "gogoproto/gogo.proto"; import "validate/validate.proto"; import "buf/validate/validate.proto"; import "protoc-gen-openapiv2/options/annotations.proto";
				option (gogoproto.marshaler_all) = true;
				option (grpc.gateway.protoc_gen_openapiv2.options.openapiv2_swagger) = { info: { title: "x" } };
				message Q {
					option (gogoproto.goproto_getters) = false;
					string name = 1 [(validate.rules).string.min_len = 1, (buf.validate.field).required = true, deprecated = true];
					enum E { option allow_alias = true; option (gogoproto.enum) = true; A = 0 [(gogoproto.name) = "a"]; B = 0; }
					oneof o { option (validate.required) = true; int32 x = 2; }
				}
				service S { option (x.y) = 1; rpc M(Q) returns (Q) { option (auth.rule) = { role: "admin" }; } }`},
		},
		{
			reason: "an import that a type needs", protos: []string{"a.proto"}, method: "M",
			fails: []string{"lost/b.proto", "-I"},
			files: map[string]string{"a.proto": head +
				`import "lost/b.proto"; service S { rpc M(lost.Q) returns (lost.Q); }`},
		},
		{
			reason: "types that everybody has", protos: []string{"a.proto"}, method: "M", want: "S/M",
			files: map[string]string{"a.proto": head + `
				import "google/protobuf/timestamp.proto"; import "google/protobuf/any.proto"; import "google/api/annotations.proto"; import "google/rpc/status.proto";
				message Q { google.protobuf.Timestamp at = 1; google.protobuf.Any any = 2; google.rpc.Status status = 3; }
				service S { rpc M(Q) returns (Q) { option (google.api.http) = { get: "/v1/{at}" }; } }`},
		},
		{
			reason: "public imports", protos: []string{"a.proto"}, method: "M", want: "S/M",
			files: map[string]string{
				"a.proto": head + `import "b.proto"; service S { rpc M(Q) returns (Q); }`,
				"b.proto": head + `import "lost.proto"; import public "c.proto";`,
				"c.proto": head + `message Q {}`,
			},
		},
		{
			reason: "proto2 and editions", protos: []string{"a.proto"}, method: "M", want: "S/M",
			files: map[string]string{
				"a.proto": `edition = "2023"; import "b.proto"; message R { string s = 1 [features.field_presence = IMPLICIT]; } service S { rpc M(Q) returns (R); }`,
				"b.proto": `syntax = "proto2"; message Q { required int32 x = 1; extensions 100 to 200; optional group G = 2 { optional int32 y = 1; } } extend Q { optional int32 more = 100; }`,
			},
		},
		{
			reason: "edition 2024", protos: []string{"a.proto"}, method: "M",
			fails: []string{"buf build", "protoc --include_imports", "-protoset"},
			files: map[string]string{"a.proto": `edition = "2024"; message Q {} service S { rpc M(Q) returns (Q); }`},
		},
		{
			reason: "nested enums of equal names", protos: []string{"a.proto"}, method: "M", want: "S/M",
			files: map[string]string{"a.proto": head +
				`message A { enum E { X = 0; } E e = 1; } message B { enum E { X = 0; } E e = 1; } service S { rpc M(A) returns (B); }`},
		},
		{
			reason: "a syntax error, with its line", protos: []string{"a.proto"}, method: "M",
			fails: []string{"a.proto:2:"},
			files: map[string]string{"a.proto": head + `message {}`},
		},
		{
			reason: "a cycle", protos: []string{"a.proto"}, method: "M", fails: []string{"cycle"},
			files: map[string]string{"a.proto": head + `import "b.proto";`, "b.proto": head + `import "a.proto";`},
		},
		{
			reason: "no such file", protos: []string{"nowhere.proto"}, method: "M",
			fails: []string{"-proto", "nowhere.proto"},
		},
		{
			reason: "no such folder", protos: []string{"nowhere.proto"}, import_: []string{"nowhere"}, method: "M",
			fails: []string{"-I", "nowhere"},
		},
		{
			reason: "two of one name", protos: []string{"a.proto"}, method: "M",
			fails: []string{"2 methods", "S/M", "T/M"},
			files: map[string]string{"a.proto": head +
				`message Q {} service S { rpc M(Q) returns (Q); } service T { rpc M(Q) returns (Q); }`},
		},
		{
			reason: "a misspelt name, the nearest first", protos: []string{"a.proto"}, method: "S/Serach",
			fails: []string{"did you mean S/Search, "},
			files: map[string]string{"a.proto": head +
				`message Q {} service S { rpc Put(Q) returns (Q); rpc Search(Q) returns (Q); }`},
		},
		{
			reason: "no service at all", protos: []string{"a.proto"}, method: "M", fails: []string{"no service"},
			files: map[string]string{"a.proto": head + `message Q {}`},
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			dir := write(t, tt.files)
			c := schema.Config{}
			for _, p := range tt.protos {
				c.Protos = append(c.Protos, filepath.Join(dir, p))
			}
			for _, i := range tt.import_ {
				if prefix, rest, mapped := strings.Cut(i, "="); mapped {
					c.Imports = append(c.Imports, prefix+"="+filepath.Join(dir, rest))
				} else {
					c.Imports = append(c.Imports, filepath.Join(dir, i))
				}
			}
			s, err := schema.Open(t.Context(), c)
			var md protoreflect.MethodDescriptor
			if err == nil {
				md, err = s.Method(tt.method)
			}
			judge(t, md, err, tt.want, tt.fails)
		})
	}
}

func judge(t *testing.T, md protoreflect.MethodDescriptor, err error, want string, fails []string) {
	t.Helper()
	switch {
	case len(fails) > 0 && err == nil:
		t.Errorf("it is %s, want an error", schema.Name(md))
	case len(fails) > 0:
		for _, words := range fails {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("it says %q, and nothing of %q", err, words)
			}
		}
	case err != nil:
		t.Error(err)
	case schema.Name(md) != want:
		t.Errorf("it is %s, want %s", schema.Name(md), want)
	}
}

// set is the descriptor set of grpc-go's interop service; whole says that its imports are in it.
func set(whole bool) *descriptorpb.FileDescriptorSet {
	all := &descriptorpb.FileDescriptorSet{}
	file := grpc_testing.File_grpc_testing_test_proto
	if whole {
		for i := range file.Imports().Len() {
			all.File = append(all.File, protodesc.ToFileDescriptorProto(file.Imports().Get(i).FileDescriptor))
		}
	}
	all.File = append(all.File, protodesc.ToFileDescriptorProto(file))
	return all
}

// Every spelling of a descriptor set.
func TestSets(t *testing.T) {
	binary, err := proto.Marshal(set(true))
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(binary)
	_ = z.Close()
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	lacking, err := proto.Marshal(set(false))
	if err != nil {
		t.Fatal(err)
	}
	image := strings.Replace(protojson.Format(set(true)), `"file":`, `"bufExtension": {"isImport": true}, "file":`, 1)
	for _, tt := range []struct {
		reason, name string
		data         []byte
		fails        []string
	}{
		{"binary", "a.binpb", binary, nil},
		{"binary, by any name", "a", binary, nil},
		{"gzipped", "a.binpb.gz", zipped.Bytes(), nil},
		{"in zstd", "a.binpb.zst", packer.EncodeAll(binary, nil), nil},
		{"JSON, with fields of buf's", "a.json", []byte(image), nil},
		{"text", "a.txtpb", []byte(prototext.Format(set(true))), nil},
		{
			"without its imports", "a.binpb", lacking,
			[]string{"grpc/testing/messages.proto", "--include_imports", "grpc.testing.SimpleRequest"},
		},
		{"cut short", "a.binpb.zst", packer.EncodeAll(binary, nil)[:40], []string{"unpack its zstd"}},
		{"no set", "a.binpb", []byte("nonsense"), []string{"a.binpb", "no descriptor set", "protoc --include_imports"}},
		{"nothing", "a.binpb", nil, []string{"no descriptor set"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			dir := write(t, map[string]string{tt.name: string(tt.data)})
			s, err := schema.Open(t.Context(), schema.Config{Sets: []string{filepath.Join(dir, tt.name)}})
			var md protoreflect.MethodDescriptor
			if err == nil {
				md, err = s.Method("TestService/UnaryCall")
			}
			judge(t, md, err, "grpc.testing.TestService/UnaryCall", tt.fails)
		})
	}
	s, err := schema.Open(t.Context(),
		schema.Config{Sets: []string{filepath.Join(write(t, map[string]string{"a": string(lacking)}), "a")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Method("EmptyCall"); err == nil || !strings.Contains(err.Error(), "grpc.testing.Empty") {
		t.Errorf("a method whose types are lacking: %v", err)
	}
}

// server serves the interop service, and what register adds.
func server(t *testing.T, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(s, interop.NewTestServer())
	register(s)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(lis) })
	cc, err := grpc.NewClient(lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close(); s.Stop(); serving.Wait() })
	return cc
}

// Reflection of either version, and a server with none.
func TestReflection(t *testing.T) {
	for _, tt := range []struct {
		reason   string
		register func(*grpc.Server)
		fails    []string
	}{
		{"both versions", func(s *grpc.Server) { reflection.Register(s) }, nil},
		{"v1 only", func(s *grpc.Server) { reflection.RegisterV1(s) }, nil},
		{"v1alpha only", registerAlpha, nil},
		{"none", func(*grpc.Server) {}, []string{"no reflection", "-proto"}},
	} {
		for _, name := range []string{"grpc.testing.TestService/UnaryCall", "UnaryCall"} {
			s, err := schema.Open(t.Context(), schema.Config{Server: server(t, tt.register)})
			if err != nil {
				t.Fatal(err)
			}
			md, err := s.Method(name)
			judge(t, md, err, "grpc.testing.TestService/UnaryCall", tt.fails)
			s.Close()
		}
	}
}

// A server of 500 services tells of one without being asked for all.
func TestManyServices(t *testing.T) {
	cc := server(t, func(s *grpc.Server) {
		for i := range 500 {
			s.RegisterService(&grpc.ServiceDesc{
				ServiceName: fmt.Sprintf("many.Service%d", i),
				HandlerType: (*any)(nil),
			}, nil)
		}
		reflection.Register(s)
	})
	s, err := schema.Open(t.Context(), schema.Config{Server: cc})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	began := time.Now()
	if _, err := s.Method("grpc.testing.TestService/UnaryCall"); err != nil {
		t.Fatal(err)
	}
	// 200 ms is for a machine that is quiet, without the race detector
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	names, err := s.Services()
	if err != nil || len(names) < 500 {
		t.Errorf("%d services, %v", len(names), err)
	}
}

// Files come first, and the server is asked for what they lack.
func TestSourcesAddUp(t *testing.T) {
	dir := write(t, map[string]string{"a.proto": head +
		`package mine; message Q { string s = 1; } service S { rpc M(Q) returns (Q); }`})
	s, err := schema.Open(t.Context(),
		schema.Config{
			Protos: []string{filepath.Join(dir, "a.proto")},
			Server: server(t, func(s *grpc.Server) { reflection.Register(s) }),
		})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"mine.S/M", "TestService/UnaryCall"} {
		if _, err := s.Method(name); err != nil {
			t.Error(err)
		}
	}
	for name, there := range map[protoreflect.FullName]bool{
		"mine.Q": true, "grpc.testing.Payload": true,
		"google.rpc.BadRequest": true, "person.PersonReq": false,
	} {
		_, err := s.Types().FindMessageByName(name)
		if (err == nil) != there {
			t.Errorf("%s: %v, want it there: %v", name, err, there)
		}
	}
}

// Two hundred files are read in a second.
func TestManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range 200 {
		text := head + fmt.Sprintf("package p%d;\n", i)
		if i > 0 {
			text += fmt.Sprintf("import \"f%d.proto\";\nmessage Q { p%d.Q before = 1; string name = 2; repeated "+
				"int64 more = 3; }\n", i-1, i-1)
		} else {
			text += "message Q {}\n"
		}
		files[fmt.Sprintf("f%d.proto", i)] = text + fmt.Sprintf("service S%d { rpc M(Q) returns (Q); }\n", i)
	}
	dir := write(t, files)
	began := time.Now()
	s, err := schema.Open(t.Context(), schema.Config{Protos: []string{filepath.Join(dir, "f199.proto")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Method("S199/M"); err != nil {
		t.Error(err)
	}
	// a second is for a machine that is quiet, without the race detector
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// An answer that is not found is told apart from a server that cannot be asked.
func TestNotFound(t *testing.T) {
	s, err := schema.Open(t.Context(),
		schema.Config{Server: server(t, func(s *grpc.Server) { reflection.Register(s) })})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Method("no.such.Service/M"); !errors.Is(err, schema.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone, err := schema.Open(ctx, schema.Config{Server: server(t, func(s *grpc.Server) { reflection.Register(s) })})
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	if _, err := gone.Method("grpc.testing.TestService/UnaryCall"); err == nil || errors.Is(err, schema.ErrNotFound) {
		t.Errorf("%v, want another error than ErrNotFound", err)
	}
}
