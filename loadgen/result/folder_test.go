package result_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/result"
)

func folder(t *testing.T) result.Folder {
	t.Helper()
	f, err := result.NewFolder(filepath.Join(t.TempDir(), "a", "b"), false)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// names are the files of a folder.
func names(t *testing.T, f result.Folder) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == ".running" { // which says whose it is
			continue
		}
		all = append(all, e.Name())
	}
	return all
}

func TestNewFolder(t *testing.T) {
	f := folder(t)
	if left := names(t, f); len(left) != 0 {
		t.Errorf("a new folder holds %q, want nothing", left)
	}
	if err := f.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := result.NewFolder(f.Path, false); err != nil {
		t.Errorf("a folder that exists: %v", err)
	}
}

// A run that cannot be kept is not made. Root may write anywhere, but not below a file.
func TestNewFolderRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if _, err := result.NewFolder(path, false); err == nil || !strings.Contains(err.Error(), path) &&
			!strings.Contains(err.Error(), file) {
			t.Errorf("NewFolder(%s): %v, want an error that names it", path, err)
		}
	}
	if os.Geteuid() == 0 {
		return // may write to a folder that says no
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := result.NewFolder(closed, false); err == nil {
		t.Error("a folder that cannot be written to was taken")
	}
}

// A reader sees the old file or the new one, whatever happens to the writer.
func TestWriteIsAtomic(t *testing.T) {
	f := folder(t)
	const name = "result.json"
	content := func() string {
		b, err := os.ReadFile(filepath.Join(f.Path, name))
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	if err := f.Write(name, func(w io.Writer) error { _, err := io.WriteString(w, "old"); return err }); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	err := f.Write(name, func(w io.Writer) error {
		if _, err := io.WriteString(w, "ne"); err != nil {
			return err
		}
		if got := content(); got != "old" {
			t.Errorf("while it is written a reader sees %q, want old", got)
		}
		return full
	})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), name) {
		t.Errorf("Write = %v, want the writer's error with the file's name", err)
	}
	if got := content(); got != "old" {
		t.Errorf("after a failure the file holds %q, want old", got)
	}
	if diff := cmp.Diff([]string{name}, names(t, f)); diff != "" {
		t.Errorf("what a failure leaves (-want +got):\n%s", diff)
	}
	if err := f.Write(name, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	if got := content(); got != "new" {
		t.Errorf("the file holds %q, want new", got)
	}
	info, err := os.Stat(filepath.Join(f.Path, name))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file's mode is %v (%v), want 0644", info.Mode(), err)
	}
	if diff := cmp.Diff([]string{name}, names(t, f)); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

func TestWriteWithoutItsFolder(t *testing.T) {
	f := folder(t)
	if err := os.RemoveAll(f.Path); err != nil {
		t.Fatal(err)
	}
	if err := f.Write("x", func(io.Writer) error { return nil }); err == nil {
		t.Error("Write: no error, want one")
	}
	if file, err := f.Create("x"); err == nil {
		file.Close()
		t.Error("Create: no error, want one")
	}
}

// A run that never began takes back its own files, and nobody else's.
func TestDiscard(t *testing.T) {
	f := folder(t)
	write := func(name string) {
		t.Helper()
		if err := f.Write(name, func(io.Writer) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"result.json", result.HlogFile, "notes.txt"} {
		write(name)
	}
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"notes.txt"}, names(t, f)); diff != "" {
		t.Errorf("with a stranger's file (-want +got):\n%s", diff)
	}
	if err := os.Remove(filepath.Join(f.Path, "notes.txt")); err != nil {
		t.Fatal(err)
	}
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Path); !os.IsNotExist(err) {
		t.Errorf("the empty folder is still there (%v)", err)
	}
}

func TestReadWhatWasWritten(t *testing.T) {
	f := folder(t)
	want := document()
	if err := f.WriteDocument(want); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{f.Path, filepath.Join(f.Path, "result.json")} {
		got, err := result.Read(path)
		if err != nil {
			t.Errorf("Read(%s): %v", path, err)
		} else if want.Folder = f.Path; cmp.Diff(want, got) != "" {
			diff := cmp.Diff(want, got)
			t.Errorf("Read(%s) (-want +got):\n%s", path, diff)
		}
	}
}

func TestReadNamesTheFile(t *testing.T) {
	f := folder(t)
	if _, err := result.Read(f.Path); err == nil || !strings.Contains(err.Error(), f.Path) {
		t.Errorf("a folder without a run: %v, want an error that names it", err)
	}
	if err := f.Write("result.json",
		func(w io.Writer) error { _, err := io.WriteString(w, `{"schema":"x"}`); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := result.Read(f.Path); err == nil || !strings.Contains(err.Error(), f.Path) {
		t.Errorf("another schema: %v, want an error that names the file", err)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	for i, name := range []string{"z", "a/deep/er", "m"} {
		f, err := result.NewFolder(filepath.Join(root, name), false)
		if err != nil {
			t.Fatal(err)
		}
		d := document()
		d.RunID, d.Started = fmt.Sprint(i), d.Started.Add(time.Duration(i)*time.Hour)
		if err := f.WriteDocument(d); err != nil {
			t.Fatal(err)
		}
		// what a killed run may leave, and more
		for _, other := range []string{"result.json.bak", ".result.json-123", "report.md"} {
			if err := os.WriteFile(filepath.Join(f.Path, other), []byte("{"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		reason string
		dirs   []string
		want   []string // by the time they were started
	}{
		{"all below a folder", []string{root}, []string{"0", "1", "2"}},
		{"a run's own folder", []string{filepath.Join(root, "m")}, []string{"2"}},
		{"a file", []string{filepath.Join(root, "m", "result.json")}, []string{"2"}},
		{"several, in another order", []string{filepath.Join(root, "m"), filepath.Join(root, "z")}, []string{"0", "2"}},
		{"none", nil, nil},
		{"a folder without a run", []string{t.TempDir()}, nil},
	} {
		found, err := result.Collect(tt.dirs...)
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
		}
		var got []string
		for _, d := range found.Runs {
			got = append(got, d.RunID)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
	missing := filepath.Join(root, "nowhere")
	if _, err := result.Collect(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("a folder that does not exist: %v, want an error that names it", err)
	}
}
