package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of a run's folder.
const (
	resultFile = "result.json"
	HlogFile   = "latency.hlog"
	ReportFile = "report.md"
	BenchFile  = "bench.txt"
	TargetLog  = "target.log"
	ClientLog  = "client.log"
	ClientProm = "client.prom"
	ShardFile  = "shard.jsonl" // of one process of several: what loadgen merge needs of it
	// What experiments write in place of result.json.
	OverheadFile = "overhead.json"
	TimeoutsFile = "timeouts.json"
	CapacityFile = "capacity.json"
)

// written are all the files that a run or an experiment may write.
var written = []string{
	resultFile, HlogFile, ReportFile, BenchFile, TargetLog, ClientLog, ClientProm, ShardFile,
	OverheadFile, TimeoutsFile, CapacityFile,
}

// Create opens a file of the folder for writing.
func (f Folder) Create(name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(f.Path, name))
	if err != nil {
		return nil, fmt.Errorf("write to the run's folder: %w", err)
	}
	return file, nil
}

// Write replaces a file of the folder as a whole: a reader sees the old one or the new one.
func (f Folder) Write(name string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(f.Path, "."+name+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	if err := errors.Join(write(tmp), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(f.Path, name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// WriteDocument writes result.json.
func (f Folder) WriteDocument(d *Document) error {
	return f.Write(resultFile, d.Encode)
}

// Encode writes the document as indented JSON.
func (d *Document) Encode(w io.Writer) error {
	return encode(w, d)
}

func encode(w io.Writer, d any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}
