package interceptor

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		reason, list string
		want         []string
	}{
		{"an empty list is no interceptor", "", nil},
		{"none is the word for it", "none", nil},
		{
			"all is every one, recovery outermost and inject innermost", "all",
			[]string{"recovery", "requestid", "logging", "metrics", "timeout", "inject"},
		},
		{"the order given is kept", "timeout,recovery", []string{"timeout", "recovery"}},
		{"one is a list", "metrics", []string{"metrics"}},
	} {
		got, err := Parse(tt.list)
		if err != nil {
			t.Errorf("%s: Parse(%q): %v", tt.reason, tt.list, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: Parse(%q) (-want +got):\n%s", tt.reason, tt.list, diff)
		}
	}
}

func TestParseHandsOutItsOwnList(t *testing.T) {
	first, err := Parse("all")
	if err != nil {
		t.Fatal(err)
	}
	first[0] = "spoilt"
	if second, _ := Parse("all"); second[0] != Recovery {
		t.Errorf(`Parse("all") hands out one list to all: %v`, second)
	}
}

func TestParseNamesEveryProblem(t *testing.T) {
	for _, tt := range []struct {
		reason, list string
		says         []string
	}{
		{
			"an unknown name, with what there is", "recover",
			[]string{`"recover"`, "recovery,requestid,logging,metrics,timeout,inject"},
		},
		{
			"all unknown names at once, and a double", "a,timeout,b,timeout",
			[]string{`unknown interceptor "a"`, `unknown interceptor "b"`, `"timeout" named twice`},
		},
		{"all is no name in a list", "all,timeout", []string{`"all"`}},
		{"none is no name in a list", "timeout,none", []string{`"none"`}},
		{"a space belongs to no name", "recovery, timeout", []string{`" timeout"`}},
		{"a trailing comma leaves an empty name", "recovery,", []string{`""`}},
		{"names are lower case", "Recovery", []string{`"Recovery"`}},
	} {
		got, err := Parse(tt.list)
		if err == nil {
			t.Errorf("%s: Parse(%q) = %v, want an error", tt.reason, tt.list, got)
			continue
		}
		for _, part := range tt.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: Parse(%q): %v, want it to say %s", tt.reason, tt.list, err, part)
			}
		}
	}
}

func TestNewBuildsTheListInOrder(t *testing.T) {
	delayed, err := ParseFaults("delay=1ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		reason string
		cfg    Config
		want   []string
	}{
		{"nothing asked", Config{}, []string{}},
		{
			"outermost first, as given",
			Config{Names: []string{Timeout, Metrics, Recovery}},
			[]string{Timeout, Metrics, Recovery},
		},
		{
			"faults bring inject, innermost",
			Config{Names: []string{Recovery}, Faults: delayed},
			[]string{Recovery, Inject},
		},
		{
			"so does the leave to order them",
			Config{Names: []string{Recovery}, AllowInject: true},
			[]string{Recovery, Inject},
		},
		{
			"a place for inject is kept",
			Config{Names: []string{Inject, Recovery}, Faults: delayed},
			[]string{Inject, Recovery},
		},
	} {
		chain, _ := chainOf(t, tt.cfg)
		got := []string{}
		for _, i := range chain {
			if i.Unary == nil || i.Stream == nil {
				t.Errorf("%s: %s is not both unary and stream", tt.reason, i.Name)
			}
			got = append(got, i.Name)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: chain (-want +got):\n%s", tt.reason, diff)
		}
	}
}

func TestNewLeavesTheCallersListAlone(t *testing.T) {
	names := append(make([]string, 0, 8), Recovery)
	chainOf(t, Config{Names: names, AllowInject: true})
	if got := names[:2][1]; got != "" {
		t.Errorf("New wrote %q behind the caller's list", got)
	}
}

func TestNewRefuses(t *testing.T) {
	reg := prometheus.NewRegistry()
	chainOf(t, Config{Names: []string{Metrics}, Registerer: reg})
	for _, tt := range []struct {
		reason string
		cfg    Config
		says   string
	}{
		{"a name that Parse would refuse", Config{Names: []string{"none"}}, "none"},
		{"metrics that are registered already", Config{Names: []string{Metrics}, Registerer: reg}, "metrics"},
	} {
		if _, err := New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: New: %v, want an error that says %s", tt.reason, err, tt.says)
		}
	}
}

// What an interceptor sees depends on its place: logging inside timeout sees
// the late handler, outside it sees the answer that did not wait.
func TestOrderShows(t *testing.T) {
	for _, tt := range []struct {
		names   []string
		code    string
		latency time.Duration
	}{
		{[]string{Logging, Timeout}, "DeadlineExceeded", 300 * time.Millisecond},
		{[]string{Timeout, Logging}, "OK", time.Second},
	} {
		t.Run(strings.Join(tt.names, ","), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain, log := chainOf(t, Config{Names: tt.names})
				if _, err := unary(t.Context(), chain, func(context.Context, any) (any, error) {
					time.Sleep(time.Second)
					return "late", nil
				}); err == nil {
					t.Error("the handler was too late, but the call was OK")
				}
				time.Sleep(time.Second)
				synctest.Wait()
				calls := log.records(t, "call")
				if len(calls) != 1 || calls[0]["code"] != tt.code || calls[0]["latency"] != float64(tt.latency) {
					t.Errorf("logged %v, want one %s after %v", calls, tt.code, tt.latency)
				}
			})
		})
	}
}
