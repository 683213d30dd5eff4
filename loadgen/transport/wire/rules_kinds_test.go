package wire

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// dialogue is one step of a conversation: what the server does, and what it then hears.
type dialogue struct {
	say  func(p *peer)
	hear []string
}

// A call of each kind, step by step: what it sends when, and how it ends. Each
// conversation is held byte by byte too.
func TestKinds(t *testing.T) {
	begin := func(p *peer) { p.begin(1) }
	say := func(bodies ...string) func(p *peer) {
		return func(p *peer) {
			for _, b := range bodies {
				p.message(1, b)
			}
		}
	}
	end := func(p *peer) { p.end(1) }
	for _, tt := range []struct {
		name   string
		reason string
		spec   transport.Spec
		src    source
		first  []string // what the server hears before it says anything
		then   []dialogue
		want   string
		sent   int
		taken  int
		counts string // latencies told: first, RTT, gap, blocked
	}{
		{
			name: "unary", reason: "head, message and end at once", first: []string{"HEADERS 1", "DATA 1: 8 END"},
			then: []dialogue{{begin, nil}, {say("yes"), nil}, {end, nil}}, want: "OK", sent: 1, taken: 1,
			counts: "0 0 0 0",
		},
		{
			name: "unary, answered early", reason: "a server need not read a request to its end",
			src: source{size: 70_000}, first: []string{
				"HEADERS 1", "DATA 1: 16384", "DATA 1: 16384", "DATA 1: 16384",
				"DATA 1: 16383",
			},
			then: []dialogue{{say: begin}, {say: say("yes")}, {end, []string{"RST_STREAM 1: CANCEL"}}}, want: "OK",
			sent: 1, taken: 1, counts: "0 0 0 0",
		},
		{
			name: "client stream", reason: "all messages at once, the last ends the stream",
			spec:  transport.Spec{Kind: transport.ClientStream, Send: 3},
			first: []string{"HEADERS 1", "DATA 1: 8", "DATA 1: 8", "DATA 1: 8 END"},
			then:  []dialogue{{say: begin}, {say: say("yes")}, {say: end}}, want: "OK", sent: 3, taken: 1,
			counts: "1 0 0 3",
		},
		{
			name:   "client stream, ended early",
			reason: "the server has seen enough: its answer counts, and what is left is not sent",
			spec:   transport.Spec{Kind: transport.ClientStream, Send: 30}, src: source{size: 10_000 - messageHead},
			first: []string{
				"HEADERS 1", "DATA 1: 10000", "DATA 1: 10000", "DATA 1: 10000", "DATA 1: 10000",
				"DATA 1: 10000", "DATA 1: 10000", "DATA 1: 5535",
			},
			then: []dialogue{
				{say: begin},
				{say: say("enough")},
				{end, []string{"RST_STREAM 1: CANCEL"}},
				{say: func(p *peer) { p.window(0, 1<<20); p.window(1, 1<<20) }},
			},
			want: "OK", sent: 7, taken: 1, counts: "1 0 0 6",
		},
		{
			name: "client stream, refused early", reason: "trailers only, before we are done",
			spec: transport.Spec{Kind: transport.ClientStream, Send: 30}, src: source{size: 65535 - messageHead},
			first: []string{"HEADERS 1", "DATA 1: 16384", "DATA 1: 16384", "DATA 1: 16384", "DATA 1: 16383"},
			then: []dialogue{{
				func(p *peer) {
					p.headers(1, true, ":status", "200", "content-type", "application/grpc", "grpc-status", "7",
						"grpc-message", "no")
				},
				[]string{"RST_STREAM 1: CANCEL"},
			}},
			want: "PermissionDenied: no", sent: 2, counts: "0 0 0 1",
		},
		{
			name: "client stream, two answers", reason: "it has one",
			spec:  transport.Spec{Kind: transport.ClientStream, Send: 1},
			first: []string{"HEADERS 1", "DATA 1: 8 END"},
			then:  []dialogue{{say: begin}, {say("a", "b"), []string{"RST_STREAM 1: CANCEL"}}},
			want:  "Internal: the server sent more than one answer", sent: 1, taken: 2, counts: "1 0 0 1",
		},
		{
			name: "client stream, broken source", reason: "a message that cannot be made ends the call",
			spec: transport.Spec{Kind: transport.ClientStream, Send: 3}, src: source{broken: 2},
			first: []string{"HEADERS 1", "DATA 1: 8", "DATA 1: 8", "RST_STREAM 1: CANCEL"},
			want:  "Internal: make message 2: out of words", sent: 2, counts: "0 0 0 2",
		},
		{
			name: "server stream", reason: "answers are counted and timed",
			spec:  transport.Spec{Kind: transport.ServerStream},
			first: []string{"HEADERS 1", "DATA 1: 8 END"},
			then:  []dialogue{{say: begin}, {say: say("a", "", "c")}, {say: say("d")}, {say: end}}, want: "OK",
			sent: 1, taken: 4, counts: "1 0 3 0",
		},
		{
			name: "server stream, received", reason: "Spec.Receive ends it, and what comes later is of no interest",
			spec:  transport.Spec{Kind: transport.ServerStream, Receive: 2},
			first: []string{"HEADERS 1", "DATA 1: 8 END"},
			then: []dialogue{
				{say: begin},
				{say: say("a")},
				{func(p *peer) { p.dataFrame(1, false, message("b")+message("c")) }, []string{"RST_STREAM 1: CANCEL"}},
				{say: say("d")},
				{say: end},
			},
			want: "OK", sent: 1, taken: 2, counts: "1 0 1 0",
		},
		{
			name: "server stream, wrong answer", reason: "one ends the call",
			spec:  transport.Spec{Kind: transport.ServerStream},
			first: []string{"HEADERS 1", "DATA 1: 8 END"},
			then:  []dialogue{{say: begin}, {say("a", "wrong", "c"), []string{"RST_STREAM 1: CANCEL"}}, {say: end}},
			want:  "DataLoss: answer 1: it is \"wrong\"", sent: 1, taken: 2, counts: "1 0 0 0",
		},
		{
			name: "bidi", reason: "in lockstep; the end is a frame of its own",
			spec:  transport.Spec{Kind: transport.Bidi, Send: 2},
			first: []string{"HEADERS 1", "DATA 1: 8"},
			then: []dialogue{
				{say: begin},
				{say("a"), []string{"DATA 1: 8"}},
				{say("b"), []string{"DATA 1: 0 END"}},
				{say: end},
			}, want: "OK", sent: 2, taken: 2, counts: "1 2 0 2",
		},
		{
			name: "bidi, more at the end", reason: "after our end the server may say more, which is for the source " +
				"to judge", spec: transport.Spec{Kind: transport.Bidi, Send: 1},
			first: []string{"HEADERS 1", "DATA 1: 8"},
			then:  []dialogue{{say: begin}, {say("a"), []string{"DATA 1: 0 END"}}, {say: say("b")}, {say: end}},
			want:  "OK", sent: 1, taken: 2, counts: "1 1 0 1",
		},
		{
			name: "bidi, received", reason: "Spec.Receive ends it",
			spec:  transport.Spec{Kind: transport.Bidi, Receive: 2},
			first: []string{"HEADERS 1", "DATA 1: 8"},
			then: []dialogue{
				{say: begin},
				{say("a"), []string{"DATA 1: 8"}},
				{say("b"), []string{"RST_STREAM 1: CANCEL"}},
			}, want: "OK", sent: 2, taken: 2, counts: "1 2 0 2",
		},
		{
			name: "free", reason: "all messages go out at once, and answers come as they come, more of them or fewer",
			spec:  transport.Spec{Kind: transport.Bidi, Send: 2, Turns: transport.Free},
			first: []string{"HEADERS 1", "DATA 1: 8", "DATA 1: 8", "DATA 1: 0 END"},
			then:  []dialogue{{say: begin}, {say: say("a", "b", "c")}, {say: end}}, want: "OK", sent: 2, taken: 3,
			counts: "1 0 2 2",
		},
		{
			name: "free, without an answer", reason: "which is for the service to say",
			spec:  transport.Spec{Kind: transport.Bidi, Send: 1, Turns: transport.Free},
			first: []string{"HEADERS 1", "DATA 1: 8", "DATA 1: 0 END"}, then: []dialogue{{say: begin}, {say: end}},
			want: "OK", sent: 1, taken: 0, counts: "0 0 0 1",
		},
		{
			name: "half", reason: "as free, where nothing takes its time",
			spec:  transport.Spec{Kind: transport.Bidi, Send: 2, Turns: transport.Half},
			first: []string{"HEADERS 1", "DATA 1: 8", "DATA 1: 8", "DATA 1: 0 END"},
			then:  []dialogue{{say: begin}, {say: say("a", "b")}, {say: end}}, want: "OK", sent: 2, taken: 2,
			counts: "1 0 1 2",
		},
		{
			name: "free, received", reason: "a stream that this side ends is not half-closed before: the server " +
				"would end it at that",
			spec:  transport.Spec{Kind: transport.Bidi, Send: 1, Receive: 2, Turns: transport.Free},
			first: []string{"HEADERS 1", "DATA 1: 8"},
			then:  []dialogue{{say: begin}, {say("a"), nil}, {say("b"), []string{"RST_STREAM 1: CANCEL"}}}, want: "OK",
			sent: 1, taken: 2, counts: "1 0 1 1",
		},
		{
			name: "bidi, unasked", reason: "an answer before its message",
			spec: transport.Spec{Kind: transport.Bidi, Send: 2},
			src:  source{broken: 2}, first: []string{"HEADERS 1", "DATA 1: 8"},
			then: []dialogue{
				{say: begin},
				{say("a"), []string{"DATA 1: 8"}},
				{say("b", "c"), []string{"DATA 1: 0 END"}},
				{say: end},
			}, want: "OK", sent: 2, taken: 3,
			counts: "1 2 0 2",
		},
		{
			name: "bidi, ended early", reason: "an answer is missing",
			spec:  transport.Spec{Kind: transport.Bidi, Send: 2},
			first: []string{"HEADERS 1", "DATA 1: 8"},
			then: []dialogue{
				{say: begin},
				{say("a"), []string{"DATA 1: 8"}},
				{end, []string{"RST_STREAM 1: CANCEL"}},
			},
			want: "Internal: the server ended the stream after 1 of its answers", sent: 2, taken: 1,
			counts: "1 1 0 2",
		},
		{
			name: "bidi, wrong answer", reason: "one ends the call",
			spec:  transport.Spec{Kind: transport.Bidi, Send: 2},
			first: []string{"HEADERS 1", "DATA 1: 8"},
			then:  []dialogue{{say: begin}, {say("wrong"), []string{"RST_STREAM 1: CANCEL"}}},
			want:  "DataLoss: answer 0", sent: 1, taken: 1, counts: "0 0 0 1",
		},
		{
			name: "bidi, broken source", reason: "a message that cannot be made, from within an answer",
			spec: transport.Spec{Kind: transport.Bidi, Send: 2}, src: source{broken: 1},
			first: []string{"HEADERS 1", "DATA 1: 8"},
			then:  []dialogue{{say: begin}, {say("a", "b"), []string{"RST_STREAM 1: CANCEL"}}},
			want:  "Internal: make message 1: out of words", sent: 1, taken: 1, counts: "1 1 0 1",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, chunk := range []int{0, 1} {
				bubble(t, func(t *testing.T) {
					r := newRig(t, tt.spec)
					r.src = tt.src
					r.tune = func(_ int, client *pipeEnd, _ *peer) { client.in.chunk = chunk }
					r.connect()
					p, c := r.peer(1), r.start()
					r.heard(p, tt.first...)
					for _, d := range tt.then {
						d.say(p)
						r.heard(p, d.hear...)
					}
					r.want(c, tt.want)
					if c.MessagesSent != tt.sent || c.MessagesReceived != tt.taken {
						t.Errorf("%d messages sent, %d received: want %d, %d", c.MessagesSent, c.MessagesReceived,
							tt.sent, tt.taken)
					}
					s := r.series
					if got := fmt.Sprint(len(s[series.FirstMessage]), len(s[series.MessageRTT]),
						len(s[series.MessageGap]), len(s[series.SendBlocked])); got != tt.counts {
						t.Errorf("latencies told of first messages, round trips, gaps and sends: %s, want %s", got,
							tt.counts)
					}
					if t.Failed() {
						t.Logf("%d bytes a read; %s", chunk, tt.reason)
					}
				})
			}
		})
	}
}

