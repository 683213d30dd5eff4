//go:build unix

package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// keeper is a server that keeps what each call sent, by its number.
type keeper struct {
	mu     sync.Mutex
	calls  map[string]string
	twice  int
	ids    map[string]bool
	delays time.Duration
	// stall, where set, holds all calls for a second, so long after the first.
	stall time.Duration
	began time.Time
}

func newKeeper() *keeper { return &keeper{calls: map[string]string{}, ids: map[string]bool{}} }

func (k *keeper) serve(t *testing.T) (addr string) {
	t.Helper()
	return serveForeign(t, func(s *grpc.Server) { reflection.Register(s) },
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any,
			error,
		) {
			md, _ := metadata.FromIncomingContext(ctx)
			message, _ := req.(proto.Message)
			body, _ := proto.MarshalOptions{Deterministic: true}.Marshal(message)
			k.mu.Lock()
			seq, id := strings.Join(md.Get("x-seq"), ","), strings.Join(md.Get("request-id"), ",")
			if k.ids[id] {
				k.twice++
			}
			k.ids[id] = true
			if k.began.IsZero() {
				k.began = time.Now()
			}
			held := k.began.Add(k.stall + time.Second)
			k.calls[seq] = fmt.Sprintf("%x %s", body, strings.Join(md.Get("x-uuid"), ","))
			k.mu.Unlock()
			if now := time.Now(); k.stall > 0 && now.Before(held) && now.After(held.Add(-time.Second)) {
				time.Sleep(time.Until(held))
			}
			time.Sleep(k.delays)
			return next(ctx, req)
		}))
}

// freeAddr is one that nobody listens at.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// shardsOf starts so many processes of a run; the first is shard 0.
func shardsOf(t *testing.T, count int, meet []string, args ...string) (all []*process) {
	t.Helper()
	return shardsBy(t, nil, count, meet, args...)
}

// shardsBy starts so many processes of a subcommand.
func shardsBy(t *testing.T, subcommand []string, count int, meet []string, args ...string) (all []*process) {
	t.Helper()
	for i := range count {
		line := append(slices.Clone(subcommand), fmt.Sprintf("-shard=%d/%d", i, count),
			"-run="+strings.ReplaceAll(t.Name(), "/", "-"))
		line = append(line, meet...)
		all = append(all, loadgen(t, append(line, args...)...))
	}
	return all
}

var secret = "-meet-token=a secret of this test"

// calls are what the shards' tests send.
func keptCalls(addr string) []string {
	return []string{
		"-rpc=grpc.testing.TestService/UnaryCall", "-addr=" + addr,
		`-data={"responseSize":"${int(1,50)}","payload":{"body":"${bytes(8)}"}}`,
		"-H=x-seq: ${seq}", "-H=x-uuid: ${uuid}", "-arrival=poisson", "-seed=7", "-c=64", "-warmup=300ms",
	}
}

// Four processes send what one does, to the last call and byte, and their merged result is the sum of theirs: made
// while they run, and made of their folders.
func TestShardsSendWhatOneSends(t *testing.T) {
	for _, place := range []string{"tcp", "folder"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			var kept [2]*keeper
			var dir string
			for i, count := range []int{1, 4} {
				kept[i] = newKeeper()
				load := []string{"-rate=500", "-d=2s"}
				if !testing.Short() {
					load = []string{"-rate=4000", "-d=5s"}
				}
				args := append(keptCalls(kept[i].serve(t)), load...)
				if count == 1 {
					p := loadgen(t, args...)
					p.wantEnd(t)
					continue
				}
				meet := []string{"-meet=" + freeAddr(t), secret}
				if place == "folder" {
					meet = []string{"-meet=" + t.TempDir() + "/"}
				}
				all := shardsOf(t, count, meet, args...)
				for _, p := range all {
					p.wantEnd(t)
				}
				dir = all[0].out
				d := all[0].wantResult(t)
				checkMerged(t, d, all)
				again := mergedOffline(t, all)
				for name, diff := range map[string]string{
					"counts": cmp.Diff(d.Counts, again.Counts), "latency": cmp.Diff(d.Latency, again.Latency),
					"exemplars": cmp.Diff(d.Exemplars, again.Exemplars),
					"shards":    cmp.Diff(d.Shards, again.Shards), "verdict": cmp.Diff(d.Verdict, again.Verdict),
					"rate": cmp.Diff(d.Rate, again.Rate),
				} {
					if diff != "" {
						t.Errorf("%s, merged while they ran and afterwards:\n%s", name, diff)
					}
				}
			}
			if len(kept[0].calls) < 800 || !maps.Equal(kept[0].calls, kept[1].calls) {
				t.Errorf("one process sends %d calls, four %d, or others (%s)", len(kept[0].calls), len(kept[1].calls),
					dir)
			}
			if kept[1].twice > 0 {
				t.Errorf("%d request ids were used twice", kept[1].twice)
			}
		})
	}
}

