package wire

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// half is one direction of a connection in memory: what was written waits in
// it, up to a limit. Its waits are durable in a synctest bubble.
type half struct {
	mu      sync.Mutex
	changed *sync.Cond
	buf     []byte
	limit   int  // how much may wait unread
	chunk   int  // how much one read takes at most; 0 is all
	held    bool // reads wait, whatever there is
	readEnd error
	// writeEnd ends writes; until is their deadline.
	writeEnd error
	until    time.Time
	timer    *time.Timer
	most     int // of bytes that ever waited
}

func newHalf() *half {
	h := &half{limit: 1 << 30}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *half) Read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.readEnd != net.ErrClosed && (len(h.buf) == 0 && h.readEnd == nil || h.held) { //nolint:errorlint // set by us
		h.changed.Wait()
	}
	if len(h.buf) == 0 || h.readEnd == net.ErrClosed { //nolint:errorlint // as above
		return 0, h.readEnd
	}
	n := len(h.buf)
	if h.chunk > 0 {
		n = min(n, h.chunk)
	}
	n = copy(b, h.buf[:n])
	h.buf = h.buf[n:]
	h.changed.Broadcast()
	return n, nil
}

func (h *half) Write(b []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(b) > 0 {
		for h.writeEnd == nil && len(h.buf) >= h.limit && !h.late() {
			h.changed.Wait()
		}
		switch {
		case h.writeEnd != nil:
			return n, h.writeEnd
		case h.late():
			return n, os.ErrDeadlineExceeded
		}
		some := min(len(b), h.limit-len(h.buf))
		h.buf = append(h.buf, b[:some]...)
		h.most = max(h.most, len(h.buf))
		n, b = n+some, b[some:]
		h.changed.Broadcast()
	}
	return n, nil
}

func (h *half) late() bool { return !h.until.IsZero() && !time.Now().Before(h.until) }

// end ends reads with one error, once the buffer is empty, and writes with another; nil leaves them.
func (h *half) end(read, write error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if read != nil && h.readEnd == nil || read == net.ErrClosed { //nolint:errorlint // set by us
		h.readEnd = read
	}
	if write != nil && h.writeEnd == nil {
		h.writeEnd = write
	}
	h.changed.Broadcast()
}

// set changes h's behaviour.
func (h *half) set(change func(h *half)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
	h.changed.Broadcast()
}

// pipeEnd is one end of such a connection.
type pipeEnd struct{ in, out *half }

func newPipe() (client, server *pipeEnd) {
	up, down := newHalf(), newHalf()
	return &pipeEnd{in: down, out: up}, &pipeEnd{in: up, out: down}
}

func (e *pipeEnd) Read(b []byte) (int, error)  { return e.in.Read(b) }
func (e *pipeEnd) Write(b []byte) (int, error) { return e.out.Write(b) }

func (e *pipeEnd) Close() error {
	e.in.end(net.ErrClosed, io.ErrClosedPipe)
	e.out.end(io.EOF, net.ErrClosed)
	return nil
}

func (e *pipeEnd) SetWriteDeadline(t time.Time) error {
	e.out.set(func(h *half) {
		h.until = t
		if h.timer != nil {
			h.timer.Stop()
		}
		h.timer = time.AfterFunc(time.Until(t), h.changed.Broadcast)
	})
	return nil
}

func (*pipeEnd) LocalAddr() net.Addr             { return &net.UnixAddr{Name: "client"} }
func (*pipeEnd) RemoteAddr() net.Addr            { return &net.UnixAddr{Name: "server"} }
func (*pipeEnd) SetDeadline(time.Time) error     { return nil }
func (*pipeEnd) SetReadDeadline(time.Time) error { return nil }
