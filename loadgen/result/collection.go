package result

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Collection is what was found in results folders, oldest first of each kind.
type Collection struct {
	Runs      []*Document
	Overheads []*Overhead
	Timeouts  []*Timeouts
	Capacity  []*Capacity
	// Broken says of each document that could not be read why; the others are none the worse for it.
	Broken []error
}

// Empty says that nothing was found.
func (c *Collection) Empty() bool {
	return len(c.Runs)+len(c.Overheads)+len(c.Timeouts)+len(c.Capacity) == 0
}

// Collect reads every document at or below the given folders.
func Collect(dirs ...string) (*Collection, error) {
	c := &Collection{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if entry.Name() == replaced || path != dir && merged(path) {
					return fs.SkipDir
				}
				return nil
			}
			switch entry.Name() {
			case resultFile:
				d, err := Read(path)
				if err == nil {
					c.Runs = append(c.Runs, d)
				}
				c.skip(err)
			case OverheadFile:
				c.skip(collect(path, &c.Overheads, OverheadSchema, func(d *Overhead) string { return d.Schema }))
			case CapacityFile:
				c.skip(collect(path, &c.Capacity, CapacitySchema, func(d *Capacity) string { d.Folder = filepath.Dir(path); return d.Schema }))
			case TimeoutsFile:
				c.skip(collect(path, &c.Timeouts, TimeoutsSchema, func(d *Timeouts) string { return d.Schema }))
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for runs in %s: %w", dir, err)
		}
	}
	slices.SortStableFunc(c.Runs, func(a, b *Document) int { return a.Started.Compare(b.Started) })
	slices.SortStableFunc(c.Overheads, func(a, b *Overhead) int { return a.Started.Compare(b.Started) })
	slices.SortStableFunc(c.Timeouts, func(a, b *Timeouts) int { return a.Started.Compare(b.Started) })
	slices.SortStableFunc(c.Capacity, func(a, b *Capacity) int { return a.Started.Compare(b.Started) })
	return c, nil
}

// merged says whether a folder is a shard's, in that of the run that it is a part of.
func merged(path string) bool {
	if !strings.HasPrefix(filepath.Base(path), shardPrefix) {
		return false
	}
	_, err := os.Stat(filepath.Join(filepath.Dir(path), resultFile))
	return err == nil
}

// skip goes on after a document that could not be read.
func (c *Collection) skip(err error) {
	if err != nil {
		c.Broken = append(c.Broken, err)
	}
}

func collect[D any](path string, into *[]*D, schema string, of func(*D) string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read a result: %w", err)
	}
	d := new(D)
	if err := json.Unmarshal(data, d); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if got := of(d); got != schema {
		return fmt.Errorf("read %s: schema %q, want %q", path, got, schema)
	}
	*into = append(*into, d)
	return nil
}
