package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/socket"
)

// What we let the server do: bytes of answers not yet read, of a connection and
// of a stream of it, and the size of a header block.
const (
	connWindow    = 16 << 20
	streamWindow  = 4 << 20
	maxHeaderList = 16 << 20 // as grpc-go takes; net/http's servers ignore what is announced
	readBuffer    = 32 << 10 // holds a frame of any size that we allow
)

// session is one HTTP/2 connection of a conn, which guards it by its lock.
type session struct {
	conn   *conn
	nc     net.Conn
	socket *socket.Socket // nil where nc cannot be written without waiting

	streams table
	nextID  uint32
	// What the server allows.
	window, initialWindow, maxFrame int64
	maxStreams                      int
	maxHeaderList                   uint32
	// credit is what is left of connWindow.
	credit int64

	// out is what is to be written, and inserts what goes between its bytes, of insertedSize bytes together. pending is
	// what is being written: pieces of spare's memory, and inserts. writing says that somebody does, or that the writer
	// was woken to; pending is theirs until then, without the lock.
	out, spare   []byte
	inserts      []insert
	insertedSize int
	pieces       [][]byte
	pending      net.Buffers
	writing      bool
	writingSince int64 // a reading of Now
	// blocked says that the socket did not take all of the last write: the server, or the network, takes nothing more
	// for now.
	blocked           bool
	answers           int // bytes of out that answer control frames
	wake              chan struct{}
	writeErr          error
	stamps            []stamp
	ready, readySpare []*stream

	// head is the last block that began a good answer, with the encoding that it named, and ok the last that ended one
	// with code OK.
	head, ok pattern
	encoding string
	// A header block that is not whole yet, and the frame that began it.
	block      []byte
	blockFrame frame
	inBlock    bool
	tooLong    int // bytes of a block that is longer than it may be, which nobody keeps
	names      knownNames

	up       bool          // its settings have come
	begun    chan struct{} // closed then, or when it is lost
	draining bool          // it takes no new streams
	closing  bool          // nor has it any: it closes once all is written
	lost     bool
	gone     chan struct{} // closed when its reader ends
	cause    error         // why it is lost
	heard    int64         // when the server last sent anything, a reading of Now
	goAway   string        // what the server said when it went
}

// start makes nc a session: it says hello, and reads until the end.
func (c *conn) start(nc net.Conn) *session {
	ss := &session{
		conn: c, nc: nc, nextID: c.firstID,
		window: 65535, initialWindow: 65535, maxFrame: maxFrame, // until the settings come (RFC 9113, section 6.5.2)
		maxStreams: 1<<31 - 1, maxHeaderList: 1<<32 - 1, credit: connWindow,
		wake: make(chan struct{}, 1), begun: make(chan struct{}), gone: make(chan struct{}),
	}
	ss.socket, ss.heard = socket.New(nc), transport.Now()
	ss.out = append(ss.out, preface...)
	ss.out = appendSettings(ss.out,
		http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0},
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeaderList},
	)
	ss.out = append32(ss.out, http2.FrameWindowUpdate, 0, connWindow-65535)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = append(c.sessions, ss)
	c.group.Go(ss.read)
	c.group.Go(ss.writer)
	if every := c.dialer.Keepalive; every > 0 {
		c.group.Go(func() { ss.keepAlive(every) })
	}
	if c.closed {
		ss.close()
	}
	ss.flush()
	return ss
}

// read takes what the server sends, until there is no more.
func (ss *session) read() {
	c := ss.conn
	defer close(ss.gone)
	var scratch []*stream
	receive := ss.nc.Read
	if ss.socket != nil {
		receive = ss.socket.Read
	}
	buf := make([]byte, readBuffer)
	from, to := 0, 0
	for {
		n, err := receive(buf[to:])
		now := transport.Now()
		to += n
		c.mu.Lock()
		if n > 0 {
			ss.heard = now
		}
		used, bad := ss.frames(buf[from:to], now)
		if bad != nil {
			err = bad
		}
		if err != nil {
			c.failSession(ss, err, now)
			c.mu.Unlock()
			ss.closeLost(err)
			c.deliver(scratch)
			return
		}
		c.mu.Unlock()
		from += used
		if from == to {
			from, to = 0, 0
		} else if to == len(buf) || len(buf)-from < frameHead+maxFrame {
			to = copy(buf, buf[from:to])
			from = 0
		}
		scratch = c.deliver(scratch)
	}
}

