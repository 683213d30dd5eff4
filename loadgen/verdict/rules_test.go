package verdict_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/verdict"
)

const (
	us = time.Microsecond
	ms = time.Millisecond
)

// healthy is an open-loop run that no rule has a word against.
func healthy() verdict.Facts {
	return verdict.Facts{
		Open: true, Local: true,
		Due: 1000, OK: 994, Failed: 6,
		Response:     map[float64]time.Duration{50: ms, 99: 10 * ms, 99.9: 20 * ms},
		Pacing:       map[float64]time.Duration{50: 50 * us, 99: 500 * us, 99.9: ms},
		LongestStall: 5 * ms,
		InFlight:     100, Deviation: 1, Littles: 100, Looks: 1000,
		Windows: slices.Repeat([]verdict.Window{{CPU: 0.3, Idle: 0.6}}, 10),
		Added:   []verdict.Added{{P: 50, Ns: 90_000}, {P: 99, Ns: 700_000}},
		GCPause: 100 * us, GCShare: 0.02,
		ClockSource: "tsc", ClockCost: 40 * time.Nanosecond,
		Arrivals: verdict.Arrivals{AndersonDarling: 2, RateTimesPacing: 0.05},
		DriftP:   0.4, DriftShare: 0.01,
	}
}

// windows sets the second of ten windows, or with all every one.
func windows(all bool, set func(*verdict.Window)) func(*verdict.Facts) {
	return func(f *verdict.Facts) {
		for i := range f.Windows {
			if all || i == 1 {
				set(&f.Windows[i])
			}
		}
	}
}

func of(p float64, of *map[float64]time.Duration, d time.Duration) { (*of)[p] = d }

// add is what the load generator adds to p99.
func add(f *verdict.Facts, d time.Duration) { f.Added[1].Ns = int64(d) }

const (
	valid   = verdict.Valid
	suspect = verdict.Suspect
	invalid = verdict.Invalid
)

