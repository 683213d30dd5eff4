package experiment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/cores"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/dial"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/server/contract"
)

// How an experiment's time is divided.
const (
	discarded   = 2  // rounds, to warm up
	fewest      = 14 // rounds that count: of fewer, Holm's correction for some fifty costs leaves nothing
	most        = 60
	enough      = 6                     // rounds, for an interval at all
	streamOf    = 100                   // messages of a stream
	callTimeout = 20 * time.Second      // deadline of each call
	shortest    = 20 * time.Millisecond // block
	between     = 12 * time.Millisecond // about what a block costs beside its length
	longest     = 1000 * time.Millisecond
)

// Overhead measures what interceptors cost, by paired rounds: each round makes a
// block of calls with every arm, in an order drawn anew, and the difference of an
// arm's block to the bare arm's of the same round is one observation. All servers
// are in one process, so that what differs is the chain alone. Progress hears
// what is being done.
func Overhead(ctx context.Context, p plan.Overhead, progress func(string)) (*result.Overhead, error) {
	began := time.Now()
	run := requestid.NewRun()
	all, err := openGroups(ctx, p, run)
	if err != nil {
		return nil, err
	}
	defer all.close()
	rounds, block, err := divide(p.Budget-time.Since(began), all.arms())
	if err != nil {
		return nil, err
	}
	draw := newDraw(p.Seed)
	for round := -discarded; round < rounds; round++ {
		if ctx.Err() != nil && round >= enough { // what was measured is worth having
			rounds = round
			break
		}
		for _, g := range all.groups {
			left := p.Budget - time.Since(began)
			progress(fmt.Sprintf("round %d of %d: %s, %s side; %v left", round+discarded+1, rounds+discarded, g.kind,
				g.side, left.Round(time.Second)))
			if err := g.round(ctx, all.target, block, draw, round >= 0); err != nil {
				return nil, err
			}
		}
	}
	d := &result.Overhead{
		Schema: result.OverheadSchema, RunID: requestid.ID{Run: run}.RunPrefix(), Started: began, Plan: p,
		Rounds: rounds, Discarded: discarded, BlockNs: int64(block), Environment: result.Capture(),
		Notes: []string{
			"1 connection, 1 call in flight; server side over wire, client side over grpc; latency is the difference " +
				"of the blocks' medians",
			"the target logs to " + os.DevNull + ": what a logger costs is all but the disk",
		},
	}
	for _, g := range all.groups {
		d.Costs = append(d.Costs, g.costs()...)
	}
	resolve(d.Costs)
	d.Verdict, d.SLO = judge(d)
	d.DurationNs = int64(time.Since(began))
	return d, nil
}

// newDraw draws the orders of the rounds.
func newDraw(seed uint64) *mathrand.Rand { return mathrand.New(mathrand.NewPCG(seed, 0)) }

// divide makes rounds and blocks of the time there is: more rounds say more than longer blocks, as long as a block has
// about a thousand calls.
func divide(budget time.Duration, arms int) (rounds int, block time.Duration, err error) {
	for rounds = most; rounds >= fewest; rounds-- {
		block = budget/time.Duration((rounds+discarded)*arms) - between
		if block >= 3*shortest || rounds == fewest {
			break
		}
	}
	if block < shortest {
		need := time.Duration((fewest+discarded)*arms) * (shortest + between)
		return 0, 0, fmt.Errorf("-budget is too short for %d things to compare: want %v or more, or fewer "+
			"-interceptors, -kinds or -sides", arms, need.Round(time.Second))
	}
	return rounds, min(block, longest), nil
}

// groups are all arms, by what they are compared with.
type groups struct {
	target *child.Target
	unpin  func()
	groups []*group
}

func (all *groups) arms() (n int) {
	for _, g := range all.groups {
		n += 1 + len(g.arms)
	}
	return n
}

func (all *groups) close() {
	for _, g := range all.groups {
		for _, a := range append([]*arm{g.bare}, g.arms...) {
			_ = a.conn.Close() // the calls are made
		}
	}
	_ = all.target.Stop() // and the target has said what there was to say
	if all.unpin != nil {
		all.unpin()
	}
}

// group is a bare arm and those compared to it, of one side and kind.
type group struct {
	side, kind string
	bare       *arm
	arms       []*arm
	samples    [][]sample // by round; the bare arm's first
}

// openGroups starts the target with a server for each different chain, and connects every arm.
func openGroups(ctx context.Context, p plan.Overhead, run uint32) (*groups, error) {
	var subjects []subject
	for _, side := range p.Sides {
		for _, kind := range p.Kinds {
			for _, s := range append([]subject{bare(side)}, subjectsOf(side, p.Interceptors)...) {
				s.Kind = kind
				subjects = append(subjects, s)
			}
		}
	}
	return openSubjects(ctx, subjects, run)
}

