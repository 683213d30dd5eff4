package recorder

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
)

// The encoding is JSON, which any tool reads; the counts of a histogram are in HdrHistogram's own payload, in base64.
// Whatever is recorded is in it to the last count: what is decoded merges as what was recorded does.
type (
	encodedSnapshot struct {
		Start   int64             `json:"start"`
		End     int64             `json:"end"`
		Waiting int64             `json:"waiting,omitempty"`
		Oldest  int64             `json:"oldest,omitempty"`
		All     *encodedPart      `json:"all,omitempty"` // where there is one step; else it is their sum
		Steps   []*encodedPart    `json:"steps,omitempty"`
		Flows   []*encodedPart    `json:"flows,omitempty"` // null for those of one step
		Workers map[uint16][]byte `json:"workers,omitempty"`
	}
	encodedPart struct {
		Counts    Counts                       `json:"counts"`
		Codes     map[int]int64                `json:"codes,omitempty"`
		Before    int64                        `json:"before,omitempty"`
		Held      int64                        `json:"held,omitempty"`
		Latencies map[string]*encodedLatencies `json:"latencies"`
		ByCode    map[int]*encodedLatencies    `json:"by_code,omitempty"`
		Exemplars []encodedExemplar            `json:"exemplars,omitempty"`
	}
	encodedLatencies struct {
		Sum      int64  `json:"sum"`
		Min      int64  `json:"min"`
		Max      int64  `json:"max"`
		Counts   []byte `json:"counts"`
		Censored []byte `json:"censored,omitempty"`
	}
	encodedExemplar struct {
		Kind       string `json:"kind"`
		Worker     uint16 `json:"worker"`
		Step       int    `json:"step,omitempty"`
		Seq        uint64 `json:"seq"`
		Code       int    `json:"code,omitempty"`
		Message    []byte `json:"message,omitempty"` // a status message can be any bytes
		Intended   int64  `json:"intended"`
		Response   int64  `json:"response"`
		Service    int64  `json:"service"`
		LoadReport []byte `json:"load_report,omitempty"`
		Local      bool   `json:"local,omitempty"`
	}
)

// MarshalJSON encodes the snapshot.
func (s *Snapshot) MarshalJSON() ([]byte, error) {
	e := encodedSnapshot{Start: s.Start, End: s.End, Waiting: s.Waiting, Oldest: s.Oldest}
	if len(s.Steps) == 0 {
		e.All = encodePart(&s.Part)
	}
	for _, p := range s.Steps {
		e.Steps = append(e.Steps, encodePart(p))
	}
	for _, p := range s.Flows {
		e.Flows = append(e.Flows, encodePart(p))
	}
	for w, h := range s.Workers {
		if h.TotalCount() == 0 {
			continue
		}
		if e.Workers == nil {
			e.Workers = map[uint16][]byte{}
		}
		e.Workers[w] = AppendCounts(nil, h)
	}
	return json.Marshal(&e)
}

// UnmarshalJSON reads what MarshalJSON wrote. What is no such text is an error, whoever wrote it.
func (s *Snapshot) UnmarshalJSON(b []byte) error {
	var e encodedSnapshot
	if err := json.Unmarshal(b, &e); err != nil {
		return err
	}
	*s = Snapshot{Start: e.Start, End: e.End, Waiting: e.Waiting, Oldest: e.Oldest}
	if (e.All == nil) == (len(e.Steps) == 0) {
		return errors.New("a snapshot is of all calls or of their steps")
	}
	if e.All != nil {
		p, err := e.All.decode()
		if err != nil {
			return err
		}
		s.Part = *p
	}
	for i, step := range e.Steps {
		p, err := step.decode()
		if err != nil || p == nil {
			return fmt.Errorf("step %d: %w", i, orMissing(err))
		}
		s.Steps = append(s.Steps, p)
	}
	for i, flow := range e.Flows {
		p, err := flow.decode()
		if err != nil {
			return fmt.Errorf("flow %d: %w", i, err)
		}
		s.Flows = append(s.Flows, p)
	}
	for w, counts := range e.Workers {
		h, err := ReadCounts(counts)
		if err != nil {
			return fmt.Errorf("worker %d: %w", w, err)
		}
		s.worker(w).Merge(h)
	}
	return s.sumSteps()
}

