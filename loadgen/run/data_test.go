package run_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/run"
	"grpcbench/pb/person"
	"grpcbench/server/testkit"
)

// keeper is a server that keeps what it got, and how often.
type keeper struct {
	person.UnimplementedSearchServiceServer
	mu   sync.Mutex
	got  map[string]int
	keys map[string]int // of metadata
}

func (k *keeper) keep(q *person.PersonReq, key string) *person.PersonRes {
	text, _ := protojson.Marshal(q)
	k.mu.Lock()
	k.got[strings.ReplaceAll(string(text), " ", "")]++
	k.keys[key]++
	k.mu.Unlock()
	return &person.PersonRes{Name: q.GetName(), Age: q.GetAge(), Body: q.GetBody()}
}

func (k *keeper) Search(ctx context.Context, q *person.PersonReq) (*person.PersonRes, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	return k.keep(q, strings.Join(md["idempotency-key"], "+")), nil
}

// ServeHTTP is as a gateway: the whole document is the request.
func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &person.PersonReq{}
	var all json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&all); err != nil || protojson.Unmarshal(all, q) != nil {
		http.Error(w, "no person", http.StatusBadRequest)
		return
	}
	text, _ := protojson.Marshal(k.keep(q, r.Header.Get("Idempotency-Key")))
	_, _ = w.Write(text)
}

// Of each call that was made the server got just what `loadgen data` says of its number, once, over each transport; and
// so it is with what its metadata carried.
func TestEachCallCarriesItsData(t *testing.T) {
	calls := 100_000
	if testing.Short() {
		calls = 3_000
	}
	var rows strings.Builder
	rows.WriteString("x,n\n")
	for i := range calls {
		fmt.Fprintf(&rows, "\"row, %d\",%d\n", i, i%120)
	}
	file := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{"grpc", "wire", "rest"} {
		t.Run(transport, func(t *testing.T) {
			k := &keeper{got: map[string]int{}, keys: map[string]int{}}
			args := []string{
				"-rpc=Search", "-transport=" + transport, fmt.Sprint("-n=", calls), "-c=20", "-warmup=0s", "-feed=" +
					file + ",shuffle",
				`-data={"name":"${seq} ${uuid} ${row.x}","age":"${row.n}","body":{"name":"${hex(4)}"}}`,
				`-expect={"name":"${seq} ${uuid} ${row.x}","age":"${row.n}"}`,
				"-H=idempotency-key: ${seq}-${row.n}",
			}
			if transport == "rest" {
				server := httptest.NewServer(k)
				defer server.Close()
				args = append(args, "-addr="+server.Listener.Addr().String(), "-http-method=POST",
					"-reflect-addr="+serveKeeper(t, k))
			} else {
				args = append(args, "-addr="+serveKeeper(t, k))
			}
			p, work, err := run.Define(testkit.Context(t), read(t, args...), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer work.Close()
			doc, err := run.Run(testkit.Context(t), p, work, nil)
			if err != nil {
				t.Fatal(err)
			}
			if doc.Counts.OK != int64(calls) || doc.Counts.Due != int64(calls) {
				t.Fatalf("counts %+v, want %d ok", doc.Counts, calls)
			}
			sent, err := work.Steps[0].Sent(work.Steps[0].Options)
			if err != nil {
				t.Fatal(err)
			}
			for seq := range uint64(calls) {
				line, err := sent.JSON(seq, 0, 0, nil)
				if err != nil {
					t.Fatal(err)
				}
				if n := k.got[strings.ReplaceAll(string(line), " ", "")]; n != 1 {
					t.Fatalf("what call %d sends, %s, came %d times", seq, line, n)
				}
			}
			if len(k.got) != calls || len(k.keys) != calls {
				t.Errorf("%d different messages and %d different keys came, want %d of each", len(k.got), len(k.keys),
					calls)
			}
			q := &person.PersonReq{}
			if x := doc.Exemplars[0]; protojson.Unmarshal(x.Data, q) != nil || proto.Size(q) == 0 {
				t.Errorf("the exemplar %s tells %s of its data", x.RequestID, x.Data)
			}
		})
	}
}

func serveKeeper(t *testing.T, k *keeper) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.WaitForHandlers(true))
	person.RegisterSearchServiceServer(s, k)
	reflection.Register(s)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	return lis.Addr().String()
}
