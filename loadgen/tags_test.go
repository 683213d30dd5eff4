//go:build unix

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each histogram of the log says whose it is: the run's, or one worker's of it.
func TestTags(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		series []string // beside response
	}{
		{[]string{"-rpc=Search"}, []string{"service"}},
		{[]string{"-rpc=SearchIO", "-messages=5"}, []string{"service", "first_message", "message_rtt"}},
		{[]string{"-rpc=Search", "-transport=rest"}, []string{"service"}},
	} {
		const workers = 3
		p := loadgen(t, append(tt.args, "-c=3", "-conns=2", "-n=60", "-warmup=20ms", "-per-worker", patient)...)
		p.wantExit(t, 0, 10*time.Second)
		d := p.wantResult(t)
		tags := tagged(t, p.out)
		var names []string
		for tag := range tags {
			names = append(names, tag)
		}
		for _, series := range append(tt.series, "response") {
			if n := tags[series+"@"+d.RunID]; n != d.Latency[series].Count || n == 0 {
				t.Errorf("%q: %d values are tagged %s@%s, of %d; the tags are %q", tt.args, n, series, d.RunID,
					d.Latency[series].Count, names)
			}
		}
		var sum int64
		for w := range workers {
			sum += tags[fmt.Sprintf("response@%s-%04x", d.RunID, w)]
		}
		if tags[""] != 60 || sum != 60 {
			t.Errorf("%q: the total has %d values and the workers have %d, want 60; the tags are %q", tt.args,
				tags[""], sum, names)
		}
		if slices.ContainsFunc(names, func(tag string) bool { return strings.ContainsAny(tag, ", \n") }) {
			t.Errorf("%q: bad tags: %q", tt.args, names)
		}
	}
}
