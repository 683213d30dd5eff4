package grpcconn

import (
	"fmt"

	"google.golang.org/grpc/mem"

	"grpcbench/loadgen/transport"
)

// codec passes a Source's bytes through: encoding is the Source's on every
// transport, so that they are compared on equal bytes.
type codec struct{}

// Name is that of protobuf, which the bytes are.
func (codec) Name() string { return "proto" }

// outgoing is the next message of a call; incoming takes an answer.
type (
	outgoing struct {
		src  transport.Source
		call *transport.Call
		hint int // bytes of the last message
	}
	incoming struct {
		src  transport.Source
		call *transport.Call
		bad  error // what Check said of the call's last answer
		// alone is that nobody sends while answers are taken, so that the number sent is known.
		alone bool
	}
)

// Marshal makes the next message in memory of its own: grpc-go may hold it after the call that sent it is over. One
// that is always the same is in memory that nobody writes.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	out, ok := v.(*outgoing)
	if !ok {
		return nil, fmt.Errorf("cannot send a %T", v)
	}
	c := out.call
	if fixed, ok := out.src.(transport.FixedSource); ok {
		if body := fixed.Fixed(c.MessagesSent); body != nil {
			c.MessagesSent++
			c.BytesSent += int64(len(body))
			return mem.BufferSlice{mem.SliceBuffer(body)}, nil
		}
	}
	room := out.hint + transport.Slack
	pooled := mem.DefaultBufferPool()
	if mem.IsBelowBufferPoolingThreshold(room) {
		pooled = mem.NopBufferPool{} // grpc-go would not give so small a buffer back
	}
	buf := pooled.Get(room)
	body, err := out.src.Append((*buf)[:0], c.Key(), c.MessagesSent)
	if err != nil {
		pooled.Put(buf)
		c.Local = true
		return nil, fmt.Errorf("make message %d: %w", c.MessagesSent, err)
	}
	*buf = body
	out.hint = len(body)
	c.MessagesSent++
	c.BytesSent += int64(len(body))
	return mem.BufferSlice{mem.NewBuffer(buf, pooled)}, nil
}

// Unmarshal judges an answer where it lies.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*incoming)
	if !ok {
		return fmt.Errorf("cannot receive a %T", v)
	}
	body := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer body.Free()
	c := in.call
	i := c.MessagesReceived
	c.MessagesReceived++
	c.BytesReceived += int64(body.Len())
	sent := 0
	if in.alone {
		sent = c.MessagesSent
	}
	if err := in.src.Check(c.Key(), i, sent, body.ReadOnlyData()); err != nil {
		in.bad = fmt.Errorf("answer %d: %w", i, err)
		return in.bad
	}
	return nil
}
