package recorder_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
)

const hour = int64(3_600_000_000_000)

// values are each series' count and sum of an interval; those it does not have are absent.
func values(iv *recorder.Snapshot) map[string][2]int64 {
	all := map[string][2]int64{}
	for s, l := range iv.Latencies {
		if l != nil {
			all[series.Series(s).String()] = [2]int64{l.Count(), l.Sum}
		}
	}
	return all
}

// One call, told apart into its times.
func TestCall(t *testing.T) {
	c := recorder.Sample{
		Intended: 1000, Free: 1010, Sent: 1030, Done: 1130, MessagesSent: 2, MessagesReceived: 3,
		BytesSent: 40, BytesReceived: 50,
	}
	for _, tt := range []struct {
		reason string
		cfg    recorder.Config
		want   map[string][2]int64
	}{
		{"a closed loop knows the service", recorder.Config{}, map[string][2]int64{"service": {1, 100}}},
		{"an open loop knows what was due", recorder.Config{OpenLoop: true}, map[string][2]int64{
			"service": {1, 100}, "response": {1, 130}, "lag": {1, 30}, "pacing": {1, 20},
		}},
		{
			"a stream has series that its messages fill",
			recorder.Config{Messages: []series.Series{series.FirstMessage, series.MessageRTT}},
			map[string][2]int64{
				"service": {1, 100}, "first_message": {0, 0}, "message_rtt": {0, 0},
			},
		},
	} {
		r := recorder.New(tt.cfg)
		s := r.NewLane()
		s.Due(0)
		s.Call(&c)
		iv := take(r, s)
		if diff := cmp.Diff(tt.want, values(iv)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
		counts := recorder.Counts{
			Due: 1, Sent: 1, OK: 1, MessagesSent: 2, MessagesReceived: 3, BytesSent: 40,
			BytesReceived: 50,
		}
		if tt.cfg.OpenLoop {
			counts.Late = 1 // LateAfter is 0
		}
		if diff := cmp.Diff(counts, iv.Counts); diff != "" {
			t.Errorf("%s, counts (-want +got):\n%s", tt.reason, diff)
		}
	}
}

// Every call that is due has one end, and the codes say the same.
func TestCountsAddUp(t *testing.T) {
	for _, open := range []bool{false, true} {
		r := recorder.New(recorder.Config{OpenLoop: open, LateAfter: 10})
		s := r.NewLane()
		ends := []recorder.Sample{
			{},
			{Code: codes.Unavailable},
			{Code: codes.Canceled},
			{Code: codes.Unauthenticated},
			{Code: 99},
			{Unfinished: true},
			{Unfinished: true, Code: codes.Canceled},
			{Sent: 10, Done: 11},
			{Sent: 11, Done: 12},
		}
		for i := range ends {
			s.Due(0)
			s.Call(&ends[i])
		}
		for range 3 {
			s.Due(0)
			s.NeverSent(0, 7)
		}
		iv := take(r, s)
		want := recorder.Counts{Due: 12, Sent: 9, OK: 3, Failed: 4, Unfinished: 2, NeverSent: 3}
		if open {
			want.Late = 1 // at exactly LateAfter it is not
		}
		if diff := cmp.Diff(want, iv.Counts); diff != "" {
			t.Errorf("open loop %v, counts (-want +got):\n%s", open, diff)
		}
		if c := iv.Counts; c.Due != c.OK+c.Failed+c.Unfinished+c.NeverSent || c.Due != c.Sent+c.NeverSent {
			t.Errorf("open loop %v: %+v do not add up", open, c)
		}
		var codeWant [recorder.CodeCount]int64
		codeWant[codes.OK], codeWant[codes.Unavailable], codeWant[codes.Canceled], codeWant[codes.Unauthenticated] = 3,
			1, 1, 1
		codeWant[codes.Unknown] = 1 // 99
		if diff := cmp.Diff(codeWant, iv.Codes); diff != "" {
			t.Errorf("open loop %v, codes (-want +got):\n%s", open, diff)
		}
		service := iv.Latencies[series.Service]
		if n, censored := service.Count(), service.CensoredCount(); n != 9 || censored != 2 {
			t.Errorf("open loop %v: %d service times, %d of them lower bounds: want those of the 9 calls that were "+
				"sent, 2 that were cut off", open, n, censored)
		}
		if response := iv.Latencies[series.Response]; open &&
			(response.Count() != 12 || response.CensoredCount() != 5) {
			t.Errorf("%d response times, %d of them lower bounds: want one of each of the 12 calls that were due, 5 "+
				"that were never answered", response.Count(), response.CensoredCount())
		}
	}
}

// HD-5: whatever a clock says, a value is in a histogram or counted as overflow.
func TestNoValueIsLost(t *testing.T) {
	latencies := []struct {
		ns   int64
		fits bool
	}{
		{0, true},
		{1, true},
		{-1, false},
		{hour - 1, true},
		{hour, true},
		{hour + 1, false},
		{4 * hour, false},
		{-4 * hour, false},
		{1 << 62, false},
		{-1 << 62, false},
	}
	for _, open := range []bool{false, true} {
		r := recorder.New(recorder.Config{
			OpenLoop: open, PerWorker: true,
			Messages: []series.Series{series.FirstMessage},
		})
		s := r.NewLane()
		var fit, over int64
		for _, l := range latencies {
			for _, code := range []codes.Code{codes.OK, codes.Internal} {
				s.Due(0)
				s.Call(&recorder.Sample{Sent: 0, Done: l.ns, Code: code})
			}
			s.Message(0, series.FirstMessage, l.ns)
			if l.fits {
				fit++
			} else {
				over++
			}
		}
		flush(t, r, 1, 2, s)
		total := r.Total()
		calls := total.Counts.OK + total.Counts.Failed
		if want := int64(2 * len(latencies)); calls != want || total.Counts.Due != want {
			t.Errorf("open loop %v: %d calls of %d that were due, want %d", open, calls, total.Counts.Due, want)
		}
		for _, tt := range []struct {
			series series.Series
			fit    int64
		}{{series.Service, 2 * fit}, {series.FirstMessage, fit}} {
			if got := total.Latencies[tt.series].Count(); got != tt.fit {
				t.Errorf("open loop %v: %v holds %d values, want %d", open, tt.series, got, tt.fit)
			}
		}
		wantOver := 3 * over // two calls and a message each
		if open {
			wantOver += 2 * over // their responses; lag and pacing are 0
		}
		if got := total.Counts.Overflow; got != wantOver {
			t.Errorf("open loop %v: overflow %d, want %d", open, got, wantOver)
		}
		if got := total.ByCode[codes.Internal].Count(); got != total.Counts.Failed {
			t.Errorf("open loop %v: %d failures by code, want %d", open, got, total.Counts.Failed)
		}
		if got := total.Workers[0].TotalCount(); got != calls {
			t.Errorf("open loop %v: %d calls by worker, want %d", open, got, calls)
		}
	}
}

// A call that was sent before it was due, by a clock's fault, has a response and a lag that no histogram takes.
func TestNegativeLagIsOverflow(t *testing.T) {
	r := recorder.New(recorder.Config{OpenLoop: true})
	s := r.NewLane()
	s.Call(&recorder.Sample{Intended: 200, Sent: 100, Done: 250})
	iv := take(r, s)
	got := values(iv)
	if got["response"] != [2]int64{1, 50} || got["service"] != [2]int64{1, 150} || got["lag"] != [2]int64{0, 0} ||
		iv.Counts.Overflow < 1 || iv.Counts.Late != 0 {
		t.Errorf("%v, counts %+v, want the lag as overflow", got, iv.Counts)
	}
}

// What is taken stays what it was while the lane goes on, until the next Take.
func TestTake(t *testing.T) {
	r := recorder.New(recorder.Config{})
	s := r.NewLane()
	for i := range int64(5) {
		for range i {
			s.Call(&recorder.Sample{Done: 100})
		}
		iv := take(r, s)
		s.Call(&recorder.Sample{Done: 7})
		s.Due(0)
		if iv.Counts.OK != i || iv.Counts.Due != 0 || iv.Headline().Count() != i {
			t.Errorf("interval %d holds %+v and %d latencies, want %d calls", i, iv.Counts, iv.Headline().Count(), i)
		}
		take(r, s) // of the 7
	}
}

// STYLE's guard of the hot path: a call that succeeds allocates nothing.
func TestCallAllocatesNothing(t *testing.T) {
	for name, cfg := range map[string]recorder.Config{
		"closed loop": {},
		"open loop":   {OpenLoop: true, LateAfter: 1},
		"per worker":  {PerWorker: true},
		"stream": {
			OpenLoop: true, PerWorker: true,
			Messages: []series.Series{series.FirstMessage, series.MessageRTT},
		},
	} {
		r := recorder.New(cfg)
		s := r.NewLane()
		i := 0
		record := func() {
			i++
			ns := int64(50_000 + i%1000*100) // the same values again and again: no news for the exemplars
			c := recorder.Sample{
				Worker: uint16(i % 50), Seq: uint64(i), Sent: 10, Done: 10 + ns, MessagesSent: 1, MessagesReceived: 1,
				LoadReport: func() string { return "a report that is kept for few calls only" },
			}
			s.Due(0)
			s.Call(&c)
			for _, series := range cfg.Messages {
				s.Message(0, series, ns)
			}
			if i%5000 == 0 {
				take(r, s)
			}
		}
		for range 100_000 {
			record()
		}
		if n := testing.AllocsPerRun(10_000, record); n != 0 {
			t.Errorf("%s: %v allocations a call, want none", name, n)
		}
	}
}

// Before is the generator's own time: from when a call was due and its worker free, to its send.
func TestBefore(t *testing.T) {
	for _, open := range []bool{false, true} {
		r := recorder.New(recorder.Config{OpenLoop: open})
		s := r.NewLane()
		s.Call(&recorder.Sample{Intended: 100, Free: 100, Sent: 103, Done: 200})
		s.Call(&recorder.Sample{Intended: 100, Free: 150, Held: 20, Sent: 174, Done: 200})
		iv := take(r, s)
		if iv.Before != 3+4 || iv.Held != 20 {
			t.Errorf("open loop %v: %d ns before the sends and %d held, want 7 and 20", open, iv.Before, iv.Held)
		}
		if p := iv.Latencies[series.Pacing]; open && p.Sum != iv.Before {
			t.Errorf("the series pacing sums up to %d, want %d", p.Sum, iv.Before)
		}
		take(r, s)
		if iv := take(r, s); iv.Before+iv.Held != 0 {
			t.Errorf("open loop %v: an interval without calls has %d and %d", open, iv.Before, iv.Held)
		}
	}
}