// An answer to a message that was never sent is wrong, as long as our side is open.
func TestUnaskedAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.Bidi, Send: 5}, setting(http2.SettingMaxConcurrentStreams, 1),
			setting(http2.SettingInitialWindowSize, 10)).connect()
		p, c := r.peer(1), r.start()
		p.begin(1)
		p.dataFrame(1, false, message("a")+message("b")+message("c"))
		r.want(c, "DataLoss: answer 2: there was no message for it")
		r.hears(p, "RST_STREAM 1: CANCEL")
	})
}

// Latencies within a call, by a clock that only moves when told.
func TestSeries(t *testing.T) {
	const ms = int64(time.Millisecond)
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.Bidi, Send: 2},
			setting(http2.SettingInitialWindowSize, 8)).connect()
		p := r.peer(1)
		r.start()
		p.begin(1)
		time.Sleep(5 * time.Millisecond)
		p.message(1, "a") // the second message has to wait for a window
		r.heard(p, "HEADERS 1", "DATA 1: 8")
		time.Sleep(7 * time.Millisecond)
		p.window(1, 8)
		r.heard(p, "DATA 1: 8")
		time.Sleep(2 * time.Millisecond)
		p.message(1, "b")
		r.heard(p, "DATA 1: 0 END")
		s := r.series
		if got, want := fmt.Sprint(s[series.FirstMessage], s[series.MessageRTT], s[series.SendBlocked]),
			fmt.Sprint([]int64{5 * ms}, []int64{5 * ms, 2 * ms}, []int64{0, 7 * ms}); got != want {
			t.Errorf("first, round trips, blocked: %s, want %s", got, want)
		}
	})
	// A server may answer what it has only heard a part of: the round trip is from some time within the call.
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.Bidi, Send: 2},
			setting(http2.SettingInitialWindowSize, 12)).connect()
		p := r.peer(1)
		r.start()
		p.begin(1)
		p.message(1, "a")
		r.hears(p, "DATA 1: 4")
		time.Sleep(5 * time.Millisecond)
		p.message(1, "b")
		r.heard(p)
		if n := len(r.series[series.MessageRTT]); n != 2 {
			t.Errorf("%d round trips, want 2", n)
		}
		for _, rtt := range r.series[series.MessageRTT] {
			if rtt < 0 || rtt > 5*ms {
				t.Errorf("a round trip of %v in a call of 5ms", time.Duration(rtt))
			}
		}
	})
}

