package experiment

import (
	"errors"
	"io"
	"path/filepath"
	"time"

	"grpcbench/loadgen/result"
)

// Folder is where an experiment writes that names no folder.
func Folder(out, name string, now time.Time) string {
	if out != "" {
		return out
	}
	return filepath.Join("results", now.UTC().Format("20060102T150405.000Z")+"-"+name)
}

// WriteOverhead writes the document's files.
func WriteOverhead(d *result.Overhead, markdown func(io.Writer) error) error {
	folder, err := result.NewFolder(d.Plan.Out)
	if err != nil {
		return err
	}
	return errors.Join(
		folder.Write(result.OverheadFile, d.Encode),
		folder.Write(result.BenchFile, d.WriteBench),
		folder.Write(result.ReportFile, markdown),
	)
}

// WriteTimeouts writes the document's files.
func WriteTimeouts(d *result.Timeouts, markdown func(io.Writer) error) error {
	folder, err := result.NewFolder(d.Plan.Out)
	if err != nil {
		return err
	}
	return errors.Join(folder.Write(result.TimeoutsFile, d.Encode), folder.Write(result.ReportFile, markdown))
}
