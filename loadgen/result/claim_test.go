package result_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/result"
)

// tree is every file below a folder, with its content.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path[len(root):]] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// keep is a folder with what an earlier run, and somebody else, wrote.
func keep(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Whatever a run would write over is another's: it is refused, and all stays as it was.
func TestNewFolderIsNobodyElses(t *testing.T) {
	for _, name := range []string{
		"result.json", "latency.hlog", "report.md", "bench.txt", "client.log",
		"overhead.json", "timeouts.json",
	} {
		dir := keep(t, name, "notes.txt")
		before := tree(t, dir)
		if _, err := result.NewFolder(dir, false); !errors.Is(err, result.ErrTaken) {
			t.Errorf("a folder with %s: %v, want ErrTaken", name, err)
		}
		if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
			t.Errorf("a folder with %s (-before +after):\n%s", name, diff)
		}
	}
	if _, err := result.NewFolder(keep(t, "notes.txt"), false); err != nil {
		t.Errorf("a folder with a stranger's file: %v", err)
	}
}

// With -force the new run's files come in the place of the old ones', of which none stays beside them; but where the
// new one never begins the old ones are as they were.
func TestForce(t *testing.T) {
	old := []string{"result.json", "latency.hlog", "client.log", "notes.txt"}
	for _, begins := range []bool{false, true} {
		dir := keep(t, old...)
		before := tree(t, dir)
		f, err := result.NewFolder(dir, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Write("result.json",
			func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
			t.Fatal(err)
		}
		want := before
		if begins {
			err = f.Release()
			want = map[string]string{"/result.json": "new", "/notes.txt": "old notes.txt"}
		} else {
			err = f.Discard()
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
			t.Errorf("begins %v (-want +got):\n%s", begins, diff)
		}
	}
}

// Of two runs at once the second is refused, forced or not; what a killed one left is in nobody's way with force.
func TestTwoAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := result.NewFolder(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} {
		if _, err := result.NewFolder(dir, force); !errors.Is(err, result.ErrTaken) {
			t.Errorf("the second, force %v: %v, want ErrTaken", force, err)
		}
	}
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder that the run made is still there: %v", err)
	}
	dir = keep(t, "result.json")
	const gone = 1 << 30 // above any process id
	if err := os.WriteFile(filepath.Join(dir, ".running"), []byte(strconv.Itoa(gone)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := result.NewFolder(dir, false); !errors.Is(err, result.ErrTaken) {
		t.Errorf("what a killed run left, without force: %v, want ErrTaken", err)
	}
	if _, err := result.NewFolder(dir, true); err != nil {
		t.Errorf("what a killed run left, with force: %v", err)
	}
}

func TestFolderName(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for _, tt := range []struct{ reason, out, want string }{
		{"none is named", "", filepath.Join("results", "20260102T030405.678Z-Search")},
		{"as it is", "keep", "keep"},
		{"with the time in it", "runs/%t-a", "runs/20260102T030405.678Z-a"},
	} {
		if got := result.FolderName(tt.out, "Search", now); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.reason, got, tt.want)
		}
	}
}
