package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/meet"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
)

// Errors of a run that several processes make.
var (
	// ErrStopped says that shard 0 stopped the run, or is lost.
	ErrStopped = errors.New("stopped")
	// ErrInterrupted says that a shard did not make all of its part. An engine is not to take that for success.
	ErrInterrupted = errors.New("this shard was interrupted: its part of the run is not whole")
)

// member is a process's part in a run that several make together; the zero member is that of a run of one.
type member struct {
	guest *meet.Guest // of shard 0; nil for that itself
	host  *meet.Host
	sum   *sum // what all recorded; shard 0's
	log   *os.File
	next  int // the interval that is recorded next
	from  int64
}

// join meets the other shards. Stop ends the run.
func (r *run) join(ctx context.Context, stop func(error)) (err error) {
	s := r.plan.Shard
	if !s.On() {
		return nil
	}
	r.id = runID(s.Run)
	common, err := commonPlan(r.plan, r.workload, r.round != nil)
	if err != nil {
		return err
	}
	host, _ := os.Hostname() // a name for people
	offer, err := r.encodeOffer()
	if err != nil {
		return err
	}
	c := meet.Config{
		Offer: offer,
		Hello: meet.Hello{
			Run: s.Run, Index: s.Index, Count: s.Count, Version: result.Capture().Git, Plan: common,
			Host: host, Epoch: transport.Wall(0).UnixNano(),
		},
		Meet: s.Meet, Folder: strings.ContainsAny(s.Meet, `/\`), Token: s.Token, Timeout: s.Timeout,
		Now: transport.Now, Say: r.view.Logf,
	}
	from := ""
	if s.From != "" {
		from = ", as " + s.From + " says"
	}
	r.view.Logf("shard %v of the run %s%s: meeting at %s", s, s.Run, from, s.Meet)
	if r.round != nil {
		c.Hello.Round = r.round.number
	}
	if s.Index > 0 {
		if r.guest, err = meet.Join(ctx, c,
			func(reason string) { stop(fmt.Errorf("%w: %s", ErrStopped, reason)) }); err != nil {
			return err
		}
		return r.readOffer()
	}
	r.sum = newSum(r, host, func(reason string) {
		r.host.Stop(reason)
		stop(fmt.Errorf("%w: %s", ErrAborted, reason))
	})
	r.host, err = meet.Listen(ctx, c, meet.Events{Second: r.sum.second, Report: r.sum.report, Lost: r.sum.lose})
	return err
}

// runID is the run's part of every request id, the same in all shards.
func runID(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum32()
}

// commonPlan is what all shards must share: the plan, but for what each may have its own, and for the load where shard
// 0 offers that, and a digest of what it read.
func commonPlan(p plan.Plan, w *scenario.Workload, offered bool) (json.RawMessage, error) {
	read := sha256.New()
	for _, text := range [][]byte{p.DataText, p.ExpectText} {
		fmt.Fprintf(read, "%d:%s", len(text), text)
	}
	for _, name := range slices.Sorted(maps.Keys(w.Feeds)) {
		fmt.Fprintf(read, "%s:%d", name, w.Feeds[name].Rows())
	}
	if offered {
		p = Load{}.of(p)
		p.Workers = 0
	}
	p.Shard = plan.Shard{Count: p.Shard.Count, Run: p.Shard.Run}
	p.Out, p.Command, p.Metrics, p.OTLP, p.Quiet, p.Format, p.File = "", nil, "", "", false, "", filepath.Base(p.File)
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	all["data_read"] = hex.EncodeToString(read.Sum(nil))
	return json.Marshal(all)
}

// openShard opens the folders of a run that several make: each has its own in the run's, which shard 0 keeps.
func (r *run) openShard() error {
	if r.plan.Out == "" {
		r.plan.Out = filepath.Join("results", strings.Map(inName, r.plan.Shard.Run))
	}
	if r.sum != nil {
		if err := r.sum.open(r.plan); err != nil {
			return err
		}
		r.plan.Out = r.sum.run.plan.Out
	}
	r.plan.Out = filepath.Join(r.plan.Out, result.ShardFolder(r.plan.Shard.Index))
	return nil
}

// inName keeps what may be in a file's name everywhere.
func inName(c rune) rune {
	if c < ' ' || strings.ContainsRune(`/\:*?"<>|`, c) {
		return '-'
	}
	return c
}

// openLog begins the shard's log.
func (r *run) openLog() (err error) {
	if r.log, err = r.folder.Create(result.ShardFile); err != nil {
		return err
	}
	host, _ := os.Hostname() // a name for people
	common, err := commonPlan(r.plan, r.workload, r.round != nil)
	if err != nil {
		return err
	}
	head := &result.ShardHead{Host: host, Plan: r.plan, Common: common}
	for _, b := range r.steps {
		head.Steps = append(head.Steps,
			result.Step{
				Flow: r.workload.Flows[b.Flow].Name, Name: b.Name, Method: b.Method, Kind: b.Kind.String(),
				Weight: r.workload.Flows[b.Flow].Weight,
			})
	}
	for _, f := range r.workload.Flows {
		head.Flows = append(head.Flows, result.Flow{Name: f.Name, Weight: f.Weight})
	}
	return r.writeLog(&result.ShardLine{Head: head})
}

func (r *run) writeLog(line *result.ShardLine) error {
	text, err := json.Marshal(line)
	if err == nil {
		_, err = r.log.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the shard's log: %w", err)
	}
	return nil
}

// together is when all shards start; nil in a run of one.
func (r *run) together() func(context.Context) (int64, error) {
	if !r.plan.Shard.On() {
		return nil
	}
	return func(ctx context.Context) (at int64, err error) {
		if r.host != nil {
			at, err = r.host.Start(ctx)
		} else {
			at, err = r.guest.Start(ctx)
		}
		if err != nil {
			return 0, err
		}
		r.from = at + int64(r.plan.Warmup)
		if r.sum != nil {
			r.sum.begin(transport.Wall(r.from))
		}
		r.view.Logf("all %d shards are here; the run starts in %v", r.plan.Shard.Count,
			time.Duration(at-transport.Now()).Round(time.Millisecond))
		return at, nil
	}
}

// arrivalsPart is the part of the run's arrivals that this process makes.
func (r *run) arrivalsPart() engine.Part {
	if !r.plan.Shard.On() {
		return engine.Part{}
	}
	return engine.Part{Index: uint64(r.plan.Shard.Index), Of: uint64(r.plan.Shard.Count)} //nolint:gosec // checked
}

// share tells the others what an interval brought. It is the last to see the snapshot, whose times it changes.
func (r *run) share(iv *recorder.Snapshot) error {
	if r.log == nil {
		return nil
	}
	iv.Shift(-r.from)
	text, err := json.Marshal(iv)
	if err != nil {
		return fmt.Errorf("encode a second: %w", err)
	}
	index := r.next
	r.next++
	err = r.writeLog(&result.ShardLine{Second: &result.ShardSecond{Index: index, Snapshot: text}})
	switch {
	case r.sum != nil:
		r.sum.second(0, index, text)
	case r.guest != nil:
		_ = r.guest.Second(index, text) // a link that is lost stops the run by itself
	}
	return err
}

// reportOwn tells the others what became of this shard, at its end.
func (r *run) reportOwn(ctx context.Context, doc *result.Document, o engine.Outcome) error {
	if r.log == nil {
		return nil
	}
	report := result.ShardReport{Document: doc, Interrupted: ctx.Err() != nil}
	if o.Noticed != nil {
		packed := recorder.NewPacked()
		packed.MergeFrom(o.Noticed)
		report.Noticed = recorder.AppendCounts(nil, packed)
	}
	text, err := json.Marshal(&report)
	if err != nil {
		return fmt.Errorf("encode the shard's report: %w", err)
	}
	err = r.writeLog(&result.ShardLine{Report: text})
	if r.sum != nil {
		r.sum.report(0, text)
		return err
	}
	guest := r.guest
	r.guest = nil
	return errors.Join(err, guest.End(text, farewell))
}

// farewell is how long a shard waits at its end: the host for the others' reports, beyond the drain, a guest to be
// heard.
const farewell = 15 * time.Second

// leave ends the meeting of a run that made no report.
func (r *run) leave() (err error) {
	if r.guest != nil {
		err = r.guest.End(nil, 0)
	}
	if r.host != nil {
		err = errors.Join(err, r.host.Close())
		r.host = nil
	}
	if r.log != nil {
		err = errors.Join(err, r.log.Close())
	}
	if r.sum != nil && r.sum.run.hlogFile != nil && !r.sum.ended {
		err = errors.Join(err, r.sum.run.close(false))
	}
	return err
}

// all ends the run of all shards, at shard 0, and returns its document.
func (r *run) all(ctx context.Context) (*result.Document, error) {
	r.host.Wait(context.WithoutCancel(ctx), r.plan.Drain+farewell)
	hosts := r.host.Hosts()
	var clocks []result.ShardClock
	for _, c := range r.host.Clocks() {
		clocks = append(clocks, result.ShardClock{OffsetNs: c.Offset, RTTNs: c.RTT, DriftNs: c.Drift})
	}
	err := errors.Join(r.host.Close(), r.writeLog(&result.ShardLine{Clocks: clocks}))
	r.host = nil
	doc, endErr := r.sum.end(clocks, hosts)
	return doc, errors.Join(err, endErr)
}
