package service_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"grpcbench/pb/repo"
	"grpcbench/server/service"
	"grpcbench/server/testkit"
)

func about(creator, name string) *repo.RepoCreateRequest {
	return &repo.RepoCreateRequest{Body: &repo.RepoCreateRequest_Context{Context: &repo.RepoContext{
		CreatorId: creator,
		Name:      name,
	}}}
}

func data(size int) *repo.RepoCreateRequest {
	return &repo.RepoCreateRequest{Body: &repo.RepoCreateRequest_Data{Data: bytes.Repeat([]byte{'x'}, size)}}
}

func create(t *testing.T, conn *grpc.ClientConn, messages ...*repo.RepoCreateRequest) (*repo.RepoCreateReply, error) {
	t.Helper()
	stream, err := repo.NewRepoClient(conn).CreateRepo(testkit.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	sendAll(t, stream, messages)
	return stream.CloseAndRecv()
}

func TestCreateRepo(t *testing.T) {
	conn := serve(t, handlers{repo: &service.Repo{MaxUpload: 1000}})
	for _, tt := range []struct {
		reason   string
		messages []*repo.RepoCreateRequest
		name     string
		url      string
		size     int32
	}{
		{
			"the data is counted",
			[]*repo.RepoCreateRequest{about("jane", "calc"), data(300), data(1)},
			"calc",
			"https://git.example.com/jane/calc", 301,
		},
		{
			"a repository may be empty",
			[]*repo.RepoCreateRequest{about("jane", "calc")},
			"calc",
			"https://git.example.com/jane/calc", 0,
		},
		{
			"an empty chunk is a chunk",
			[]*repo.RepoCreateRequest{about("jane", "calc"), data(0), data(2)},
			"calc",
			"https://git.example.com/jane/calc", 2,
		},
		{
			"exactly the limit is within it",
			[]*repo.RepoCreateRequest{about("jane", "calc"), data(999), data(1)},
			"calc", "https://git.example.com/jane/calc", 1000,
		},
		{
			"a slash or a space of a name is no path",
			[]*repo.RepoCreateRequest{about("j/d", "a b")},
			"a b",
			"https://git.example.com/j%2Fd/a%20b", 0,
		},
		{
			"a name of dots names a repository, not its parent",
			[]*repo.RepoCreateRequest{about("jane", "..")},
			"..",
			"https://git.example.com/jane/..", 0,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := create(t, conn, tt.messages...)
			if err != nil {
				t.Fatal(err)
			}
			if got.GetRepo().GetId() == "" {
				t.Error("the id is empty")
			}
			want := &repo.RepoCreateReply{Repo: &repo.Repository{
				Id: got.GetRepo().GetId(), Name: tt.name,
				Url: tt.url,
			}, Size: tt.size}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreateRepoNamesEachOnce(t *testing.T) {
	conn := serve(t, handlers{})
	seen := map[string]bool{}
	for range 3 {
		got, err := create(t, conn, about("jane", "calc"))
		if err != nil {
			t.Fatal(err)
		}
		id := got.GetRepo().GetId()
		if seen[id] {
			t.Errorf("id %q given twice", id)
		}
		seen[id] = true
	}
}

func TestCreateRepoRefuses(t *testing.T) {
	conn := serve(t, handlers{repo: &service.Repo{MaxUpload: 1000}})
	empty := &repo.RepoCreateRequest{}
	for _, tt := range []struct {
		reason   string
		messages []*repo.RepoCreateRequest
		code     codes.Code
		says     string
	}{
		{"the context never came", nil, codes.InvalidArgument, "no context"},
		{"the first message has no body", []*repo.RepoCreateRequest{empty}, codes.InvalidArgument, "without a body"},
		{
			"a later message has no body",
			[]*repo.RepoCreateRequest{about("jane", "calc"), data(1), empty},
			codes.InvalidArgument, "without a body",
		},
		{
			"data comes first",
			[]*repo.RepoCreateRequest{data(1), about("jane", "calc")},
			codes.InvalidArgument,
			"data before context",
		},
		{"data only", []*repo.RepoCreateRequest{data(1)}, codes.InvalidArgument, "data before context"},
		{
			"the context comes twice",
			[]*repo.RepoCreateRequest{about("jane", "calc"), about("jane", "calc")},
			codes.InvalidArgument, "second context",
		},
		{
			"an empty context is one too",
			[]*repo.RepoCreateRequest{about("", ""), about("jane", "calc")},
			codes.InvalidArgument, "second context",
		},
		{
			"one byte too much",
			[]*repo.RepoCreateRequest{about("jane", "calc"), data(1000), data(1)},
			codes.ResourceExhausted, "larger than 1000 bytes",
		},
		{
			"one chunk too large",
			[]*repo.RepoCreateRequest{about("jane", "calc"), data(4000)},
			codes.ResourceExhausted,
			"larger than 1000 bytes",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := create(t, conn, tt.messages...)
			if s := status.Convert(err); s.Code() != tt.code || !strings.Contains(s.Message(), tt.says) {
				t.Errorf("got %v, %v, want %v that says %q", got, err, tt.code, tt.says)
			}
		})
	}
}

// An upload that is kept, or appended to a buffer, shows in the live heap.
func TestCreateRepoKeepsNoData(t *testing.T) {
	const chunk, chunks, bound = 1 << 20, 256, 32 << 20
	conn := serve(t, handlers{repo: &service.Repo{MaxUpload: 512 << 20}})
	stream, err := repo.NewRepoClient(conn).CreateRepo(testkit.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(about("jane", "calc")); err != nil {
		t.Fatal(err)
	}
	before, part := liveHeap(), data(chunk)
	for range chunks {
		if err := stream.Send(part); err != nil {
			t.Fatal(err)
		}
	}
	// The stream is still open: all that the handler keeps is alive now.
	if grown := liveHeap() - before; grown > bound {
		t.Errorf("an upload of %d MiB keeps %d MiB alive, want at most %d MiB", chunk*chunks>>20, grown>>20, bound>>20)
	}
	got, err := stream.CloseAndRecv()
	if err != nil || got.GetSize() != chunk*chunks {
		t.Errorf("got %v, %v, want size %d", got, err, chunk*chunks)
	}
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what pools hold lives for two collections
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
