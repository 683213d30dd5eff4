package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
)

// Merge makes the run of all shards from their own folders, as shard 0 makes it while it goes on, and writes it to out.
// A folder may be a shard's, or one that holds several. Shards of different runs are refused. If some are missing, or
// did not make all of their part, all are refused, unless partial: then the result says so, and is INVALID.
func Merge(dirs []string, out string, force, partial bool) (*result.Document, error) {
	logs, err := readLogs(dirs)
	if err != nil {
		return nil, err
	}
	if err := checkLogs(logs, partial); err != nil {
		return nil, err
	}
	head := logs[0].head
	p := head.Plan
	p.Out, p.Force, p.Shard.Index = out, force, 0
	s := &sum{run: &run{id: runID(p.Shard.Run)}, shards: make([]shardSum, p.Shard.Count)}
	s.run.workload, s.run.steps = workloadOf(head)
	if err := s.open(p); err != nil {
		return nil, err
	}
	for _, l := range logs {
		s.shards[l.index()].host = l.head.Host
		if l.report != nil {
			var report result.ShardReport
			if json.Unmarshal(l.report, &report) == nil && report.Document != nil && s.run.wall == nil {
				s.begin(report.Document.Started)
			}
		}
	}
	for i := range s.shards {
		if !slices.ContainsFunc(logs, func(l *shardLog) bool { return l.index() == i }) {
			s.lose(i, errors.New("its folder is not among those that were merged"))
		}
	}
	// side by side, as they were recorded
	for k := 0; slices.ContainsFunc(logs, func(l *shardLog) bool { return k < len(l.seconds) }); k++ {
		for _, l := range logs {
			if k < len(l.seconds) {
				s.second(l.index(), l.seconds[k].Index, l.seconds[k].Snapshot)
			}
		}
	}
	clocks := make([]result.ShardClock, len(s.shards))
	for _, l := range logs {
		if len(l.clocks) == len(clocks) {
			clocks = l.clocks
		}
		if l.report != nil {
			s.report(l.index(), l.report)
		} else {
			s.lose(l.index(), errors.New("it made no report"))
		}
	}
	return s.end(clocks, make([]string, len(s.shards)))
}

// shardLog is what a shard's folder holds.
type shardLog struct {
	path    string
	head    *result.ShardHead
	seconds []result.ShardSecond
	report  json.RawMessage
	clocks  []result.ShardClock
}

func (l *shardLog) index() int { return l.head.Plan.Shard.Index }

// readLogs reads the shards' logs at or below the folders.
func readLogs(dirs []string) (logs []*shardLog, err error) {
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || entry.Name() != result.ShardFile {
				return err
			}
			l, err := readLog(path)
			if err == nil {
				logs = append(logs, l)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the shards in %s: %w", dir, err)
		}
	}
	if len(logs) == 0 {
		return nil, fmt.Errorf("there is no shard's folder, which holds %s, in %s", result.ShardFile,
			strings.Join(dirs, ", "))
	}
	slices.SortStableFunc(logs, func(a, b *shardLog) int { return a.index() - b.index() })
	return logs, nil
}

// readLog reads one; a line that a killed shard did not finish is left out.
func readLog(path string) (*shardLog, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	l := &shardLog{path: path}
	lines := bufio.NewReader(file)
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		if err != nil && len(bytes.TrimSpace(text)) == 0 {
			break
		}
		var line result.ShardLine
		if decodeErr := json.Unmarshal(text, &line); decodeErr != nil {
			if err != nil {
				break
			}
			return nil, fmt.Errorf("%s:%d: %w", path, n, decodeErr)
		}
		switch {
		case line.Head != nil:
			l.head = line.Head
		case line.Second != nil:
			l.seconds = append(l.seconds, *line.Second)
		case line.Report != nil:
			l.report = line.Report
		case line.Clocks != nil:
			l.clocks = line.Clocks
		}
	}
	if l.head == nil || !l.head.Plan.Shard.On() || l.head.Plan.Shard.Index >= l.head.Plan.Shard.Count ||
		len(l.head.Steps) == 0 {
		return nil, fmt.Errorf("%s does not say which shard it is of", path)
	}
	return l, nil
}

// checkLogs says why shards do not make a run together.
func checkLogs(logs []*shardLog, partial bool) error {
	first := logs[0]
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	seen := map[int]string{}
	for _, l := range logs {
		a, b := first.head.Plan.Shard, l.head.Plan.Shard
		switch {
		case a.Run != b.Run:
			return fmt.Errorf("%s is of the run %q, %s of %q", first.path, a.Run, l.path, b.Run)
		case a.Count != b.Count || !bytes.Equal(first.head.Common, l.head.Common):
			return fmt.Errorf("%s and %s have different plans", first.path, l.path)
		case seen[l.index()] != "":
			return fmt.Errorf("shard %d is there twice: %s and %s", l.index(), seen[l.index()], l.path)
		}
		seen[l.index()] = l.path
		var report result.ShardReport
		switch {
		case l.report == nil:
			wrong("shard %d was lost: %s has no report", l.index(), l.path)
		case json.Unmarshal(l.report, &report) == nil && report.Interrupted:
			wrong("shard %d was interrupted", l.index())
		}
	}
	for i := range first.head.Plan.Shard.Count {
		if seen[i] == "" {
			wrong("shard %d of %d is missing", i, first.head.Plan.Shard.Count)
		}
	}
	if len(problems) == 0 || partial {
		return nil
	}
	return fmt.Errorf("%w\n-partial merges what there is, and tells it", errors.Join(problems...))
}

// workloadOf is what a shard's log tells of its workload: names and weights, but nothing to make calls by.
func workloadOf(head *result.ShardHead) (*scenario.Workload, []builtStep) {
	w := &scenario.Workload{}
	var steps []builtStep
	for _, f := range head.Flows {
		w.Flows = append(w.Flows, scenario.Flow{Name: f.Name, Weight: f.Weight})
	}
	for i, s := range head.Steps {
		flow := max(0, slices.IndexFunc(w.Flows, func(f scenario.Flow) bool { return f.Name == s.Flow }))
		w.Flows[flow].Steps = append(w.Flows[flow].Steps, i)
		kind := transport.Unary
		for _, k := range []transport.Kind{transport.ClientStream, transport.ServerStream, transport.Bidi} {
			if k.String() == s.Kind {
				kind = k
			}
		}
		step := &scenario.Step{
			Definition: scenario.Definition{Name: s.Name, Method: s.Method, Kind: kind},
			Name:       s.Name, Flow: flow,
		}
		steps = append(steps, builtStep{Step: step, spec: transport.Spec{Kind: kind}})
	}
	return w, steps
}
