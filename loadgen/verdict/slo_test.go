package verdict_test

import (
	"fmt"
	"strings"
	"testing"

	"grpcbench/loadgen/verdict"
)

// measured is a run with a p99 of 10 ms, p99.9 of 40 ms of service, 1 % errors, 98 % achieved.
func measured() verdict.Measured {
	values := map[string]float64{
		"response p 50": 1e6, "response p 99": 10e6, "service p 99.9": 40e6, "response max": 2e9,
		"response mean":    1.5e6,
		"message_rtt p 50": 70_000, "buyresponse p 99": 20e6,
	}
	return verdict.Measured{
		Errors:   func(step string) float64 { return map[string]float64{"": 0.01, "auth.Auth/Login": 0.5}[step] },
		Achieved: 0.98,
		Latency: func(step, series, of string, p float64) (verdict.Known, bool) {
			key := step + series + " " + of
			if of == "p" {
				key = fmt.Sprintf("%s %v", key, p)
			}
			v, ok := values[key]
			return verdict.Known{Least: v, Most: v, Bounded: true}, ok
		},
	}
}

func TestObjectives(t *testing.T) {
	for _, tt := range []struct {
		objective string
		met       bool
		says      string
	}{
		{"p99(buy)<25ms", true, "met: 20ms"},
		{"p99(buy)<15ms", false, "missed by 5ms"},
		{"errors(auth.Auth/Login)<1%", false, "missed by 49 %: 50 %"},
		{"p99<11ms", true, "met: 10ms"},
		{"p99<10ms", false, "10ms"}, // not less
		{"p99<8ms", false, "missed by 2ms: 10ms"},
		{"p99>8ms", true, "met: 10ms"},
		{"p50<1.5ms", true, "met: 1ms"},
		{"p99.9(service)<50ms", true, "met: 40ms"},
		{"p99.9(service)<39ms", false, "missed by 1ms: 40ms"},
		{"p50(message_rtt)<71us", true, "met: 70µs"},
		{"p99(response)<11ms", true, "met: 10ms"},
		{"max<1s", false, "missed by 1s: 2s"},
		{"max<2.5s", true, "met: 2s"},
		{"mean<2ms", true, "met: 1.5ms"},
		{"errors<2%", true, "met: 1 %"},
		{"errors<1%", false, "1 %"},
		{"errors<0.1%", false, "missed by 0.9 %: 1 %"},
		{"achieved>97%", true, "met: 98 %"},
		{"achieved>99%", false, "missed by 1 %: 98 %"},
		{"p99.9<1h", false, "too few calls"},
		{"p50(lag)<1h", false, "too few calls"},
	} {
		all, err := verdict.ParseSLO(tt.objective)
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %v, %v", tt.objective, all, err)
			continue
		}
		got := all[0].Check(measured())
		if got.Met != tt.met || got.Objective != tt.objective || !strings.Contains(got.Result, tt.says) {
			t.Errorf("%s: %+v, want met %v and %q", tt.objective, got, tt.met, tt.says)
		}
	}
}

func TestParseSLO(t *testing.T) {
	all, err := verdict.ParseSLO("p99<10ms, p99.9(service)<50ms,errors<0.1%")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, o := range all {
		texts = append(texts, o.Text)
	}
	if got, want := strings.Join(texts, "|"), "p99<10ms|p99.9(service)<50ms|errors<0.1%"; got != want {
		t.Errorf("objectives %s, want %s", got, want)
	}
	if all, err := verdict.ParseSLO(""); len(all) != 0 || err != nil {
		t.Errorf("no objective: %v, %v", all, err)
	}
}

func TestParseSLORefuses(t *testing.T) {
	for _, tt := range []struct{ reason, slo, says string }{
		{"a word", "fast", `"fast"`},
		{"a latency without a unit", "p99<10", `"10"`},
		{"a latency in percent", "p99<10%", `"10%"`},
		{"a negative latency", "p99<-1ms", `"-1ms"`},
		{"no limit", "p99<", `"p99<"`},
		{"no comparison", "p99=10ms", `"p99=10ms"`},
		{"a comparison of two signs", "p99<=10ms", `"=10ms"`},
		{"the minimum is no percentile", "p0<1ms", "p0"},
		{"nor is the maximum", "p100<1ms", "p100"},
		{"a percentile above all", "p999<1ms", "p999"},
		{"a quantile", "q0.99<1ms", "q0.99"},
		{"an empty series", "p99()<1ms", "p99()"},
		{"errors without percent", "errors<0.1", "0.1"},
		{"errors as a duration", "errors<1ms", "1ms"},
		{"more errors than calls", "errors<101%", "101%"},
		{"errors that are no number", "errors<NaN%", "NaN%"},
		{"errors of a series", "errors(service)<1%", "not of a series"},
		{"an empty one between", "p99<1ms,,max<1s", `""`},
		{"the one at fault", "p99<1ms,max<soon", `"max<soon"`},
		{"capitals", "P99<1ms", "P99"},
	} {
		if all, err := verdict.ParseSLO(tt.slo); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: ParseSLO(%q) = %v, %v, want an error that says %s", tt.reason, tt.slo, all, err, tt.says)
		}
	}
}

