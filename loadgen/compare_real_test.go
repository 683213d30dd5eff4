package main_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// compared is a metric of `loadgen compare -format json`.
type compared struct {
	Name      string
	Old, New  float64
	Change    float64
	Low, High float64
	Resolved  bool
}

// Runs of a target made 200 µs slower are told from those before, by the right size; repeated runs are not told apart.
// The three sets are made by turns, as people are told to; with one worker, since in an open loop on two shared cores
// the medians of runs of a second differ by a quarter by themselves.
func TestCompareFindsWhatChanged(t *testing.T) {
	twoOfThree(t, func() error {
		sets, err := setsOfRuns(t, 5, map[string]string{
			"before": "-interceptors=none", "again": "-interceptors=none", "slower": "-interceptors=none -busy=200us",
		})
		if err != nil {
			return err
		}
		same, err := compareFolders(sets["before"], sets["again"])
		if err != nil {
			return err
		}
		for name, m := range same {
			if m.Resolved {
				return fmt.Errorf("repeated runs differ in %s: %+v", name, m)
			}
		}
		slower, err := compareFolders(sets["before"], sets["slower"])
		if err != nil {
			return err
		}
		m := slower["p50"]
		if half := (m.High - m.Low) / 2; !m.Resolved || math.Abs(m.Change-200e3) > 30e3+half {
			return fmt.Errorf("a target slowed by 200 µs: p50 %+v", m)
		}
		return nil
	})
}

// setsOfRuns makes so many runs with each of the targets, by turns, and returns the folder of each set.
func setsOfRuns(t *testing.T, runs int, targets map[string]string) (map[string]string, error) {
	t.Helper()
	path, err := binary()
	if err != nil {
		return nil, err
	}
	if err := machine.Acquire(t.Context(), wholeMachine); err != nil { // what else runs would be a difference
		return nil, err
	}
	defer machine.Release(wholeMachine)
	root := t.TempDir()
	folders := map[string]string{}
	for i := range runs {
		for name, target := range targets {
			folders[name] = filepath.Join(root, name)
			cmd := exec.CommandContext(t.Context(), path, "-rpc", "Search", "-transport", "wire", "-c", "1", "-d",
				time.Second.String(), "-warmup", "200ms",
				"-target", target, "-q", "-o", filepath.Join(folders[name], fmt.Sprint(i)))
			// INVALID runs are compared too
			if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != 4 {
				return nil, fmt.Errorf("run %s: %w\n%s", name, err, out)
			}
		}
	}
	return folders, nil
}

func compareFolders(before, after string) (map[string]compared, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	// it reads files
	out, err := exec.Command(path, "compare", before, after, "-format", "json").Output() //nolint:noctx
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	var all []struct{ Metrics []compared }
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("read the comparison: %w", err)
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("%d comparisons of one kind of run", len(all))
	}
	metrics := map[string]compared{}
	for _, m := range all[0].Metrics {
		metrics[m.Name] = m
	}
	return metrics, nil
}
