package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
)

// Load is what a session measures: calls at a rate, in calls a second, or as many as come in a closed loop where that
// is 0. Workers are all processes' together; 0 are the session's.
type Load struct {
	Rate    float64       `json:"rate"`
	Warmup  time.Duration `json:"warmup_ns"`
	D       time.Duration `json:"duration_ns"`
	Seed    uint64        `json:"seed"`
	Workers int           `json:"workers,omitempty"`
}

// of is a plan of that load.
func (l Load) of(p plan.Plan) plan.Plan {
	p.Rate, p.Warmup, p.D, p.Seed = l.Rate, l.Warmup, l.D, l.Seed
	if l.Workers > 0 {
		p.Workers = l.Workers
	}
	return p
}

// round is one load of a session that several processes share. Shard 0 decides it, and offers it to whoever joins; each
// makes its part as of any other run.
type round struct {
	// Over says that there is none: the session is.
	Over bool `json:"over,omitempty"`
	Load Load `json:"load"`

	number int // from 1 on
}

// Follow makes this process's part of all loads that shard 0 decides on, until it says that there are no more. It
// returns their number.
func (s *Session) Follow(ctx context.Context) (loads int, err error) {
	for {
		next := &round{}
		if _, _, err := s.makeRound(ctx, next); err != nil && !errors.Is(err, ErrNoneSucceeded) {
			return loads, err
		}
		if next.Over {
			return loads, nil
		}
		loads++
	}
}

// endSession tells the other processes that the session is over.
func (s *Session) endSession() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_, _, err := s.makeRound(ctx, &round{Over: true})
	return err
}

// makeRound makes this process's part of a round, which shard 0 says and the others learn. At shard 0 it returns what
// all made, and the run of all.
func (s *Session) makeRound(ctx context.Context, next *round) (doc *result.Document, all *run, err error) {
	s.rounds++
	next.number = s.rounds
	p := s.plan
	p.Shard.Run = fmt.Sprintf("%s.%d", p.Shard.Run, s.rounds)
	files, err := os.MkdirTemp("", "loadgen-round-*")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for a load: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(files)) }()
	p.Out = filepath.Join(files, "run")
	r := s.newRun(next.Load.of(p))
	r.round = next
	if r.steps, err = r.build(s.workload.Steps); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := r.join(ctx, cancel); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.leave()) }()
	if next.Over {
		return nil, nil, r.leaveSession(ctx)
	}
	if err := r.open(); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.close(doc != nil)) }()
	doc, err = r.measure(ctx)
	if r.sum != nil {
		all = r.sum.run
	}
	return doc, all, err
}

// encodeOffer encodes what shard 0 tells whoever joins.
func (r *run) encodeOffer() (json.RawMessage, error) {
	if r.round == nil || r.plan.Shard.Index > 0 {
		return nil, nil
	}
	text, err := json.Marshal(r.round)
	if err != nil {
		return nil, fmt.Errorf("encode a load: %w", err)
	}
	return text, nil
}

// readOffer takes the load that shard 0 offers.
func (r *run) readOffer() error {
	if r.round == nil {
		return nil
	}
	if err := json.Unmarshal(r.guest.Offer(), r.round); err != nil {
		return fmt.Errorf("shard 0 offers a load that cannot be read: %w", err)
	}
	r.plan = r.round.Load.of(r.plan)
	return nil
}

// leaveSession ends a session together: shard 0 waits until all have heard.
func (r *run) leaveSession(ctx context.Context) (err error) {
	if r.host != nil {
		_, err = r.host.Start(ctx)
		return err
	}
	_, _ = r.guest.Start(ctx) // what there is to know is known
	return nil
}