// openSubjects takes groups one after another, each with its bare arm first.
func openSubjects(ctx context.Context, subjects []subject, run uint32) (_ *groups, err error) {
	config := contract.Config{Log: os.DevNull}
	for _, s := range subjects {
		config.More = append(config.More, append([]string{"-http="}, s.target...))
	}
	config.Args, config.More = config.More[0], config.More[1:]
	all := &groups{}
	if all.target, err = child.Start(ctx, config, io.Discard); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			all.close()
		}
	}()
	if all.unpin, err = cores.Separate(all.target.Ready.PID); err != nil {
		return nil, err
	}
	for i, ready := range append([]contract.Ready{all.target.Ready}, all.target.Ready.More...) {
		s := subjects[i]
		conn, err := s.dial(ctx, ready.Addr, run)
		if err != nil {
			return nil, err
		}
		a := newArm(s, conn, s.Kind == "stream")
		if s.Group == "bare" {
			all.groups = append(all.groups, &group{side: s.Side, kind: s.Kind, bare: a})
		} else {
			g := all.groups[len(all.groups)-1]
			g.arms = append(g.arms, a)
		}
	}
	return all, nil
}

// dial connects a subject's arm.
func (s subject) dial(ctx context.Context, addr string, run uint32) (transport.Conn, error) {
	name := map[string]string{"unary": "Search", "stream": "SearchIO"}[s.Kind]
	def, err := scenario.Find(name)
	if err != nil {
		return nil, err
	}
	kind := map[string]string{"server": transport.Wire, "client": transport.GRPC}[s.Side]
	spec, src, err := def.Build(scenario.Options{Transport: kind, Messages: streamOf, Timeout: callTimeout})
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // as the target's
	if err != nil {
		return nil, fmt.Errorf("open a log for nobody: %w", err)
	}
	chain, err := grpcconn.Interceptors(s.client, run, prometheus.NewRegistry(),
		slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		return nil, err
	}
	d, _ := dial.New(kind, dial.Options{Run: run, Timeout: callTimeout, Interceptors: chain})
	return d.Dial(ctx, addr, transport.One(spec, src))
}

// round makes a block with every arm.
func (g *group) round(ctx context.Context, target marker, block time.Duration, draw *mathrand.Rand, counts bool) error {
	if counts && len(g.samples) >= enough {
		ctx = context.WithoutCancel(ctx) // a round that is begun is worth its end
	}
	arms := append([]*arm{g.bare}, g.arms...)
	samples := make([]sample, len(arms))
	for _, i := range draw.Perm(len(arms)) {
		if err := ctx.Err(); err != nil {
			return errors.Join(errors.New("interrupted: too few rounds to say anything"), err)
		}
		var err error
		if samples[i], err = arms[i].block(ctx, target, block); err != nil {
			return err
		}
	}
	if counts {
		g.samples = append(g.samples, samples)
	}
	return nil
}

// costs compares the rounds.
func (g *group) costs() []result.Cost {
	var all []result.Cost
	for i, a := range g.arms {
		// The arm that this one is compared to: the bare one where none is named.
		over := 1 + slices.IndexFunc(g.arms, func(b *arm) bool { return b.Name == a.Over })
		differences := func(of func(sample) float64) (d []float64) {
			for _, round := range g.samples {
				d = append(d, of(round[i+1])-of(round[over]))
			}
			return d
		}
		estimate := func(of func(
			sample) float64,
		) result.Estimate {
			return result.NewEstimate(stats.Pair(differences(of)))
		}
		allocs, bytes := sample.serverHeap, sample.serverHeapBytes
		if g.side == "client" {
			allocs, bytes = sample.clientHeap, sample.clientHeapBytes
		}
		var bareNs []float64
		for _, round := range g.samples {
			bareNs = append(bareNs, round[0].medianNs)
		}
		medians := differences(func(s sample) float64 { return s.medianNs })
		all = append(all, result.Cost{
			Subject: a.Subject, BareNs: stats.Pair(bareNs).Estimate,
			Latency: result.NewEstimate(stats.Pair(medians)), P: stats.Pair(medians).P, Differences: medians,
			Mean:      estimate(func(s sample) float64 { return s.meanNs }),
			ServerCPU: estimate(func(s sample) float64 { return s.serverCPUNs }),
			ClientCPU: estimate(func(s sample) float64 { return s.clientCPUNs }),
			Allocs:    estimate(allocs), Bytes: estimate(bytes),
		})
	}
	return all
}

// resolve adjusts the p-values for their number. The checks are no answers, and so not of the family.
func resolve(costs []result.Cost) {
	var p []float64
	var of []*result.Cost
	for i := range costs {
		if c := &costs[i]; !c.Check() {
			p, of = append(p, c.P), append(of, c)
		}
	}
	for i, adjusted := range stats.Holm(p) {
		of[i].P, of[i].Resolved = adjusted, adjusted < 1-stats.Level/100.0
	}
}