// A server that stalls for a second makes a tenth of ten seconds' calls late, evenly by up to that second: p95 is half
// of it and p99 nine tenths, in the result of four shards as in that of one process.
func TestStallOverShards(t *testing.T) { // CO-1, over shards
	if testing.Short() {
		t.Skip("it compares times, which wants a quiet machine: run without -short")
	}
	k := newKeeper()
	k.stall = 5 * time.Second
	args := []string{
		"-rpc=grpc.testing.TestService/EmptyCall", "-addr=" + k.serve(t), "-rate=1000", "-d=10s",
		"-c=2000", "-warmup=300ms", "-transport=wire", "-conns=2",
	}
	all := shardsOf(t, 4, []string{"-meet=" + freeAddr(t), secret}, args...)
	for _, p := range all {
		p.wantEnd(t)
	}
	d := all[0].wantResult(t)
	for p, want := range map[float64]time.Duration{95: 500 * time.Millisecond, 99: 900 * time.Millisecond} {
		got, ok := d.Latency["response"].At(p)
		if off := (time.Duration(got.Ns) - want).Abs(); !ok || off > want*3/100+10*time.Millisecond {
			t.Errorf("p%v is %v, want %v", p, time.Duration(got.Ns), want)
		}
	}
	if d.Counts.OK != 10_000 {
		t.Errorf("%+v, want 10,000 calls", d.Counts)
	}
}

// checkMerged holds a merged result to those of its shards.
func checkMerged(t *testing.T, d *result.Document, all []*process) {
	t.Helper()
	var sent, ok int64
	for i, p := range all {
		own, err := result.Read(filepath.Join(p.out, result.ShardFolder(i)))
		if err != nil {
			t.Fatal(err)
		}
		sent, ok = sent+own.Counts.Sent, ok+own.Counts.OK
	}
	if d.Counts.Sent != sent || d.Counts.OK != ok || len(d.Shards) != len(all) {
		t.Errorf("of all: %d sent, %d ok; of the %d shards together %d and %d", d.Counts.Sent, d.Counts.OK,
			len(d.Shards), sent, ok)
	}
	if problems := soundness(d); len(problems) > 0 {
		t.Errorf("the merged result: %q", problems)
	}
	for _, s := range d.Shards[1:] {
		// they are of one machine; the epochs of processes are read some time apart
		if s.RTTNs == 0 || time.Duration(s.OffsetNs).Abs() > time.Duration(s.RTTNs)+50*time.Millisecond {
			t.Errorf("shard %d: its clock is %v ahead, known to %v", s.Index, time.Duration(s.OffsetNs),
				time.Duration(s.RTTNs/2))
		}
	}
}

// mergedOffline merges the shards' own folders.
func mergedOffline(t *testing.T, all []*process, more ...string) *result.Document {
	t.Helper()
	args := append([]string{"merge"}, more...)
	for _, p := range all {
		args = append(args, p.out)
	}
	p := loadgen(t, args...)
	<-p.exited
	return p.wantResult(t)
}

// A shard that is killed leaves what it told; the rest of its share was never sent, and all says so. The others go on.
func TestShardIsKilled(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	all := shardsOf(t, 3, []string{"-meet=" + freeAddr(t), secret},
		append(keptCalls(k.serve(t)), "-rate=300", "-d=6s", "-drain=1s")...)
	all[0].runFor(t, 2500*time.Millisecond)
	all[2].signal(t, syscall.SIGKILL)
	<-all[0].exited
	<-all[1].exited
	if code := all[1].ProcessState.ExitCode(); code != 0 {
		t.Errorf("shard 1, which went on, exits with %d", code)
	}
	if code := all[0].ProcessState.ExitCode(); code != exitInvalid {
		t.Errorf("shard 0 exits with %d, want %d", code, exitInvalid)
	}
	d := all[0].wantResult(t)
	c := d.Counts
	if c.Due != c.OK+c.Failed+c.Unfinished+c.NeverSent || c.Due < 1700 || c.Due > 1900 || c.NeverSent < 150 ||
		c.NeverSent > 600 {
		t.Errorf("%+v: of some 1800 calls a third of 2.5 to 5 seconds is lost", c)
	}
	if d.Verdict.Status != verdict.Invalid ||
		!strings.Contains(strings.Join(d.Verdict.Reasons, "\n"), "shard 2 was lost after ") ||
		d.Shards[2].LostAtS == nil {
		t.Errorf("%+v, %+v", d.Verdict, d.Shards[2])
	}
	if n := d.Latency["response"].Count; n != c.OK+c.Failed+c.NeverSent+c.Unfinished && n != c.OK+c.Failed+c.NeverSent {
		t.Errorf("%d response times of %+v", n, c)
	}
}

