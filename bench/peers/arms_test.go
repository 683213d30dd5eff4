package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Ratios are of the same round, and a table's figures are medians with their spread.
func TestTable(t *testing.T) {
	base := &arm{name: "bare", measured: []measurement{
		{cpu: 10, user: 8, rate: 100},
		{cpu: 20, user: 9, rate: 100},
		{cpu: 40, user: 9, rate: 100},
	}}
	ours := &arm{name: "loadgen wire", measured: []measurement{
		{cpu: 5, rss: 2 << 20},
		{cpu: 2, rss: 2 << 20},
		{cpu: 10, rss: 2 << 20},
	}}
	text := (&comparison{unit: "µs a call", rate: "calls/s", arms: []*arm{base, ours}}).table()
	for _, want := range []string{
		"20.00 (10.00 to 40.00)", "5.00 (2.00 to 10.00)", "0.250 (0.100 to 0.500)", "2 MiB",
		"loadgen wire : bare          0.250 (0.100 to 0.500)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// A run that is INVALID is made again, thrice at most; one that fails otherwise is not.
func TestRunsAgain(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("skipped: no sh here:", err)
	}
	for _, tt := range []struct {
		reason, script string
		runs           int
		fails          bool
	}{
		{"valid at once", "exit 0", 1, false},
		{"valid the third time", `test $(wc -l < "$0") -eq 3 || exit 4`, 3, false},
		{"never valid", "exit 4", mostTries, true},
		{"it cannot run", "exit 1", 1, true},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "runs")
			a := &arm{name: "a", argv: []string{"sh", "-c", `echo run >> "$0"; ` + tt.script, log}}
			err := (&comparison{per: 1, arms: []*arm{a}}).run(t.Context(), 1)
			made, _ := os.ReadFile(log)
			if got := strings.Count(string(made), "run"); got != tt.runs || (err != nil) != tt.fails {
				t.Errorf("%d runs, %v; want %d", got, err, tt.runs)
			}
		})
	}
}
