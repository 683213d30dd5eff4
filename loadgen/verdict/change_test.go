package verdict_test

import (
	"math"
	"strings"
	"testing"

	"grpcbench/loadgen/verdict"
)

// change is from before by value, which is known to within plus or minus half.
func change(before, value, half float64) verdict.Change {
	return verdict.Change{Before: before, Value: value, Low: value - half, High: value + half}
}

func changeLimit(t *testing.T, s string) verdict.ChangeLimit {
	t.Helper()
	all, err := verdict.ParseChangeLimits(s)
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %v, %v", s, all, err)
	}
	return all[0]
}

// A limit is missed where the change is beyond it and no noise, and only there.
func TestChangeLimits(t *testing.T) {
	for _, tt := range []struct {
		reason, limit string
		change        verdict.Change
		met           bool
		says          string
	}{
		{"beyond, and sure", "p99>+5%", change(1e6, 1e5, 5e4), false, "missed: +10 % (+5 % to +15 %)"},
		{
			"beyond, and the interval goes below the limit but not to 0", "p99>+5%", change(1e6, 6e4, 5e4), false,
			"missed: +6 % (+1 % to +11 %)",
		},
		{
			"beyond, but it may be nothing", "p99>+5%", change(1e6, 1e5, 2e5), true,
			"met: +10 % (-10 % to +30 %) may be noise",
		},
		{"beyond, and an end of the interval is nothing", "p99>+5%", change(1e6, 1e5, 1e5), true, "may be noise"},
		{"sure, but not beyond", "p99>+5%", change(1e6, 4e4, 1e4), true, "met: +4 % (+3 % to +5 %)"},
		{"just at the limit is not beyond it", "p99>+50%", change(1e6, 5e5, 1e4), true, "met: +50 %"},
		{"the other way is no concern", "p99>+5%", change(1e6, -5e5, 1e4), true, "met: -50 % (-51 % to -49 %)"},
		{"nothing changed", "p99>+5%", change(1e6, 0, 0), true, "met: +0 %"},
		{"a limit of nothing", "p99>+0%", change(1e6, 1e4, 1e3), false, "missed: +1 %"},
		{"a duration, beyond", "p50>+2ms", change(1e6, 3e6, 5e5), false, "missed: +3ms (+2.5ms to +3.5ms)"},
		{"a duration, not beyond", "p50>+2ms", change(1e3, 1.5e6, 1e5), true, "met: +1.5ms"},
		{"a duration needs nothing before", "mean>+1ms", change(0, 2e6, 1e5), false, "missed: +2ms"},
		{"of a series", "p99.9(service)>+10us", change(1e6, 2e4, 1e3), false, "missed: +20µs (+19µs to +21µs)"},
		{"a rate that fell", "rate<-5%", change(1000, -100, 20), false, "missed: -10 % (-12 % to -8 %)"},
		{
			"a rate that may have fallen", "rate<-5%", change(1000, -100, 120), true,
			"met: -10 % (-22 % to +2 %) may be noise",
		},
		{"a rate that fell a little", "rate<-5%", change(1000, -40, 20), true, "met: -4 %"},
		{"a rate that rose", "rate<-5%", change(1000, 400, 20), true, "met: +40 %"},
		{"a rise may be a limit of a rate", "rate>+5%", change(1000, 100, 20), false, "missed: +10 %"},
		{"a fall may be one of a latency", "p50<-5%", change(1e6, -1e5, 2e4), false, "missed: -10 %"},
		{
			"errors are of all calls, not of those before", "errors>+0.1%", change(0.1, 0.0005, 0.0001), true,
			"met: +0.05 %",
		},
		{"errors, beyond", "errors>+0.1%", change(0.1, 0.002, 0.001), false, "missed: +0.2 % (+0.1 % to +0.3 %)"},
		{"errors where there were none", "errors>+0.1%", change(0, 0.002, 0.001), false, "missed: +0.2 %"},
		{
			"errors where there were none, and may be none", "errors>+0.1%", change(0, 0.002, 0.003), true,
			"may be noise",
		},
		{"CPU by its share", "client_cpu>+10%", change(20_000, 4000, 1000), false, "missed: +20 %"},
		{"CPU by its time", "server_cpu>+1us", change(20_000, 4000, 1000), false, "missed: +4µs (+3µs to +5µs)"},
		{"no share of nothing, and nothing came of it", "client_cpu>+10%", change(0, 0, 0), true, "nothing before"},
		{"no share of nothing, and something came", "client_cpu>+10%", change(0, 5, 1), false, "nothing before"},
	} {
		k := changeLimit(t, tt.limit).Check(tt.change, true)
		if k.Met != tt.met || !strings.Contains(k.Result, tt.says) || k.Objective != tt.limit {
			t.Errorf("%s: %+v, want met %v and %q", tt.reason, k, tt.met, tt.says)
		}
	}
}

// What was not compared has not been shown to be as before.
func TestChangeNotCompared(t *testing.T) {
	for _, s := range []string{"p99>+5%", "p99>+5ms", "rate<-5%", "errors>+0.1%"} {
		if k := changeLimit(t, s).Check(verdict.Change{}, false); k.Met || k.Result != "missed: it was not compared" {
			t.Errorf("%s: %+v, want it missed", s, k)
		}
	}
}

// A fall is the limit, and there was none: from nothing a rate can only rise.
func TestRiseFromNothingIsNoFall(t *testing.T) {
	if k := changeLimit(t, "rate<-5%").Check(change(0, 10, 1), true); !k.Met {
		t.Errorf("from 0 to 10 calls/s: %+v, want it met", k)
	}
}