// Without shard 0 there is no run: the others end soon, each with its own folder whole, and say why.
func TestShard0IsKilled(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	all := shardsOf(t, 3, []string{"-meet=" + freeAddr(t), secret},
		append(keptCalls(k.serve(t)), "-rate=300", "-d=1m", "-drain=1s")...)
	all[0].runFor(t, 2500*time.Millisecond)
	all[0].signal(t, syscall.SIGKILL)
	for i, p := range all[1:] {
		p.wantExit(t, exitFailed, 20*time.Second)
		if !strings.Contains(p.stderr.String(), "shard 0 is lost") {
			t.Errorf("shard %d says %q", i+1, p.stderr.String())
		}
		if d, err := result.Read(filepath.Join(p.out, result.ShardFolder(i+1))); err != nil || d.Counts.OK == 0 {
			t.Errorf("shard %d leaves %v, %v", i+1, d, err)
		}
	}
	// What there is can be merged, where one asks for it: shard 0's log ends where it was killed.
	d := mergedOffline(t, all, "-partial")
	if c := d.Counts; c.OK == 0 || c.Due != c.OK+c.Failed+c.Unfinished+c.NeverSent ||
		d.Verdict.Status != verdict.Invalid {
		t.Errorf("merged: %+v, %+v", c, d.Verdict)
	}
	p := loadgen(t, "merge", all[0].out, all[1].out, all[2].out)
	p.wantExit(t, exitFailed, 10*time.Second)
	if !strings.Contains(p.stderr.String(), "shard 0 was lost") || !strings.Contains(p.stderr.String(), "-partial") {
		t.Errorf("without -partial it says %q", p.stderr.String())
	}
}

// One that stands still for a while is not lost: what it missed is sent late, and the run says so.
func TestShardIsStopped(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	all := shardsOf(t, 2, []string{"-meet=" + freeAddr(t), secret},
		append(keptCalls(k.serve(t)), "-rate=200", "-d=6s", "-drain=5s")...)
	all[0].runFor(t, 1500*time.Millisecond)
	all[1].signal(t, syscall.SIGSTOP)
	time.Sleep(3 * time.Second)
	all[1].signal(t, syscall.SIGCONT)
	<-all[0].exited
	<-all[1].exited
	d := all[0].wantResult(t)
	c := d.Counts
	if c.NeverSent+c.Unfinished != 0 || c.Due != c.OK || d.Verdict.Status != verdict.Invalid ||
		!strings.Contains(strings.Join(d.Verdict.Reasons, "\n"), "shard 1: ") {
		t.Errorf("%+v, %+v", c, d.Verdict)
	}
	if p99, ok := d.Latency["response"].At(99); !ok || p99.Ns < int64(time.Second) {
		t.Errorf("a half of the calls was late for up to 3 s, and p99 is %v", time.Duration(p99.Ns))
	}
}

// An interrupted shard is no success, and neither is the run.
func TestShardIsInterrupted(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	all := shardsOf(t, 2, []string{"-meet=" + freeAddr(t), secret},
		append(keptCalls(k.serve(t)), "-rate=200", "-d=4s", "-drain=1s")...)
	all[0].runFor(t, 2*time.Second)
	all[1].signal(t, syscall.SIGTERM)
	all[1].wantExit(t, exitFailed, 15*time.Second)
	<-all[0].exited
	d := all[0].wantResult(t)
	if c := d.Counts; d.Verdict.Status != verdict.Invalid ||
		!strings.Contains(strings.Join(d.Verdict.Reasons, "\n"), "shard 1 was interrupted after ") ||
		c.NeverSent < 50 || c.Due != c.OK+c.Failed+c.Unfinished+c.NeverSent {
		t.Errorf("%+v, %+v", d.Verdict, d.Counts)
	}
}

