package conformance

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// tap is a listener that keeps what the server writes to its last connection: a
// transport.Call shows neither metadata nor whether a message was compressed.
type tap struct {
	net.Listener
	mu   sync.Mutex
	last *tapped
}

type tapped struct {
	net.Conn
	mu      sync.Mutex
	written bytes.Buffer
}

func (l *tap) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &tapped{Conn: nc}
	l.mu.Lock()
	l.last = c
	l.mu.Unlock()
	return c, nil
}

func (c *tapped) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.written.Write(b)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// answers are what came on the last connection: the fields of header blocks, and the flags of messages.
type answers struct {
	blocks []map[string]string
	flags  []byte
}

// answers decodes what was written so far; only one call is made on a connection that is looked at.
func (l *tap) answers(t *testing.T) (a answers) {
	t.Helper()
	l.mu.Lock()
	c := l.last
	l.mu.Unlock()
	c.mu.Lock()
	written := bytes.Clone(c.written.Bytes())
	c.mu.Unlock()
	fr := http2.NewFramer(nil, bytes.NewReader(written))
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var body []byte
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			break
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			fields := map[string]string{}
			for _, h := range f.Fields {
				fields[h.Name] = h.Value
			}
			a.blocks = append(a.blocks, fields)
		case *http2.DataFrame:
			body = append(body, f.Data()...)
		}
	}
	for len(body) >= messageHead {
		a.flags = append(a.flags, body[0])
		n := messageHead + int(body[1])<<24 + int(body[2])<<16 + int(body[3])<<8 + int(body[4])
		if len(body) < n {
			t.Errorf("a message of %d bytes has %d", n, len(body))
			break
		}
		body = body[n:]
	}
	return a
}

// field is what the i-th block says by a name.
func (a answers) field(t *testing.T, i int, name string) string {
	t.Helper()
	if i >= len(a.blocks) {
		t.Errorf("%d header blocks came, and number %d is asked for", len(a.blocks), i)
		return ""
	}
	return a.blocks[i][name]
}
