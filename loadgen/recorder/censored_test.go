package recorder_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
)

const ms = int64(time.Millisecond)

// Which ends of a call say how long it took, and which only how long it took at least.
func TestWhatIsCensored(t *testing.T) {
	for _, tt := range []struct {
		reason   string
		call     recorder.Sample
		timeout  int64
		censored bool
	}{
		{"an answer is known", recorder.Sample{Done: 50 * ms}, 100 * ms, false},
		{
			"an error of the server's is an answer",
			recorder.Sample{Done: 50 * ms, Code: codes.Internal},
			100 * ms,
			false,
		},
		{
			"cut off by the run's end",
			recorder.Sample{Done: 50 * ms, Code: codes.Canceled, Unfinished: true},
			100 * ms,
			true,
		},
		{
			"cut off, without a deadline",
			recorder.Sample{Done: 50 * ms, Code: codes.Canceled, Unfinished: true},
			0,
			true,
		},
		{"ended by its own deadline", recorder.Sample{Done: 101 * ms, Code: codes.DeadlineExceeded}, 100 * ms, true},
		{
			"both ends' clocks at once, the server's first",
			recorder.Sample{Done: 99*ms + 500_000, Code: codes.DeadlineExceeded},
			100 * ms, true,
		},
		{
			"the server gave up by itself, long before",
			recorder.Sample{Done: 30 * ms, Code: codes.DeadlineExceeded},
			100 * ms, false,
		},
		{
			"without a deadline it is the server's",
			recorder.Sample{Done: 300 * ms, Code: codes.DeadlineExceeded},
			0,
			false,
		},
		{
			"held back, the deadline ran before the send",
			recorder.Sample{Sent: 80 * ms, Held: 80 * ms, Done: 101 * ms, Code: codes.DeadlineExceeded},
			100 * ms,
			true,
		},
		{"an answer after the deadline is one", recorder.Sample{Done: 101 * ms}, 100 * ms, false},
	} {
		r := recorder.New(recorder.Config{
			OpenLoop: true, Timeout: tt.timeout,
			Messages: []series.Series{series.FirstMessage},
		})
		s := r.NewLane()
		s.Due(0)
		s.Call(&tt.call)
		flush(t, r, 0, 1, s)
		for _, series := range []series.Series{series.Response, series.Service} {
			l := r.Total().Latencies[series]
			if l.Count() != 1 || (l.CensoredCount() == 1) != tt.censored {
				t.Errorf("%s: %v has %d values, %d of them lower bounds; want censored %v", tt.reason, series,
					l.Count(), l.CensoredCount(), tt.censored)
			}
		}
		if n := r.Total().Latencies[series.FirstMessage].CensoredCount(); (n == 1) != tt.censored {
			t.Errorf("%s: the first message, which did not come, is %d lower bounds", tt.reason, n)
		}
		if n := r.Total().Latencies[series.Lag].CensoredCount(); n != 0 {
			t.Errorf("%s: the lag of a call that was sent is known", tt.reason)
		}
	}
}

// What a percentile can be at most is that of the values that are known, as if all others were without end.
func TestUpper(t *testing.T) {
	r := recorder.New(recorder.Config{OpenLoop: true})
	lanes := []*recorder.Lane{r.NewLane(), r.NewLane()}
	for i := range int64(100) { // 1 to 100 ms, every tenth of which was cut off
		c := recorder.Sample{Done: (i + 1) * ms, Unfinished: i%10 == 0}
		if c.Unfinished {
			c.Code = codes.Canceled
		}
		lanes[i%2].Call(&c)
	}
	flush(t, r, 0, 1, lanes...)
	l := r.Total().Headline()
	known := l.Known()
	if known.TotalCount() != 90 || l.Count() != 100 || l.CensoredCount() != 10 {
		t.Fatalf("%d known, %d in all, %d censored", known.TotalCount(), l.Count(), l.CensoredCount())
	}
	for _, tt := range []struct {
		rank, ms int64
		bounded  bool
	}{{1, 2, true}, {9, 10, true}, {10, 12, true}, {90, 100, true}, {91, 0, false}, {100, 0, false}} {
		got, bounded := recorder.Upper(known, tt.rank)
		if bounded != tt.bounded || got/ms != tt.ms && (got-got/1000)/ms != tt.ms {
			t.Errorf("rank %d can be %v at most (%v), want %d ms (%v)", tt.rank, time.Duration(got), bounded, tt.ms,
				tt.bounded)
		}
	}
}

// Intervals are taken again and again: what was censored in one is in no other, and all of it in the total.
func TestCensoredIsTakenOnce(t *testing.T) {
	r := recorder.New(recorder.Config{})
	s := r.NewLane()
	for i := range int64(5) {
		s.Call(&recorder.Sample{Done: ms, Unfinished: i%2 == 0, Code: codes.Canceled})
		flush(t, r, i, i+1, s)
	}
	if l := r.Total().Headline(); l.Count() != 5 || l.CensoredCount() != 3 {
		t.Errorf("%d values, %d of them censored; want 5 and 3", l.Count(), l.CensoredCount())
	}
}

// A stream that is cut off waits for a message, which would have taken longer than it has: of each series that the kind
// of call has, one lower bound.
func TestAwaitedMessages(t *testing.T) {
	bidi := []series.Series{series.FirstMessage, series.MessageRTT, series.MessageResponse, series.SendBlocked}
	for _, tt := range []struct {
		reason string
		series []series.Series
		call   recorder.Sample
		want   map[series.Series]int64 // in ms
	}{
		{
			"an answer was awaited", bidi,
			recorder.Sample{MessagesSent: 3, MessagesReceived: 2, Awaited: 60 * ms, AwaitedDue: 50 * ms},
			map[series.Series]int64{series.MessageRTT: 40, series.MessageResponse: 50},
		},
		{
			"the first answer was awaited", bidi,
			recorder.Sample{MessagesSent: 1, Awaited: 10 * ms, AwaitedDue: 10 * ms},
			map[series.Series]int64{series.FirstMessage: 100, series.MessageRTT: 90, series.MessageResponse: 90},
		},
		{
			"all were answered, and the next was not yet sent", bidi,
			recorder.Sample{MessagesSent: 2, MessagesReceived: 2, Awaited: 60 * ms},
			nil,
		},
		{
			"the server's next was awaited",
			[]series.Series{series.FirstMessage, series.MessageGap},
			recorder.Sample{MessagesSent: 1, MessagesReceived: 5, Awaited: 70 * ms},
			map[series.Series]int64{series.MessageGap: 30},
		},
	} {
		r := recorder.New(recorder.Config{Messages: tt.series})
		s := r.NewLane()
		tt.call.Done, tt.call.Unfinished, tt.call.Code = 100*ms, true, codes.Canceled
		s.Call(&tt.call)
		flush(t, r, 0, 1, s)
		for _, series := range tt.series {
			l := r.Total().Latencies[series]
			want, censored := tt.want[series]
			if (l.CensoredCount() == 1) != censored || censored && l.Min != want*ms {
				t.Errorf("%s: %v has %d lower bounds, of %v; want %d ms (%v)", tt.reason, series, l.CensoredCount(),
					time.Duration(l.Min), want, censored)
			}
		}
	}
}
