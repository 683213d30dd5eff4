package recorder

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
)

// Snapshot is everything that was recorded in a span of time: one value, which merges and encodes. The [Part] in it is
// of all calls.
type Snapshot struct {
	// Start and End are readings of the run's clock.
	Start, End int64
	Part
	// Steps are the same of each step, where there are several: their sum is the Part of all calls. Flows are of whole
	// flows, one count a flow, nil for those of one step.
	Steps, Flows []*Part
	// Workers are the response times of each worker, where those are kept; else it is nil.
	Workers map[uint16]*hdrhistogram.PackedHistogram
	// Waiting are the calls in flight at End, those of the warm-up too, and Oldest, in nanoseconds, is how long ago
	// the first of them was to start.
	Waiting, Oldest int64
}

// Part is what was recorded of some of a run's calls: of one step, of a flow, or of all.
type Part struct {
	Counts Counts
	Codes  [CodeCount]int64
	// Latencies by [series.Series]; nil for those that these calls do not have.
	Latencies [series.Count]*Latencies
	// ByCode are the response times of the calls that failed with a code, or nil.
	ByCode [CodeCount]*Latencies
	// Before and Held sum, in nanoseconds, the time from when each call was due and its worker free to its
	// send: the generator's own, which in an open loop is the sum of the series pacing, and that in which
	// calls were held back.
	Before, Held int64

	exemplars exemplars
}

func newPart(all []series.Series) *Part {
	p := &Part{}
	for _, s := range all {
		p.Latencies[s] = newLatencies()
	}
	return p
}

// Headline are the response times: in a closed loop the service times.
func (p *Part) Headline() *Latencies {
	if l := p.Latencies[series.Response]; l != nil {
		return l
	}
	return p.Latencies[series.Service]
}

// Series are the latencies of a series by its name; nil where the part does not have it.
func (p *Part) Series(name string) *Latencies {
	if s, ok := series.Named(name); ok {
		return p.Latencies[s]
	}
	return nil
}

// byCode makes room at the first failure of a code: few runs have many.
func (p *Part) byCode(c codes.Code) *Latencies {
	if p.ByCode[c] == nil {
		p.ByCode[c] = newLatencies()
	}
	return p.ByCode[c]
}

func (p *Part) reset() {
	p.Counts, p.Codes, p.Before, p.Held = Counts{}, [CodeCount]int64{}, 0, 0
	for _, l := range p.Latencies {
		if l != nil {
			l.reset()
		}
	}
	for _, l := range p.ByCode {
		if l != nil {
			l.reset()
		}
	}
	p.exemplars.reset()
}

// merge adds o to p.
func (p *Part) merge(o *Part) error {
	p.Counts.Add(&o.Counts)
	p.Before += o.Before
	p.Held += o.Held
	for code, n := range o.Codes {
		p.Codes[code] += n
	}
	p.exemplars.merge(&o.exemplars)
	for s, l := range o.Latencies {
		if l == nil {
			continue
		}
		if p.Latencies[s] == nil {
			p.Latencies[s] = newLatencies()
		}
		if err := p.Latencies[s].merge(l); err != nil {
			return fmt.Errorf("merge the %s histograms: %w", series.Series(s), err) //nolint:gosec // few
		}
	}
	for code, l := range o.ByCode {
		if l == nil || l.Count() == 0 {
			continue
		}
		if err := p.byCode(codes.Code(code)).merge(l); err != nil { //nolint:gosec // few
			return fmt.Errorf("merge the histograms of %v: %w", codes.Code(code), err) //nolint:gosec // few
		}
	}
	return nil
}

func newSnapshot(c *Config) *Snapshot {
	s := &Snapshot{Part: *newPart(c.series(c.Messages))}
	for _, messages := range c.Steps {
		s.Steps = append(s.Steps, newPart(c.series(messages)))
	}
	for _, several := range c.Flows {
		var p *Part
		if several {
			p = newPart(c.series(nil))
		}
		s.Flows = append(s.Flows, p)
	}
	if c.PerWorker {
		s.Workers = map[uint16]*hdrhistogram.PackedHistogram{}
	}
	return s
}

// parts calls do for every part of s and the one of o in the same place. It fails where o has other steps or flows.
func (s *Snapshot) parts(o *Snapshot, do func(mine, others *Part) error) error {
	if len(s.Steps) != len(o.Steps) || len(s.Flows) != len(o.Flows) {
		return fmt.Errorf("a snapshot of %d steps and %d flows is not one of %d and %d", len(o.Steps), len(o.Flows),
			len(s.Steps), len(s.Flows))
	}
	if err := do(&s.Part, &o.Part); err != nil {
		return err
	}
	for i, p := range o.Steps {
		if err := do(s.Steps[i], p); err != nil {
			return err
		}
	}
	for i, p := range o.Flows {
		if (p == nil) != (s.Flows[i] == nil) {
			return fmt.Errorf("flow %d is of one step in one snapshot, and of several in the other", i)
		}
		if p == nil {
			continue
		}
		if err := do(s.Flows[i], p); err != nil {
			return err
		}
	}
	return nil
}

// sumSteps makes the part of all calls from the steps', where there are several.
func (s *Snapshot) sumSteps() error {
	if len(s.Steps) == 0 {
		return nil
	}
	s.Part.reset()
	for _, p := range s.Steps {
		if err := s.Part.merge(p); err != nil {
			return err
		}
	}
	return nil
}

// Merge adds o, a snapshot of the same steps and flows, to s; the times of s stay. It fails where it is of others, or a
// histogram of s does not take a value.
func (s *Snapshot) Merge(o *Snapshot) error {
	s.Waiting += o.Waiting
	s.Oldest = max(s.Oldest, o.Oldest)
	for w, h := range o.Workers {
		s.worker(w).Merge(h)
	}
	return s.parts(o, (*Part).merge)
}

// Shift adds so many nanoseconds to every time in s: those of another clock become this one's.
func (s *Snapshot) Shift(by int64) {
	s.Start += by
	s.End += by
	_ = s.parts(s, func(p, _ *Part) error { // none fails
		p.exemplars.each(func(x *Exemplar) { x.Intended += by })
		return nil
	})
}

// worker makes room at a worker's first call.
func (s *Snapshot) worker(w uint16) *hdrhistogram.PackedHistogram {
	if s.Workers == nil {
		s.Workers = map[uint16]*hdrhistogram.PackedHistogram{}
	}
	h := s.Workers[w]
	if h == nil {
		h = NewPacked()
		s.Workers[w] = h
	}
	return h
}

func (s *Snapshot) reset() {
	s.Start, s.End, s.Waiting, s.Oldest = 0, 0, 0, 0
	_ = s.parts(s, func(p, _ *Part) error { p.reset(); return nil }) // none fails
	for _, h := range s.Workers {
		h.Reset()
	}
}
