package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"
)

// Experiment is what an experiment writes in place of result.json: *[Overhead], *[Capacity] or *[Timeouts].
type Experiment interface {
	// Title is how reports call it.
	Title() string
	// Encode writes it as indented JSON.
	Encode(w io.Writer) error
	// began is when it was started.
	began() time.Time
}

// kind is a kind of experiment: the file that it stands in, what its schema is called, and an empty one to read it
// into.
type kind struct {
	file, schema string
	empty        func() Experiment
}

// kinds are all there are, in the order of reports: a new kind of document begins here.
var kinds = []kind{
	{OverheadFile, OverheadSchema, func() Experiment { return new(Overhead) }},
	{CapacityFile, CapacitySchema, func() Experiment { return new(Capacity) }},
	{TimeoutsFile, TimeoutsSchema, func() Experiment { return new(Timeouts) }},
}

// order is the place of a kind among all.
func (k kind) order() int {
	return slices.IndexFunc(kinds, func(o kind) bool { return o.file == k.file })
}

// read reads a document of the kind.
func (k kind) read(path string) (Experiment, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a result: %w", err)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	d := k.empty()
	if err := errors.Join(json.Unmarshal(data, d), json.Unmarshal(data, &head)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if head.Schema != k.schema {
		return nil, fmt.Errorf("read %s: schema %q, want %q", path, head.Schema, k.schema)
	}
	if c, ok := d.(*Capacity); ok {
		c.Folder = filepath.Dir(path)
	}
	return d, nil
}

// kindOf is the kind of an experiment.
func kindOf(d Experiment) kind {
	for _, k := range kinds {
		if reflect.TypeOf(k.empty()) == reflect.TypeOf(d) {
			return k
		}
	}
	panic("an experiment that is not in the table of kinds")
}

// WriteExperiment writes an experiment's files into the folder that it was measured for, and lets go of it: the
// document, lines for benchstat where it has any, and the report that markdown writes.
func (f Folder) WriteExperiment(d Experiment, markdown func(io.Writer) error) error {
	err := f.Write(kindOf(d).file, d.Encode)
	if b, ok := d.(interface{ WriteBench(w io.Writer) error }); ok {
		err = errors.Join(err, f.Write(BenchFile, b.WriteBench))
	}
	return errors.Join(err, f.Write(ReportFile, markdown), f.Release())
}