// FuzzParseSLO: nothing panics, and an objective that is taken can be checked and says so in words.
func FuzzParseSLO(f *testing.F) {
	for _, s := range []string{
		"p99<10ms", "p99.9(service)<50ms,errors<0.1%,achieved>99%", "max>0s", "mean<1h", ",",
		"p<1s", "p99<1ms,", "errors<1e-3%", "p099.0<1m1s",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all, err := verdict.ParseSLO(s)
		if err != nil {
			return
		}
		for _, o := range all {
			k := o.Check(measured())
			if k.Objective == "" || !strings.Contains(s, k.Objective) || k.Met != strings.HasPrefix(k.Result, "met") ||
				k.Result == "" {
				t.Errorf("%q: %+v", s, k)
			}
			if again, err := verdict.ParseSLO(o.Text); err != nil || len(again) != 1 || again[0] != o {
				t.Errorf("%q is read again as %v, %v", o.Text, again, err)
			}
		}
	})
}

// A limit is kept, or missed, only where that is so whatever calls without an answer would have taken.
func TestObjectivesOfWhatIsNotKnown(t *testing.T) {
	for _, tt := range []struct {
		reason, objective string
		known             verdict.Known
		met               bool
		says              string
	}{
		{
			"the least is over the limit", "p99<1s",
			verdict.Known{Least: 4.8e9},
			false,
			"missed by at least 3.8s: at least 4.8s",
		},
		{
			"the least is under it, the most has no end", "p99<10s",
			verdict.Known{Least: 4.8e9},
			false,
			"not known: at least 4.8s",
		},
		{
			"the least is under it, the most over", "p99<5s",
			verdict.Known{Least: 4.8e9, Most: 6e9, Bounded: true},
			false, "not known: at least 4.8s",
		},
		{
			"both are under it", "p99<10s",
			verdict.Known{Least: 4.8e9, Most: 6e9, Bounded: true},
			true,
			"met: at least 4.8s, at most 6s",
		},
		{"a limit from below that the least keeps", "p50>1s", verdict.Known{Least: 4.8e9}, true, "met: at least 4.8s"},
		{
			"a limit from below that the least does not", "p50>9s",
			verdict.Known{Least: 4.8e9},
			false,
			"not known: at least 4.8s",
		},
		{"the greatest of calls that were never answered", "max<1s", verdict.Known{Least: 1.5e6}, false, "not known"},
	} {
		objectives, err := verdict.ParseSLO(tt.objective)
		if err != nil {
			t.Fatal(err)
		}
		k := objectives[0].Check(verdict.Measured{Latency: func(string, string, string, float64) (verdict.Known,
			bool,
		) {
			return tt.known, true
		}})
		if k.Met != tt.met || !strings.Contains(k.Result, tt.says) {
			t.Errorf("%s: %s: met %v, %q; want met %v, %q", tt.reason, tt.objective, k.Met, k.Result, tt.met, tt.says)
		}
	}
}

func TestCheckNames(t *testing.T) {
	all, err := verdict.ParseSLO("p99<1s,p99(service)<1s,p99(buy)<1s,errors(buy)<1%")
	if err != nil {
		t.Fatal(err)
	}
	if err := verdict.CheckNames(all, []string{"buy"}); err != nil {
		t.Errorf("a step: %v", err)
	}
	for _, steps := range [][]string{nil, {"sell"}} {
		err := verdict.CheckNames(all, steps)
		if err == nil || !strings.Contains(err.Error(), `no series "buy": the series are response`) ||
			strings.Contains(err.Error(), "sell") != (steps != nil) {
			t.Errorf("of the steps %q: %v", steps, err)
		}
	}
}
