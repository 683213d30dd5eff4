package experiment

import (
	"errors"
	"io"

	"grpcbench/loadgen/result"
)

// WriteOverhead writes the document's files into the folder that it was measured for.
func WriteOverhead(folder result.Folder, d *result.Overhead, markdown func(io.Writer) error) error {
	return errors.Join(
		folder.Write(result.OverheadFile, d.Encode),
		folder.Write(result.BenchFile, d.WriteBench),
		folder.Write(result.ReportFile, markdown),
		folder.Release(),
	)
}

// WriteTimeouts writes the document's files into the folder that it was measured for.
func WriteTimeouts(folder result.Folder, d *result.Timeouts, markdown func(io.Writer) error) error {
	return errors.Join(
		folder.Write(result.TimeoutsFile, d.Encode),
		folder.Write(result.ReportFile, markdown),
		folder.Release(),
	)
}

// WriteCapacity writes the document's files into the folder that it was measured for.
func WriteCapacity(folder result.Folder, d *result.Capacity, markdown func(io.Writer) error) error {
	return errors.Join(
		folder.Write(result.CapacityFile, d.Encode),
		folder.Write(result.BenchFile, d.WriteBench),
		folder.Write(result.ReportFile, markdown),
		folder.Release(),
	)
}
