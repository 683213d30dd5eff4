package wire

import (
	"net"

	"grpcbench/loadgen/transport"
)

// insert is bytes that go out before out[at]: of a message that is the same for every call, and so is not copied.
type insert struct {
	at int
	b  []byte
}

// leastInsert is the least length of what is worth a piece of its own: to copy less is quicker.
const leastInsert = 4 << 10

// outLimit is how much may wait to be written before streams stop adding to it: the server's windows alone would bound
// it by gigabytes. Inserts take no memory and may be twice as much, because longer writes cost less a byte.
const outLimit = 256 << 10

// isFull says that streams wait with what they have to send.
func (ss *session) isFull() bool { return len(ss.out) >= outLimit || ss.insertedSize >= 2*outLimit }

// insert has b go out after what there is to write. Nobody may write into it from then on.
func (ss *session) insert(b []byte) {
	ss.inserts = append(ss.inserts, insert{len(ss.out), b})
	ss.insertedSize += len(b)
}

// outSize is how many bytes wait to be written.
func (ss *session) outSize() int { return len(ss.out) + ss.insertedSize }

// takeOut makes what is to be written pending.
func (ss *session) takeOut() {
	ss.pieces = ss.pieces[:0]
	from := 0
	for _, in := range ss.inserts {
		ss.pieces = append(ss.pieces, ss.out[from:in.at], in.b)
		from = in.at
	}
	if from < len(ss.out) {
		ss.pieces = append(ss.pieces, ss.out[from:])
	}
	ss.pending = ss.pieces
	ss.inserts, ss.insertedSize = ss.inserts[:0], 0
	ss.out, ss.spare = ss.spare[:0], ss.out
}

// skip is what is left of pieces after the first n bytes of them.
func skip(pieces net.Buffers, n int) net.Buffers {
	for len(pieces) > 0 && n >= len(pieces[0]) {
		n -= len(pieces[0])
		pieces = pieces[1:]
	}
	if n > 0 {
		pieces[0] = pieces[0][n:]
	}
	return pieces
}

// flush writes what there is, without waiting: what the socket does not take is
// the writer's. It is called with the lock, which it gives up while writing.
func (ss *session) flush() {
	c := ss.conn
	for !ss.writing && !ss.lost {
		ss.pumpReady()
		if len(ss.out) == 0 {
			if ss.closing {
				ss.close()
			}
			return
		}
		now := transport.Now()
		for _, e := range ss.stamps {
			if e.s.on == ss && e.s.id == e.id {
				c.setSentAt(e.s, now)
			}
		}
		ss.stamps, ss.answers = ss.stamps[:0], 0
		ss.writing, ss.writingSince = true, now
		ss.takeOut()
		if ss.socket == nil {
			ss.wake <- struct{}{} // has room: only who sets writing sends
			return
		}
		c.mu.Unlock()
		n, err := ss.socket.Write(ss.pending)
		c.mu.Lock()
		ss.pending = skip(ss.pending, n)
		if err != nil {
			ss.writeErr = err
			ss.close() // its reader will know, and tell
			return
		}
		if len(ss.pending) > 0 {
			ss.blocked = true
			ss.wake <- struct{}{}
			return
		}
		ss.writing = false
	}
}

// writer writes what the socket did not take at once, and over TLS everything.
// The reader must not: were the server to wait for us to read, both would wait.
func (ss *session) writer() {
	c := ss.conn
	for {
		select {
		case <-ss.wake:
		case <-ss.gone:
			return
		}
		_, err := ss.pending.WriteTo(ss.nc)
		c.mu.Lock()
		if err != nil {
			ss.writeErr = err
			ss.close() // its reader will know, and tell
		} else {
			ss.pending, ss.writing, ss.blocked = nil, false, false
		}
		c.mu.Unlock()
		c.deliver(nil)
	}
}
