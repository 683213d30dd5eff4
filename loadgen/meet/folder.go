package meet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// In a folder each direction of a link is a file, to which one side appends lines and which the other reads as it
// grows: guest-3 is what shard 3 says, host-3 what it is told. A shared filesystem may take its time, so clocks are
// compared to some milliseconds only.
const (
	guestFile = "guest-"
	hostFile  = "host-"
	pollEvery = 2 * time.Millisecond
	// deaf is how long the other side may write nothing: each writes every second.
	deaf = 20 * time.Second
)

// fileLink reads one file and writes another.
type fileLink struct {
	in, out *os.File
	lines   *bufio.Reader
	part    []byte // of a line that is not whole yet
	done    chan struct{}
	once    sync.Once
	// patience is how long the other side may be silent; 0 is for ever, while nothing was asked of it.
	patience func() time.Duration
}

func newFileLink(in, out *os.File, patience func() time.Duration) *fileLink {
	return &fileLink{in: in, out: out, lines: bufio.NewReader(in), done: make(chan struct{}), patience: patience}
}

func (l *fileLink) Send(m *Message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = l.out.Write(append(line, '\n'))
	return err
}

func (l *fileLink) Recv() (*Message, error) {
	heard := time.Now()
	for {
		text, err := l.lines.ReadSlice('\n')
		l.part = append(l.part, text...)
		switch {
		case err == nil:
			m := &Message{}
			err := json.Unmarshal(l.part, m)
			l.part = l.part[:0]
			return m, err
		case !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(text) > 0:
			heard = time.Now()
			continue
		}
		if p := l.patience(); p > 0 && time.Since(heard) > p {
			return nil, fmt.Errorf("nothing was written to %s for %v", l.in.Name(), p)
		}
		select {
		case <-l.done:
			return nil, io.EOF
		case <-time.After(pollEvery): //nolint:forbidigo // it is short
		}
	}
}

func (l *fileLink) Close() error {
	l.once.Do(func() { close(l.done) })
	return errors.Join(l.in.Close(), l.out.Close())
}

// dialFolder makes a guest's two files. What the host says comes into its own, which the guest waits for.
func dialFolder(ctx context.Context, dir string, index int, patience func() time.Duration) (link, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil { //nolint:gosec // others of the run may be other users
		return nil, fmt.Errorf("make the folder to meet in: %w", err)
	}
	name := strconv.Itoa(index)
	out, err := os.OpenFile(filepath.Join(dir, guestFile+name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: shard %d is in %s already, or an earlier run had the same name: -run says another",
			ErrRefused, index, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("meet in a folder: %w", err)
	}
	for {
		in, err := os.Open(filepath.Join(dir, hostFile+name))
		if err == nil {
			return newFileLink(in, out, patience), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("meet in a folder: %w", err), out.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), out.Close(), os.Remove(out.Name()))
		case <-time.After(pollEvery): //nolint:forbidigo // it is short
		}
	}
}

// folder is the host's listener in a folder.
type folder struct {
	done   chan struct{}
	taking sync.WaitGroup
	links  []link // scanFolder's alone until taking is over
}

// listenFolder takes guests as their files come; each is for take, which returns once the link is over.
func listenFolder(dir string, patience func() time.Duration, take func(l link, from string)) (*folder, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil { //nolint:gosec // others of the run may be other users
		return nil, fmt.Errorf("make the folder to meet in: %w", err)
	}
	own, err := os.OpenFile(filepath.Join(dir, "host"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("meet in a folder: an earlier run had the same name, or shard 0 is there already: %w",
			err)
	}
	if err := own.Close(); err != nil {
		return nil, fmt.Errorf("meet in a folder: %w", err)
	}
	f := &folder{done: make(chan struct{})}
	f.taking.Go(func() { f.scanFolder(dir, patience, take) })
	return f, nil
}

// scanFolder takes whoever comes.
func (f *folder) scanFolder(dir string, patience func() time.Duration, take func(l link, from string)) {
	seen := map[string]bool{}
	for {
		entries, _ := os.ReadDir(dir) // it was there; if it is no more, nobody comes
		for _, e := range entries {
			name, guest := strings.CutPrefix(e.Name(), guestFile)
			if !guest || seen[name] {
				continue
			}
			seen[name] = true
			in, err := os.Open(filepath.Join(dir, e.Name()))
			if err != nil {
				continue
			}
			out, err := os.OpenFile(filepath.Join(dir, hostFile+name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
			if err != nil {
				_ = in.Close() // it was only looked at
				continue
			}
			l := newFileLink(in, out, patience)
			f.links = append(f.links, l)
			f.taking.Go(func() { take(l, filepath.Join(dir, e.Name())) })
		}
		select {
		case <-f.done:
			for _, l := range f.links {
				_ = l.Close() // all that was to be said is
			}
			return
		case <-time.After(5 * pollEvery): //nolint:forbidigo // it is short
		}
	}
}

func (f *folder) Close() error {
	close(f.done)
	f.taking.Wait()
	return nil
}

// sameJSON says whether two texts are the same but for blanks.
func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