// Each rule alone, on both sides of its limit, and what it makes of a closed loop.
func TestRules(t *testing.T) {
	for _, tt := range []struct {
		reason       string
		change       func(*verdict.Facts)
		open, closed verdict.Status
		says         string
	}{
		{"a healthy run", func(*verdict.Facts) {}, valid, valid, ""},
		{
			"nothing is known but the counts",
			func(f *verdict.Facts) { *f = verdict.Facts{Open: f.Open, Due: 1, OK: 1} },
			valid, valid, "",
		},

		{
			"no call", func(f *verdict.Facts) { f.Due, f.OK, f.Failed, f.Unfinished = 0, 0, 0, 0 }, invalid, invalid,
			"no call",
		},
		{
			"a call that no one knows of", func(f *verdict.Facts) { f.OK-- }, invalid, invalid,
			"1000 calls were due, 999 are accounted for",
		},
		{"a call counted twice", func(f *verdict.Facts) { f.Failed++ }, invalid, invalid, "1001 are accounted for"},
		{
			"a latency that fits nowhere", func(f *verdict.Facts) { f.Overflow = 1 }, invalid, invalid,
			"1 latencies fit no histogram",
		},
		{"interrupted", func(f *verdict.Facts) { f.Interrupted = true }, suspect, suspect, "interrupted"},
		{
			"a call that was never sent", func(f *verdict.Facts) { f.NeverSent, f.OK = 1, 993 }, invalid, valid,
			"1 of 1000 calls that were due were never sent",
		},

		{"a little added to p99", func(f *verdict.Facts) { add(f, 750*us); of(99, &f.Response, ms) }, valid, valid, ""},
		{
			"more than a tenth, and more than a wake-up", func(f *verdict.Facts) { add(f, 1001*us) }, suspect, suspect,
			"may have added up to 1ms to p99, of 10ms",
		},
		{"more than a wake-up, and less than a tenth", func(f *verdict.Facts) { add(f, 999*us) }, valid, valid, ""},
		{
			"half of it", func(f *verdict.Facts) { add(f, 2500*us); of(99, &f.Response, 5*ms) }, suspect, suspect,
			"2.5ms to p99",
		},
		{
			"more than half of it", func(f *verdict.Facts) { add(f, 2501*us); of(99, &f.Response, 5*ms) }, invalid,
			suspect, "2.5ms to p99",
		},
		{
			"more than half of little", func(f *verdict.Facts) { add(f, 1900*us); of(99, &f.Response, 2*ms) }, suspect,
			suspect, "1.9ms to p99",
		},
		{
			"much", func(f *verdict.Facts) { add(f, 5001*us); of(99, &f.Response, 50*ms) }, invalid, suspect,
			"5ms to p99, of 50ms",
		},
		{"much, of slow calls", func(f *verdict.Facts) { add(f, 6*ms); of(99, &f.Response, 61*ms) }, valid, valid, ""},
		{"causes are told", func(f *verdict.Facts) {
			add(f, 3*ms)
			of(99, &f.Pacing, 2*ms)
			windows(true, func(w *verdict.Window) {
				*w = verdict.Window{
					CPU: 0.9, Idle: 0.1, Steal: 0.06,
					RunQueue: 0.6,
				}
			})(f)
			f.Open, f.GCPause, f.GCShare = true, 3*ms, 0.2
		}, suspect, suspect, "calls went out up to 2ms late at p99; it used 90 % of its CPU; 0.6 of its threads " +
			"waited for a core at a time; the machine, which the server shares, had 10 % idle; the host took 6 % of " +
			"the CPU (steal); the garbage collector stopped it for 3ms; the garbage collector took 20 % of its CPU"},
		{
			"p99.9 of pacing over 20 ms", func(f *verdict.Facts) { of(99.9, &f.Pacing, 21*ms) }, invalid, suspect,
			"late by 21ms at p99.9",
		},
		{
			"the same of slow calls, p99.9",
			func(f *verdict.Facts) { of(99.9, &f.Pacing, 21*ms); of(99.9, &f.Response, 90*ms) }, valid, valid, "",
		},
		{
			"the same of calls just too quick for it, p99.9",
			func(f *verdict.Facts) { of(99.9, &f.Pacing, 21*ms); of(99.9, &f.Response, 83*ms) }, invalid, suspect,
			"at p99.9",
		},
		{"the median of pacing at its limit", func(f *verdict.Facts) { of(50, &f.Pacing, 200*us) }, valid, valid, ""},
		{
			"the median of pacing over it", func(f *verdict.Facts) { of(50, &f.Pacing, 201*us) }, suspect, suspect,
			"more than 201µs late",
		},

		{
			"data that takes its time", func(f *verdict.Facts) { f.Making = 1100 * us; of(99, &f.Response, 10*ms) },
			suspect, suspect, "making a message took up to 1.1ms at p99",
		},
		{
			"data that cannot keep up", func(f *verdict.Facts) { f.Making = 6 * ms; of(99, &f.Response, 10*ms) },
			invalid,
			suspect, "cannot keep up",
		},
		{
			"data that is quick enough", func(f *verdict.Facts) { f.Making = 700 * us; of(99, &f.Response, ms) }, valid,
			valid, "",
		},
		{"a pause", func(f *verdict.Facts) { f.LongestStall = 100 * ms }, valid, valid, ""},
		{
			"a standstill", func(f *verdict.Facts) { f.LongestStall = 101 * ms }, invalid, suspect,
			"stood still for 101ms",
		},

		{"Little's law, within the noise", func(f *verdict.Facts) { f.InFlight = 102.4 }, valid, valid, ""},
		{
			"Little's law, off", func(f *verdict.Facts) { f.InFlight = 103 }, suspect, suspect,
			"103.00 calls were in flight on average, but their rate and their times make 100.00",
		},
		{
			"Little's law, far off", func(f *verdict.Facts) { f.InFlight = 106 }, invalid, suspect,
			"the recorded times are wrong",
		},
		{
			"Little's law, far off below", func(f *verdict.Facts) { f.InFlight = 94 }, invalid, suspect,
			"the recorded times are wrong",
		},
		{"far off, but of few looks", func(f *verdict.Facts) { f.InFlight, f.Looks = 200, 99 }, valid, valid, ""},
		{
			"far off, but of a noisy mean", func(f *verdict.Facts) { f.InFlight, f.Deviation = 106, 20 }, valid, valid,
			"",
		},
		{
			"the machine slept", func(f *verdict.Facts) { f.Suspended = 3 * time.Second }, invalid, invalid,
			"the machine was suspended for 3s",
		},
		{"two readings apart", func(f *verdict.Facts) { f.Suspended = ms }, valid, valid, ""},
		{
			"the generator's own failures", func(f *verdict.Facts) {
				f.Own, f.OwnReason = 6, "UNAVAILABLE: too many "+
					"open files"
			}, invalid, invalid,
			"6 of 6 failures are the load generator's own, not the server's (UNAVAILABLE: too many open files)",
		},
		{
			"a few calls were never answered",
			func(f *verdict.Facts) { f.OK, f.Unfinished, f.Least, f.Oldest = 990, 4, 500*ms, 2*time.Second }, suspect,
			suspect, "4 of 1000 calls were never answered by the end of the drain: they had waited for 500ms to 2s",
		},
		{
			"so many that percentiles move",
			func(f *verdict.Facts) { f.OK, f.Unfinished, f.Moved = 594, 400, []float64{90, 99.9} }, invalid, invalid,
			"p90, p99.9 can only be told as at least so much",
		},
		{
			"our own deadlines move percentiles, and are no fault of the measurement",
			func(f *verdict.Facts) { f.Moved = []float64{99} }, valid, valid, "",
		},
		{
			"calls of the warm-up were never answered", func(f *verdict.Facts) { f.WarmupUnanswered = 5 }, suspect,
			suspect, "5 calls of the warm-up were never answered",
		},
		{
			"silence to the end", func(f *verdict.Facts) { f.Length, f.Silent = 30*time.Second, 29*time.Second },
			suspect,
			invalid, "the server answered nothing in the last 29s",
		},
		{
			"a server that was gone", func(f *verdict.Facts) { f.Outage = verdict.Outage{From: 2, To: 5, Failed: 501} },
			suspect, suspect, "from 2 s to 5 s of the run every call failed, 501 of them",
		},
		{"a mix as it was asked for, but for chance", func(f *verdict.Facts) {
			f.Mix = []verdict.Share{{Name: "buy", Count: 1100, Asked: 0.1}, {Name: "browse", Count: 8900, Asked: 0.9}}
		}, valid, valid, ""},
		{"a mix that is another", func(f *verdict.Facts) {
			f.Mix = []verdict.Share{
				{Name: "buy", Count: 1150, Asked: 0.1},
				{Name: "look", Count: 2950, Asked: 0.3},
				{Name: "browse", Count: 5900, Asked: 0.6},
			}
		}, suspect, suspect, "the mix came out other than asked: buy was started by 11.5 % of the arrivals, not 10 %"},
		{"a mix of too few arrivals to tell", func(f *verdict.Facts) {
			f.Mix = []verdict.Share{{Name: "buy", Count: 10, Asked: 0.1}, {Name: "browse", Count: 10, Asked: 0.9}}
		}, valid, valid, ""},
		{
			"a step that no flow came to", func(f *verdict.Facts) { f.NeverReached = []string{"buy/Pay"} }, suspect,
			suspect, "buy/Pay was never reached",
		},
		{
			"a short silence", func(f *verdict.Facts) { f.Length, f.Silent = 30*time.Second, 2*time.Second }, valid,
			valid, "",
		},
		{
			"rare calls, of which no look saw any",
			func(f *verdict.Facts) { f.InFlight, f.Deviation, f.Littles, f.Looks = 0, 0, 0.00015, 300 }, valid, valid,
			"",
		},
		{
			"rare calls, of which one look saw one",
			func(f *verdict.Facts) { f.InFlight, f.Deviation, f.Littles, f.Looks = 0.0033, 0.057, 0.00015, 300 },
			valid, valid, "",
		},
		{
			"few calls, within what looks at whole calls can tell",
			func(f *verdict.Facts) { f.InFlight, f.Deviation, f.Littles, f.Looks = 0.4, 0.49, 0.5, 300 }, valid, valid,
			"",
		},
		{
			"looks that saw many more than there can have been",
			func(f *verdict.Facts) { f.InFlight, f.Deviation, f.Littles, f.Looks = 0.9, 0.3, 0.0015, 300 }, invalid,
			suspect, "the recorded times are wrong",
		},
		{"nothing to hold it against", func(f *verdict.Facts) { f.InFlight, f.Littles = 200, 0 }, valid, valid, ""},

		{
			"a generator that takes its time between calls", func(f *verdict.Facts) { f.Before = 0.11 }, valid, suspect,
			"workers spent 11 % of their time in the load generator",
		},
		{"and one that takes little", func(f *verdict.Facts) { f.Before = 0.09 }, valid, valid, ""},

		{"busy", windows(true, func(w *verdict.Window) { w.CPU = 0.85 }), valid, valid, ""},
		{"at its end", windows(true, func(w *verdict.Window) { w.CPU = 0.9 }), valid, suspect, "used 90 % of its CPU"},
		{"at its end for a second", windows(false, func(w *verdict.Window) { w.CPU = 0.9 }), valid, valid, ""},
		{
			"throttled", func(f *verdict.Facts) { f.Throttled = 3 }, invalid, suspect,
			"stopped the load generator 3 times",
		},

		{
			"the machine has nothing left", windows(true, func(w *verdict.Window) { w.Idle = 0.03 }), valid, suspect,
			"3 % idle",
		},
		{
			"the machine has nothing left for a second", windows(false, func(w *verdict.Window) { w.Idle = 0.03 }),
			valid,
			valid, "",
		},
		{"its own machine has nothing left, the server's is another", func(f *verdict.Facts) {
			f.Local = false
			windows(true, func(w *verdict.Window) { w.Idle = 0 })(f)
		}, valid, valid, ""},
		{"idle is unknown", windows(true, func(w *verdict.Window) { w.Idle = -1 }), valid, valid, ""},
		{"what may make a generator late, and did not", func(f *verdict.Facts) {
			windows(true, func(w *verdict.Window) { w.Steal, w.RunQueue = 0.1, 0.8 })(f)
			f.GCPause, f.GCShare = 10*ms, 0.3
		}, valid, valid, ""},

		{"a clock at its limit", func(f *verdict.Facts) { f.ClockCost = 100 }, valid, valid, ""},
		{
			"a slow clock", func(f *verdict.Facts) { f.ClockSource, f.ClockCost = "acpi_pm", 101 }, suspect, suspect,
			"clock source acpi_pm",
		},
		{
			"a clock that is in every latency", func(f *verdict.Facts) { f.ClockCost = 1001 }, invalid, invalid,
			"it is in every latency",
		},

		{
			"bunches that a wake-up makes",
			func(f *verdict.Facts) { f.Arrivals = verdict.Arrivals{AndersonDarling: 101, RateTimesPacing: 0.15} },
			valid, valid, "",
		},
		{"some more", func(f *verdict.Facts) {
			f.Arrivals = verdict.Arrivals{
				AndersonDarling: 101,
				RateTimesPacing: 0.3,
			}
		}, suspect, suspect, "in bunches"},
		{"bunches", func(f *verdict.Facts) {
			f.Arrivals = verdict.Arrivals{
				AndersonDarling: 101,
				RateTimesPacing: 0.31,
			}
		}, invalid, invalid, "in bunches"},
		{"as random as can be asked", func(f *verdict.Facts) {
			f.Arrivals = verdict.Arrivals{
				AndersonDarling: 100,
				RateTimesPacing: 9,
			}
		}, valid, valid, ""},

		{
			"a drift", func(f *verdict.Facts) { f.DriftP, f.DriftShare = 0.0009, 0.051 }, suspect, suspect,
			"changed by 5 %",
		},
		{"a drift that is nothing", func(f *verdict.Facts) { f.DriftP, f.DriftShare = 0.0009, 0.05 }, valid, valid, ""},
		{"a drift by chance", func(f *verdict.Facts) { f.DriftP, f.DriftShare = 0.001, 0.5 }, valid, valid, ""},
		{"a drift that was not tested", func(f *verdict.Facts) { f.DriftP, f.DriftShare = 0, 0.5 }, valid, valid, ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			for _, open := range []bool{true, false} {
				f := healthy()
				f.Open = open
				tt.change(&f)
				want := tt.open
				if !open {
					want = tt.closed
				}
				v := verdict.Judge(f)
				if v.Status != want || (len(v.Reasons) == 0) != (want == valid) {
					t.Errorf("open loop %v: %v %q, want %v", open, v.Status, v.Reasons, want)
				}
				if want != valid && (len(v.Reasons) != 1 || !strings.Contains(v.Reasons[0], tt.says)) {
					t.Errorf("open loop %v: %q, want one reason that says %q", open, v.Reasons, tt.says)
				}
			}
		})
	}
}