func orMissing(err error) error {
	if err == nil {
		return errors.New("it is missing")
	}
	return err
}

func encodePart(p *Part) *encodedPart {
	if p == nil {
		return nil
	}
	e := &encodedPart{
		Counts: p.Counts, Codes: map[int]int64{}, Before: p.Before, Held: p.Held,
		Latencies: map[string]*encodedLatencies{}, ByCode: map[int]*encodedLatencies{},
	}
	for code, n := range p.Codes {
		if n != 0 {
			e.Codes[code] = n
		}
	}
	for s, l := range p.Latencies {
		if l != nil {
			e.Latencies[series.Series(s).String()] = encodeLatencies(l) //nolint:gosec // few
		}
	}
	for code, l := range p.ByCode {
		if l != nil && l.Count() > 0 {
			e.ByCode[code] = encodeLatencies(l)
		}
	}
	p.exemplars.each(func(x *Exemplar) {
		e.Exemplars = append(e.Exemplars, encodedExemplar{
			// few
			Kind: x.Kind, Worker: x.Worker, Step: x.Step, Seq: x.Seq, Code: int(x.Code),
			Message:  []byte(x.Message), //nolint:gosec
			Intended: x.Intended, Response: x.Response, Service: x.Service, LoadReport: []byte(x.LoadReport),
			Local: x.Local,
		})
	})
	return e
}

func (e *encodedPart) decode() (*Part, error) {
	if e == nil {
		return nil, nil
	}
	p := &Part{Counts: e.Counts, Before: e.Before, Held: e.Held}
	for code, n := range e.Codes {
		if err := checkCode(code); err != nil {
			return nil, err
		}
		p.Codes[code] = n
	}
	for name, latencies := range e.Latencies {
		s, ok := series.Named(name)
		if !ok {
			return nil, fmt.Errorf("no series is called %q", name)
		}
		l, err := latencies.decode()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.Latencies[s] = l
	}
	if p.Latencies[series.Service] == nil {
		return nil, fmt.Errorf("the series %v is missing", series.Service)
	}
	for code, latencies := range e.ByCode {
		if err := checkCode(code); err != nil {
			return nil, err
		}
		l, err := latencies.decode()
		if err != nil {
			return nil, fmt.Errorf("%v: %w", codes.Code(code), err) //nolint:gosec // checked
		}
		p.ByCode[code] = l
	}
	for _, x := range e.Exemplars {
		if err := checkCode(x.Code); err != nil {
			return nil, err
		}
		if err := p.exemplars.take(&Exemplar{
			// checked
			Kind: x.Kind, Worker: x.Worker, Step: x.Step, Seq: x.Seq, Code: codes.Code(x.Code),
			Message:  string(x.Message), //nolint:gosec
			Intended: x.Intended, Response: x.Response, Service: x.Service, LoadReport: string(x.LoadReport),
			Local: x.Local,
		}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func checkCode(code int) error {
	if code < 0 || code >= CodeCount {
		return fmt.Errorf("%d is no code", code)
	}
	return nil
}

func encodeLatencies(l *Latencies) *encodedLatencies {
	e := &encodedLatencies{Sum: l.Sum, Min: l.Min, Max: l.Max, Counts: AppendCounts(nil, l.Histogram)}
	if l.CensoredCount() > 0 {
		e.Censored = AppendCounts(nil, l.Censored)
	}
	return e
}

func (e *encodedLatencies) decode() (*Latencies, error) {
	if e == nil {
		return nil, orMissing(nil)
	}
	l := &Latencies{Sum: e.Sum, Min: e.Min, Max: e.Max}
	var err error
	if l.Histogram, err = ReadCounts(e.Counts); err != nil {
		return nil, err
	}
	if len(e.Censored) == 0 {
		return l, nil
	}
	if l.Censored, err = ReadCounts(e.Censored); err != nil {
		return nil, err
	}
	return l, within(l.Censored, l.Histogram)
}

// within says which of some values are not among all.
func within(some, all *hdrhistogram.PackedHistogram) (err error) {
	some.ForEachBucket(func(value, n int64) bool {
		if n > all.CountAtValue(value) {
			err = fmt.Errorf("of %d values of %d ns %d are lower bounds", all.CountAtValue(value), value, n)
		}
		return err == nil
	})
	return err
}
