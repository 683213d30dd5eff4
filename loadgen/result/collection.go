package result

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Collection is what was found in results folders, oldest first of each kind.
type Collection struct {
	Runs        []*Document
	Experiments []Experiment // by kinds
	// Broken says of each document that could not be read why; the others are none the worse for it.
	Broken []error
}

// Empty says that nothing was found.
func (c *Collection) Empty() bool {
	return len(c.Runs)+len(c.Experiments) == 0
}

// Of are the experiments of one kind.
func Of[D Experiment](all []Experiment) (of []D) {
	for _, d := range all {
		if d, ok := d.(D); ok {
			of = append(of, d)
		}
	}
	return of
}

// Overheads are the experiments on what interceptors cost.
func (c *Collection) Overheads() []*Overhead { return Of[*Overhead](c.Experiments) }

// Capacity are the searches for capacity.
func (c *Collection) Capacity() []*Capacity { return Of[*Capacity](c.Experiments) }

// Timeouts are those on how deadlines behave.
func (c *Collection) Timeouts() []*Timeouts { return Of[*Timeouts](c.Experiments) }

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
			if entry.Name() == resultFile {
				d, err := Read(path)
				if err == nil {
					c.Runs = append(c.Runs, d)
				}
				c.skip(err)
			}
			for _, k := range kinds {
				if entry.Name() == k.file {
					d, err := k.read(path)
					if err == nil {
						c.Experiments = append(c.Experiments, d)
					}
					c.skip(err)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for runs in %s: %w", dir, err)
		}
	}
	slices.SortStableFunc(c.Runs, func(a, b *Document) int { return a.Started.Compare(b.Started) })
	slices.SortStableFunc(c.Experiments, func(a, b Experiment) int {
		return cmp.Or(cmp.Compare(kindOf(a).order(), kindOf(b).order()), a.began().Compare(b.began()))
	})
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