// Finish ends the streams that have no other end, with their last answers, and what starts later ends after one
// message.
func TestFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.Bidi}).connect()
		p, c := r.peer(1), r.start()
		r.heard(p, "HEADERS 1", "DATA 1: 8")
		p.begin(1)
		for range 3 {
			p.message(1, "a")
			r.heard(p, "DATA 1: 8")
		}
		r.conn.Finish()
		r.heard(p) // its answer is yet to come
		p.message(1, "last")
		r.heard(p, "DATA 1: 0 END")
		p.end(1)
		r.want(c, "OK")
		late := r.start()
		r.heard(p, "HEADERS 3", "DATA 3: 8")
		p.begin(3)
		p.message(3, "a")
		r.heard(p, "DATA 3: 0 END")
		p.end(3)
		r.want(late, "OK")
	})
	bubble(t, func(t *testing.T) {
		r := newRig(t, transport.Spec{Kind: transport.ClientStream})
		r.src = source{size: 40_000 - messageHead}
		r.connect()
		p, c := r.peer(1), r.start()
		r.heard(p, "HEADERS 1", "DATA 1: 16384", "DATA 1: 16384", "DATA 1: 7232", "DATA 1: 16384", "DATA 1: 9151")
		r.conn.Finish()
		r.heard(p) // within a message
		p.window(1, 100_000)
		p.window(0, 100_000)
		r.heard(p, "DATA 1: 14465", "DATA 1: 0 END")
		p.answer(1, "yes")
		r.want(c, "OK")
	})
	bubble(t, func(t *testing.T) { // a stream with an end of its own keeps it
		r := newRig(t, transport.Spec{Kind: transport.Bidi, Send: 2}).connect()
		p, c := r.peer(1), r.start()
		r.conn.Finish()
		p.begin(1)
		p.message(1, "a")
		r.heard(p, "HEADERS 1", "DATA 1: 8", "DATA 1: 8")
		p.message(1, "b")
		r.heard(p, "DATA 1: 0 END")
		p.end(1)
		r.want(c, "OK")
	})
}

