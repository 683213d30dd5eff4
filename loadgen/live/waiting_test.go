package live

import (
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/result"
)

// A server that does not answer is told while it does not: how many wait, and since when; and no percentile of nothing.
func TestWaiting(t *testing.T) {
	for _, tt := range []struct {
		reason    string
		point     result.Point
		says, not []string
	}{
		{
			"calls come back",
			result.Point{OK: 10, Waiting: 3, OldestNs: 5e6, P50Ns: 1e6, P99Ns: 2e6},
			[]string{"p50 1.00 ms, p99 2.00 ms"},
			[]string{"waiting", "≥"},
		},
		{
			"none does",
			result.Point{Waiting: 410, OldestNs: 3_200_000_000},
			[]string{"410 waiting, oldest 3.20 s", "no call was over"},
			[]string{"p50"},
		},
		{
			"some ended by their own deadline",
			result.Point{OK: 1, Failed: 9, Censored: 9, P50Ns: 5e8, P99Ns: 5e8},
			[]string{"p50 ≥ 500 ms"},
			nil,
		},
	} {
		r := &Run{name: "Search", codes: map[string]int64{}}
		r.seconds, r.last, r.p99 = 1, Second{Point: tt.point, Length: time.Second}, []int64{tt.point.P99Ns}
		p := phase{name: measuring, began: time.Now(), length: time.Minute}
		for how, text := range map[string]string{
			"in place":  strings.Join(r.lines(p, 100), "\n"),
			"as a line": r.line(p),
		} {
			for _, s := range tt.says {
				if !strings.Contains(text, s) {
					t.Errorf("%s, %s: it does not say %q:\n%s", tt.reason, how, s, text)
				}
			}
			for _, s := range tt.not {
				if strings.Contains(text, s) {
					t.Errorf("%s, %s: it says %q:\n%s", tt.reason, how, s, text)
				}
			}
		}
	}
}
