//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/result"
)

// readCapacity is what a search found.
func readCapacity(t *testing.T, p *process) (d result.Capacity) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.out, result.CapacityFile))
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Three processes search together: shard 0 decides each load, all make it, and the answer is that of their sum.
func TestCapacityOverShards(t *testing.T) {
	places := []string{"tcp", "folder"}
	if testing.Short() {
		places = places[:1] // shards of a run meet in both then too
	}
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			server := newKeeper()
			args := []string{
				"-rpc=grpc.testing.TestService/UnaryCall", "-addr=" + server.serve(t), "-slo=p90<1s,errors<10%",
				"-from=100", "-to=200", "-budget=30s", "-c=60", "-H=x-seq: ${seq}",
			}
			meet := []string{"-meet=" + freeAddr(t), secret}
			if place == "folder" {
				meet = []string{"-meet=" + t.TempDir() + "/"}
			}
			all := shardsBy(t, []string{"capacity"}, 3, meet, args...)
			for _, p := range all {
				p.wantExit(t, 0, time.Minute)
			}
			d := readCapacity(t, all[0])
			// how far it comes depends on how busy the machine is
			if d.Passes == nil || d.Passes.Rate > 200 || len(d.Trials) < 3 {
				t.Errorf("%s: %+v", d.Headline(), d.Trials)
			}
			for _, trial := range d.Trials { // a shard's part alone would be a third
				if trial.Phase != "ceiling" && (trial.Achieved < 0.6*trial.Rate || trial.Achieved > 1.3*trial.Rate) {
					t.Errorf("%.0f/s were offered by all together, and %.0f/s came", trial.Rate, trial.Achieved)
				}
			}
			for i, p := range all[1:] {
				if !strings.Contains(p.stderr.String(), "made its part of") {
					t.Errorf("shard %d says %q", i+1, p.stderr.String())
				}
				if _, err := os.Stat(p.out); err == nil {
					t.Errorf("shard %d leaves a folder, and has no answer", i+1)
				}
			}
		})
	}
}

// A search that loses a process ends with what was found until then, and says so; the others end too.
func TestCapacityWithoutAShard(t *testing.T) {
	server := newKeeper()
	all := shardsBy(t, []string{"capacity"}, 2, []string{"-meet=" + freeAddr(t), secret, "-meet-timeout=2s"},
		"-rpc=grpc.testing.TestService/UnaryCall", "-addr="+server.serve(t), "-slo=p90<1s", "-from=100", "-to=400",
		"-budget=60s", "-c=60", "-H=x-seq: ${seq}")
	all[0].until(t, "the search does not begin", func() bool {
		server.mu.Lock()
		defer server.mu.Unlock()
		return len(server.calls) > 50
	})
	_ = all[1].Process.Kill()
	all[0].wantExit(t, 0, time.Minute)
	d := readCapacity(t, all[0])
	if !slices.ContainsFunc(d.Notes, func(n string) bool { return strings.Contains(n, "ended early") }) {
		t.Errorf("a search that lost a shard says %q", d.Notes)
	}
}