// What passes a limit ends, in all processes at once, with what was measured until then.
func TestAbortOn(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 2} {
		k := newKeeper()
		k.delays = 30 * time.Millisecond
		args := append(keptCalls(k.serve(t)), "-rate=100", "-d=1m", "-drain=1s", "-abort-on=p50>20ms,errors>50%")
		var all []*process
		if count == 1 {
			all = []*process{loadgen(t, args...)}
		} else {
			all = shardsOf(t, count, []string{"-meet=" + freeAddr(t), "-meet-plaintext"}, args...)
		}
		for i, p := range all {
			code := exitFailed
			if i == 0 {
				code = exitMissed
			}
			p.wantExit(t, code, 20*time.Second)
			if !strings.Contains(p.stderr.String(), "p50>20ms, met: 3") {
				t.Errorf("it says %q", p.stderr.String())
			}
		}
		if d := all[0].wantResult(t); d.Counts.OK == 0 ||
			!strings.Contains(strings.Join(d.Verdict.Reasons, "\n"), "aborted: ") {
			t.Errorf("%+v, %+v", d.Counts, d.Verdict)
		}
	}
}

// Who does not come, and who has another plan, is told on both sides.
func TestShardsThatDoNotMeet(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	addr, meet := k.serve(t), freeAddr(t)
	args := func(index int, rate string) []string {
		return append(keptCalls(addr), fmt.Sprintf("-shard=%d/3", index), "-run=r", "-meet="+meet, secret,
			"-meet-timeout=3s", "-rate="+rate, "-d=1s")
	}
	host := loadgen(t, args(0, "100")...)
	other := loadgen(t, args(1, "200")...)
	other.wantExit(t, exitFailed, 15*time.Second)
	for who, p := range map[string]*process{"the other": other, "shard 0": host} {
		p.until(t, who+" does not say what differs",
			func() bool { return strings.Contains(p.stderr.String(), "its plan is another: rate") })
	}
	here := loadgen(t, args(2, "100")...)
	for who, p := range map[string]*process{"shard 0": host, "shard 2": here} {
		p.wantExit(t, exitFailed, 15*time.Second)
		if !strings.Contains(p.stderr.String(), "of 3 shards these did not come within 3s: 1") {
			t.Errorf("%s says %q", who, p.stderr.String())
		}
	}
	if _, err := os.Stat(filepath.Join(host.out, "result.json")); err == nil {
		t.Error("a run that was never begun leaves a result")
	}
	if len(k.calls) > 0 {
		t.Errorf("%d calls were made", len(k.calls))
	}
}

// Recipes are what their engines read; a manifest carries what the run reads.
func TestRecipes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "users.csv"), []byte("name\na\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("API_TOKEN", "not to be seen")
	var out, errs strings.Builder
	run := func(engine string) string {
		out.Reset()
		errs.Reset()
		if code := start(t.Context(), []string{
			"shards", engine, "-n", "4", "--", "-rpc", "Search", "-addr", "a:1",
			"-rate", "100", "-feed", "users.csv,once", "-H", "authorization: $API_TOKEN", "-data",
			`{"name":"it's ${row.name}"}`,
		}, nil, &out, &errs); code != 0 {
			t.Fatalf("%s: exit %d: %s", engine, code, errs.String())
		}
		return out.String()
	}
	for _, want := range []string{
		`- "/config/users.csv,once"`, `"users.csv": bmFtZQphCg==`,
		"API_TOKEN: bm90IHRvIGJlIHNlZW4=", `- -shard=auto/4`, "-meet=loadgen-0.loadgen:7411", "completions: 4",
		"backoffLimit: 0",
	} {
		if text := run("kubernetes"); !strings.Contains(text, want) {
			t.Errorf("the manifest has no %s:\n%s", want, text)
		}
	}
	if text := run("slurm"); strings.Contains(text, "not to be seen") ||
		!strings.Contains(text, "srun -K --ntasks=4") || !strings.Contains(text, `'authorization: $API_TOKEN'`) {
		t.Errorf("the script of Slurm:\n%s", text)
	}
	if text := run("parallel"); !strings.Contains(text, "seq 4 | parallel") {
		t.Errorf("the script of parallel:\n%s", text)
	}
}
