package quiet_test

import (
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/quiet"
)

func TestFigure(t *testing.T) {
	for _, tt := range []struct {
		f     quiet.Figure
		quiet bool
		says  string
	}{
		{
			quiet.Figure{Share: 1, Late: 80 * time.Microsecond},
			true,
			"a thread got 100 % of a core, sleeps woke up to 0.1 ms late",
		},
		{quiet.Figure{Share: 0.9, Late: 500 * time.Microsecond}, true, ""},
		{quiet.Figure{Share: 0.52, Late: 80 * time.Microsecond}, false, "a thread got 52 % of a core"},
		{quiet.Figure{Share: 1, Late: 3100 * time.Microsecond}, false, "up to 3.1 ms late"},
	} {
		if tt.f.Quiet() != tt.quiet || !strings.Contains(tt.f.String(), tt.says) {
			t.Errorf("%v: quiet is %v, want %v", tt.f, !tt.quiet, tt.quiet)
		}
	}
}

// What was measured is possible, whatever the machine does.
func TestMeasure(t *testing.T) {
	if f := quiet.Measure(); f.Share < 0 || f.Share > 1 || f.Late < 0 {
		t.Errorf("%+v", f)
	} else {
		t.Log(f)
	}
}

func TestSkipOfABusyMachine(t *testing.T) {
	for _, f := range []quiet.Figure{{Share: 1}, {Share: 0.5}} {
		skipped := false
		t.Run("", func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			quiet.Skip(t, f)
		})
		if skipped == f.Quiet() {
			t.Errorf("%v: skipped is %v", f, skipped)
		}
	}
}
