package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"
)

// maxMessage is the largest message taken from a server where nothing else is asked for: grpc-go's limit.
const maxMessage = 4 << 20

// most is the largest message taken.
func (c *conn) most() int {
	if n := c.dialer.MaxMessage; n > 0 {
		return n
	}
	return maxMessage
}

// feed takes the bytes of a DATA frame: messages that lie whole in them are
// judged where they lie, others are put together first. It is false where the
// call is over.
func (s *stream) feed(data []byte, now int64) bool {
	for len(data) > 0 {
		if len(s.partial) == 0 && len(data) >= messageHead {
			n, ok := s.messageLen(data, now)
			if !ok {
				return false
			}
			if len(data) >= messageHead+n {
				if !s.answer(data[0] == 1, data[messageHead:messageHead+n], now) {
					return false
				}
				data = data[messageHead+n:]
				continue
			}
		}
		want := messageHead
		if len(s.partial) >= messageHead {
			n, ok := s.messageLen(s.partial, now)
			if !ok {
				return false
			}
			want += n
		}
		n := min(len(data), want-len(s.partial))
		s.partial, data = append(s.partial, data[:n]...), data[n:]
		if len(s.partial) < messageHead {
			return true
		}
		size, ok := s.messageLen(s.partial, now)
		if !ok {
			return false
		}
		if len(s.partial) == messageHead+size {
			whole := s.partial
			s.partial = s.partial[:0]
			if !s.answer(whole[0] == 1, whole[messageHead:], now) {
				return false
			}
		}
	}
	return true
}

// messageLen reads the head of a message.
func (s *stream) messageLen(head []byte, now int64) (n int, ok bool) {
	if head[0] > 1 {
		return 0, s.fail(codes.Internal,
			fmt.Sprintf("a message with the flag %d: want 0, or 1 for a compressed one", head[0]), now)
	}
	size := binary.BigEndian.Uint32(head[1:])
	if most := s.conn.most(); int64(size) > int64(most) {
		return 0, s.fail(codes.ResourceExhausted,
			fmt.Sprintf("an answer of %d bytes: at most %d are taken (-max-message)", size, most), now)
	}
	return int(size), true
}

// gunzip is reused by the streams of a connection.
type gunzip struct {
	r   gzip.Reader
	out bytes.Buffer
}

// inflate undoes the compression of a message; why says what is wrong with it. The body is valid until the next.
func (c *conn) inflate(encoding string, body []byte) (plain []byte, code codes.Code, why string) {
	switch encoding {
	case "gzip":
	case "", "identity":
		return nil, codes.Internal, "a compressed message, and no grpc-encoding"
	default:
		return nil, codes.Internal, fmt.Sprintf("grpc-encoding %q, which was not asked for: wire knows gzip only",
			encoding)
	}
	if c.gunzip == nil {
		c.gunzip = &gunzip{}
	}
	z := c.gunzip
	if err := z.r.Reset(bytes.NewReader(body)); err != nil {
		return nil, codes.Internal, "gunzip an answer: " + err.Error()
	}
	z.out.Reset()
	if _, err := io.Copy(&z.out, io.LimitReader(&z.r, int64(c.most())+1)); err != nil {
		return nil, codes.Internal, "gunzip an answer: " + err.Error()
	}
	if z.out.Len() > c.most() {
		return nil, codes.ResourceExhausted,
			fmt.Sprintf("an answer of more than %d bytes, once gunzipped (-max-message)", c.most())
	}
	return z.out.Bytes(), codes.OK, ""
}

// deflater compresses messages, one after the other.
type deflater struct {
	w   *gzip.Writer
	out bytes.Buffer
}

// deflate compresses what of b begins at from.
func (c *conn) deflate(b []byte, from int) ([]byte, error) {
	if c.deflater == nil {
		c.deflater = &deflater{}
		c.deflater.w = gzip.NewWriter(&c.deflater.out)
	}
	z := c.deflater
	z.out.Reset()
	z.w.Reset(&z.out)
	if _, err := z.w.Write(b[from:]); err != nil {
		return b, fmt.Errorf("compress it: %w", err)
	}
	if err := z.w.Close(); err != nil {
		return b, fmt.Errorf("compress it: %w", err)
	}
	return append(b[:from], z.out.Bytes()...), nil
}