// frames handles the whole frames in b, and says how much of it they are.
func (ss *session) frames(b []byte, now int64) (used int, err error) {
	for len(b)-used >= frameHead {
		f := parseFrame(b[used:])
		if !ss.up && (f.kind != http2.FrameSettings || f.has(http2.FlagSettingsAck)) {
			return used, notHTTP2(b)
		}
		if f.length > maxFrame {
			return used, broken(http2.ErrCodeFrameSize, "%v frame of %d bytes: %d are allowed", f.kind, f.length,
				maxFrame)
		}
		end := used + frameHead + f.length
		if end > len(b) {
			break
		}
		if err := ss.frame(f, b[used+frameHead:end], now); err != nil {
			return used, err
		}
		used = end
	}
	return used, nil
}

func notHTTP2(b []byte) error {
	if bytes.HasPrefix(b, []byte("HTTP/")) {
		line, _, _ := bytes.Cut(b, []byte("\r\n"))
		return fmt.Errorf("the server does not speak HTTP/2 here: it says %q", line)
	}
	return broken(http2.ErrCodeProtocol, "the server's first frame is not SETTINGS")
}

// adopt makes ss the session of new calls, unless it is over already.
func (c *conn) adopt(ss *session) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		ss.close()
		return transport.ErrClosed
	case ss.lost:
		return ss.cause
	case ss.draining:
		return errors.New("the server goes away: " + ss.goAway)
	}
	c.cur, c.awaiting = ss, false
	c.adopted++
	return nil
}

// retire lets a session finish its streams, and gives new ones to another.
func (c *conn) retire(ss *session) {
	if ss.draining {
		return
	}
	ss.draining = true
	if c.cur == ss {
		c.cur = nil
		c.replace()
	}
	ss.closeIfIdle()
}

// closeIfIdle lets a session that drains say goodbye after its last stream.
func (ss *session) closeIfIdle() {
	if ss.draining && ss.streams.n == 0 && !ss.closing {
		ss.closing = true
		ss.out = appendGoAway(ss.out, http2.ErrCodeNo)
	}
}

// close ends the socket, and so the reader. Over TLS the last word goes first, for which crypto/tls would wait five
// seconds where the server reads nothing.
func (ss *session) close() {
	if secured, ok := ss.nc.(*tls.Conn); ok {
		impatient := time.AfterFunc(farewell, func() { _ = secured.NetConn().Close() })
		defer impatient.Stop()
	}
	_ = ss.nc.Close() // nothing is lost by an error here
}

// failSession ends a session whose reader can read no more: its calls fail, unless the server said that it
// has not looked at them.
func (c *conn) failSession(ss *session, err error, now int64) {
	switch {
	case ss.writeErr != nil:
		err = ss.writeErr
	case errors.Is(err, net.ErrClosed):
		err = io.EOF
	}
	if !ss.up {
		err = fmt.Errorf("the connection ended before the server's SETTINGS: %w", err)
	} else {
		err = fmt.Errorf("the connection ended: %w", err)
	}
	if ss.goAway != "" {
		err = fmt.Errorf("%w, after GOAWAY %s", err, ss.goAway)
	}
	ss.lost, ss.cause = true, err
	c.barren++
	if ss.nextID > c.firstID {
		c.barren = 0
	}
	if !ss.up {
		ss.up = true
		close(ss.begun)
	}
	for i, other := range c.sessions {
		if other == ss {
			c.sessions = append(c.sessions[:i], c.sessions[i+1:]...)
			break
		}
	}
	if c.cur == ss {
		c.cur = nil
		c.replace()
	}
	for _, s := range ss.streams.all() {
		c.complete(s, codes.Unavailable, err.Error(), now)
	}
}

// farewell bounds how long a server may take to read our last words.
const farewell = 100 * time.Millisecond

// closeLost closes the socket of a lost session; where it was the server that broke a rule, it is told which.
func (ss *session) closeLost(err error) {
	e := (*connError)(nil)
	ss.conn.mu.Lock()
	tell := errors.As(err, &e) && !ss.writing
	if tell {
		ss.out = appendGoAway(ss.out, e.code)
		ss.takeOut()
	}
	ss.conn.mu.Unlock()
	if tell {
		_ = ss.nc.SetWriteDeadline(time.Now().Add(farewell))
		_, _ = ss.pending.WriteTo(ss.nc) // whether it hears that or not, this is the end
	}
	ss.close()
}