// A stream that waits for its next message's time ends at once by Finish. Real time, for the alarm.
func TestFinishAmidAnInterval(t *testing.T) {
	r := newRig(t, transport.Spec{Kind: transport.ClientStream, Interval: time.Hour})
	c, err := r.dialer.Dial(t.Context(), "server:1", transport.One(r.spec, r.src))
	if err != nil {
		t.Fatal(err)
	}
	r.conn = c
	defer r.close()
	over := make(chan struct{})
	r.again = func(*transport.Call) { close(over) }
	call := r.call()
	if err := r.begin(call); err != nil {
		t.Fatal(err)
	}
	r.conn.Flush()
	p := r.peer(1)
	reads := func(line string) {
		var all []string
		for end := time.Now().Add(10 * time.Second); !slices.Contains(all, line); {
			all = append(all, p.take()...)
			if time.Now().After(end) {
				t.Fatalf("the server read %q: want %q among it", all, line)
			}
			time.Sleep(time.Millisecond)
		}
	}
	reads("DATA 1: 8")
	r.conn.Finish()
	reads("DATA 1: 0 END")
	p.answer(1, "yes")
	<-over
	if got := r.outcome(call); got != "OK" || call.MessagesSent != 1 {
		t.Errorf("the call is %q after %d messages, want OK after 1", got, call.MessagesSent)
	}
}