// What came of a limit begins with met or missed, whatever else it says.
func TestChangeFromNothingSaysWhetherItIsMet(t *testing.T) {
	for _, value := range []float64{0, 5} {
		k := changeLimit(t, "client_cpu>+10%").Check(change(0, value, 0), true)
		if word := map[bool]string{true: "met: ", false: "missed: "}[k.Met]; !strings.HasPrefix(k.Result, word) {
			t.Errorf("from 0 by %v: %q, want it to begin with %q", value, k.Result, word)
		}
	}
}

func TestParseChangeLimits(t *testing.T) {
	all, err := verdict.ParseChangeLimits(
		"p99>+5%, p50(message_rtt)>+2ms,rate<-5% ,errors>+0.1%,mean>+1us,client_cpu>+10%,server_cpu>+1e1%,p99.9<-1h")
	if err != nil {
		t.Fatal(err)
	}
	var texts, metrics []string
	for _, l := range all {
		texts, metrics = append(texts, l.Text), append(metrics, l.Metric)
	}
	const want = "p99>+5%|p50(message_rtt)>+2ms|rate<-5%|errors>+0.1%|mean>+1us|client_cpu>+10%|" +
		"server_cpu>+1e1%|p99.9<-1h"
	if got := strings.Join(texts, "|"); got != want {
		t.Errorf("limits %s, want %s", got, want)
	}
	if got, want := strings.Join(metrics, "|"),
		"p99|p50(message_rtt)|rate|errors|mean|client_cpu|server_cpu|p99.9"; got != want {
		t.Errorf("metrics %s, want %s", got, want)
	}
	if all, err := verdict.ParseChangeLimits(""); len(all) != 0 || err != nil {
		t.Errorf("no limit: %v, %v", all, err)
	}
}

func TestParseChangeLimitsRefuses(t *testing.T) {
	for _, tt := range []struct{ reason, limits, says string }{
		{"a word", "slower", `"slower"`},
		{"a limit of -slo", "p99<10ms", `"p99<10ms"`},
		{"no sign", "p99>5%", `"p99>5%"`},
		{"a rise below", "p99>-5%", "a rise is above a limit with +"},
		{"a fall above", "rate<+5%", "a fall below one with -"},
		{"no limit", "p99>+", `"p99>+"`},
		{"no comparison", "p99=+5%", `"p99=+5%"`},
		{"neither a percentage nor a duration", "p99>+5", `"+5"`},
		{"two signs", "p99>++5%", `"++5%"`},
		{"two signs of a duration", "p99>+-5ms", `"+-5ms"`},
		{"no number of percent", "p99>+five%", `"+five%"`},
		{"a percentage of a percentage", "p99>+5%%", `"p99>+5%%"`},
		{"a rate by a duration", "rate<-5ms", "rate changes by a percentage"},
		{"errors by a number", "errors>+0.1", "errors changes by a percentage"},
		{"an unknown figure", "max>+5%", `"max>+5%"`},
		{"a quantile", "q0.99>+5%", "q0.99"},
		{"a series without a percentile", "mean(service)>+5%", "mean(service)"},
		{"an empty series", "p99()>+5%", "p99()"},
		{"an empty one between", "p99>+5%,,rate<-5%", `""`},
		{"the one at fault", "p99>+5%,rate<-fast%", `"rate<-fast%"`},
		{"capitals", "P99>+5%", "P99"},
	} {
		if all, err := verdict.ParseChangeLimits(tt.limits); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: ParseChangeLimits(%q) = %v, %v, want an error that says %s", tt.reason, tt.limits, all, err,
				tt.says)
		}
	}
}

// A limit that nothing can be beyond would keep quiet about every change.
func TestParseChangeLimitsRefusesWhatIsNoNumber(t *testing.T) {
	for _, s := range []string{"p99>+NaN%", "p99>+Inf%", "rate<-inf%", "errors>+nan%"} {
		if all, err := verdict.ParseChangeLimits(s); err == nil {
			t.Errorf("%s is read: %+v", s, all)
		}
	}
}

// A limit on what is never compared would be missed in every comparison: it is a mistake of who wrote it, as in -slo.
func TestParseChangeLimitsRefusesWhatIsNeverCompared(t *testing.T) {
	for _, s := range []string{"p0>+5%", "p100>+5%", "p999>+5%", "p97>+5%", "p50(lag)>+1ms"} {
		if all, err := verdict.ParseChangeLimits(s); err == nil {
			t.Errorf("%s is read: %+v", s, all)
		}
	}
}

// FuzzParseChangeLimits: nothing panics, and a limit that is taken can be checked and says so in words.
func FuzzParseChangeLimits(f *testing.F) {
	for _, s := range []string{
		"p99>+5%", "p99.9(service)>+50ms,errors>+0.1%,rate<-99%", "mean<-1h", ",", "p<-1s",
		"p99>+1ms,", "errors>+1e-3%", "p099.0>+1m1s", "client_cpu>+0x1p3%",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all, err := verdict.ParseChangeLimits(s)
		if err != nil {
			return
		}
		for _, l := range all {
			for _, c := range []verdict.Change{
				{},
				change(1e6, 1e5, 5e4), change(1, -2, 5e4),
				{Before: 1, Value: 1, Low: math.Inf(-1), High: math.Inf(1)},
			} {
				if k := l.Check(c, true); k.Objective == "" || !strings.Contains(s, k.Objective) || k.Result == "" ||
					strings.HasPrefix(k.Result, "missed") && k.Met || strings.HasPrefix(k.Result, "met") && !k.Met {
					t.Errorf("%q: %+v", s, k)
				}
			}
			if again, err := verdict.ParseChangeLimits(l.Text); err != nil || len(again) != 1 ||
				again[0].Text != l.Text || again[0].Metric != l.Metric {
				t.Errorf("%q is read again as %v, %v", l.Text, again, err)
			}
		}
	})
}
