package result

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Folder is where a run writes. From NewFolder to Release or Discard it is this run's alone.
type Folder struct {
	Path  string
	made  bool // there was none before
	aside bool // what another run had written is kept in replaced
}

const (
	// claimFile holds the process id of who writes the folder.
	claimFile = ".running"
	// replaced is where the files of the run that is to be replaced are kept until the new one has begun.
	replaced = ".replaced"
)

// ErrTaken says that a folder holds what another run wrote, or writes.
var ErrTaken = errors.New(
	"it would overwrite another run: give -o another folder, -o DIR/%t for one with the time in its name, or -force")

// FolderName is where a run writes: below results, by time and name, where out is empty. In out %t stands for the time.
func FolderName(out, name string, now time.Time) string {
	stamp := now.UTC().Format("20060102T150405.000Z")
	if out == "" {
		return filepath.Join("results", stamp+"-"+name)
	}
	return strings.ReplaceAll(out, "%t", stamp)
}

// NewFolder makes the folder, proves that it can be written to, and takes it for one run. Where it holds a file that
// the run would write the error is [ErrTaken], unless force says that it may be replaced; where another process is
// writing it, it is that in any case.
func NewFolder(path string, force bool) (Folder, error) {
	_, err := os.Stat(path)
	f := Folder{Path: path, made: errors.Is(err, fs.ErrNotExist)}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return Folder{}, fmt.Errorf("make the run's folder: %w", err)
	}
	if err := f.claim(force); err != nil {
		return Folder{}, err
	}
	there := f.listPresent(written)
	if len(there) == 0 {
		return f, nil
	}
	if !force {
		return Folder{}, errors.Join(fmt.Errorf("%s holds %s: %w", path, strings.Join(there, ", "), ErrTaken),
			f.remove(claimFile))
	}
	if err := f.move(there, "", replaced); err != nil {
		return Folder{}, errors.Join(err, f.remove(claimFile))
	}
	f.aside = true
	return f, nil
}

// claim makes the file that says who writes here. One that a killed process left is in nobody's way with force.
func (f Folder) claim(force bool) error {
	name := filepath.Join(f.Path, claimFile)
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		text, _ := os.ReadFile(name)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		if !force || alive(pid) {
			return fmt.Errorf("%s is being written by process %d, or was when that was killed: %w", f.Path, pid,
				ErrTaken)
		}
		file, err = os.Create(name)
	}
	if err != nil {
		return fmt.Errorf("write to the run's folder: %w", err)
	}
	_, err = fmt.Fprintln(file, os.Getpid())
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write to the run's folder: %w", err)
	}
	return nil
}

// Release ends the claim: the run's files are written, and those that they replace are gone.
func (f Folder) Release() error {
	if f.aside {
		if err := os.RemoveAll(filepath.Join(f.Path, replaced)); err != nil {
			return fmt.Errorf("remove what the run replaces: %w", err)
		}
	}
	return f.remove(claimFile)
}

// Discard takes back what a run that never began left, and puts back what it would have replaced. Files of others, and
// a folder that was there before, stay.
func (f Folder) Discard() error {
	if err := f.remove(f.listPresent(written)...); err != nil {
		return err
	}
	if f.aside {
		if err := f.move(Folder{Path: filepath.Join(f.Path, replaced)}.listPresent(written), replaced, ""); err != nil {
			return err
		}
		if err := f.remove(replaced); err != nil {
			return err
		}
	}
	if err := f.remove(claimFile); err != nil {
		return err
	}
	if f.made {
		_ = os.Remove(f.Path) // fails where there is something in it, as it should
	}
	return nil
}

// listPresent lists those of the names that are there.
func (f Folder) listPresent(names []string) (there []string) {
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(f.Path, name)); err == nil {
			there = append(there, name)
		}
	}
	return there
}

// move moves files from one folder below this to another.
func (f Folder) move(names []string, from, to string) error {
	if err := os.MkdirAll(filepath.Join(f.Path, to), 0o755); err != nil {
		return fmt.Errorf("keep what the run replaces: %w", err)
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(f.Path, from, name), filepath.Join(f.Path, to, name)); err != nil {
			return fmt.Errorf("keep what the run replaces: %w", err)
		}
	}
	return nil
}

// remove removes files of the folder that may be there.
func (f Folder) remove(names ...string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(f.Path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clean the run's folder up: %w", err)
		}
	}
	return nil
}