// Interval and Pace keep messages apart, by a clock that sleeps in system calls: no bubble for it.
func TestIntervalAndPace(t *testing.T) {
	for name, spec := range map[string]transport.Spec{
		"interval": {Kind: transport.ClientStream, Send: 4, Interval: 5 * time.Millisecond},
		"pace":     {Kind: transport.ClientStream, Send: 4, Pace: 5 * time.Millisecond},
		"both":     {Kind: transport.Bidi, Send: 4, Pace: 5 * time.Millisecond, Interval: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, spec)
			c, err := r.dialer.Dial(t.Context(), "server:1", transport.One(r.spec, r.src))
			if err != nil {
				t.Fatal(err)
			}
			r.conn = c
			defer r.close()
			over := make(chan struct{})
			r.again = func(*transport.Call) { close(over) }
			call := r.call()
			if err := r.begin(call); err != nil {
				t.Fatal(err)
			}
			r.conn.Flush()
			p := r.peer(1)
			p.begin(1)
			for n := 0; n < 4; {
				if got := len(p.messages(1)); got > n && spec.Kind == transport.Bidi {
					p.message(1, "yes")
					n = got
				} else if n = got; got < 4 {
					time.Sleep(100 * time.Microsecond)
				}
			}
			if spec.Kind != transport.Bidi {
				p.message(1, "yes")
			}
			p.end(1)
			<-over
			if took := time.Duration(call.End - call.Sent); took < 15*time.Millisecond || r.outcome(call) != "OK" {
				t.Errorf("%s after %v: want OK, and 3 intervals of 5ms at least", r.outcome(call), took)
			}
		})
	}
}
