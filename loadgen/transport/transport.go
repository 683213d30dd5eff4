// Package transport defines how calls travel, for the engine that starts them
// and for the transports below it: grpcconn (grpc-go), wire (its own HTTP/2) and
// rest (net/http).
//
// Calls are data: an RPC that fails is a [Call] with a code, not a Go error.
package transport

import (
	"context"
	"errors"
	"math"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/series"
)

// Kind is one of gRPC's four kinds of RPC, a mask of who streams.
type Kind uint8

// The kinds.
const (
	Unary        Kind = 0
	ClientStream Kind = 1
	ServerStream Kind = 2
	Bidi         Kind = ClientStream | ServerStream
)

func (k Kind) String() string {
	return [...]string{"unary", "client stream", "server stream", "bidi"}[k&Bidi]
}

// Turns says who speaks when, on a bidi stream.
type Turns uint8

const (
	// Lockstep sends a message once the last is answered.
	Lockstep Turns = iota
	// Free sends by its own interval or pace, while answers come as they come.
	Free
	// Half sends all messages, half-closes, and then takes the answers, as they came meanwhile.
	Half
)

// TurnsNames are as -stream spells them, by their values.
var TurnsNames = []string{"lockstep", "free", "half"}

// Method is one of those that a connection carries: what its calls do, and what they send.
type Method struct {
	Spec
	Source Source
}

// One is the only method of a connection.
func One(spec Spec, src Source) []*Method { return []*Method{{spec, src}} }

// Spec says what every call of a method does.
type Spec struct {
	// Method is the full method, such as /person.SearchService/Search.
	Method string
	Kind   Kind
	// Send is how many messages a call sends; 0 means until [Conn.Finish].
	Send int
	// Turns says when a bidi call sends the next.
	Turns Turns
	// Receive, where positive, is how many messages a call takes before it ends itself: a stream
	// that its server never ends. Its own cancel is then a success.
	Receive int
	// ReceiveFor, where positive, ends a call from this side that long after it was sent, as a success too.
	ReceiveFor time.Duration
	// Answers is the fewest answers of a call that succeeds, where it can be told apart from one that lost them.
	Answers int
	// Interval is the least time between two messages that a call sends.
	Interval time.Duration
	// Pace, where positive, is the time between the intended sends of two messages of a call. They are
	// fixed when the call starts, each worker's shifted against the others'; a late message does not
	// move those after it.
	Pace time.Duration
	// Timeout is each call's deadline from its actual start; 0 means none.
	Timeout time.Duration
	// Metadata goes with every call, key and value by turns; Varying beside it.
	Metadata []string
	Varying  []Varying
	// Success is the code of a call that succeeds. A call that ends as none was expected to, with OK, fails.
	Success codes.Code
	// HTTPMethod is the REST route's. Messages are its bodies, for the request target Path; where that is empty, and of
	// a GET, they are the targets, each followed by a line's end and the body, if it has one.
	HTTPMethod, Path string
}

// Varying is metadata whose value differs from call to call. Of a key that ends in -bin it is bytes.
type Varying struct {
	Key   string
	Value interface {
		// Append appends the value for a call, by its Key, to dst. It may be called concurrently.
		Append(dst []byte, call uint64) ([]byte, error)
	}
}

// Lockstep says whether each answer is awaited before the next message.
func (s *Spec) Lockstep() bool { return s.Kind == Bidi && s.Turns == Lockstep }

// EndsItself says that a call ends a free stream from this side, which it then does not half-close before: many servers
// would end it at that.
func (s *Spec) EndsItself() bool {
	return s.Kind == Bidi && s.Turns == Free && (s.Receive > 0 || s.ReceiveFor > 0)
}

// Limit is how long a call may take, from its send: its deadline, or the sooner end that it has itself, which is a
// success.
func (s *Spec) Limit() (limit time.Duration, success bool) {
	if s.ReceiveFor > 0 && (s.Timeout == 0 || s.ReceiveFor < s.Timeout) {
		return s.ReceiveFor, true
	}
	return s.Timeout, false
}

// UserAgent is the metadata's own; empty where they name none, and the transport's stands.
func UserAgent(metadata []string) string {
	for i := 0; i+1 < len(metadata); i += 2 {
		if metadata[i] == "user-agent" {
			return metadata[i+1]
		}
	}
	return ""
}

// MessageDue is when the i-th message of a call with a Pace is to be sent, for
// a call that was sent at the given time. The workers' messages are spread over
// the pace by the golden ratio, which needs not know how many workers there are.
func (s *Spec) MessageDue(worker uint16, sent int64, i int) int64 {
	_, part := math.Modf(float64(worker) * 0.6180339887498949)
	return sent + int64(part*float64(s.Pace)) + int64(i)*int64(s.Pace)
}

// Source makes the messages of calls and judges the answers. Its methods are
// called concurrently.
type Source interface {
	// Append appends the i-th message of a call, by its Key, to dst. With room for the message and [Slack] it needs no
	// more memory.
	Append(dst []byte, call uint64, i int) ([]byte, error)
	// Check says what is wrong with body, the i-th answer of a call, by its Key, when n messages were sent
	// so far. It keeps nothing of body.
	Check(call uint64, i, n int, body []byte) error
}

// Slack is how many bytes behind a message may be written while it is made.
const Slack = 16

// FixedSource is a Source that knows which of its messages are always the same, so that they need not be copied.
type FixedSource interface {
	// Fixed returns the i-th message of a call where that is the same for every call, and nil otherwise. Nobody may
	// write into it.
	Fixed(i int) []byte
}

// Call is one RPC: first what the engine orders, then what the transport found.
// Each belongs to a worker and is used again for the worker's next call; it is
// the transport's from [Conn.Start] to [Owner.Done], the engine's otherwise.
type Call struct {
	Worker uint16
	Seq    uint64
	// Method is which of the connection's methods it calls.
	Method int
	// Intended is when the call should have started; in a closed loop, when its worker became free.
	Intended int64
	// Free is when its worker was free for it: later than Intended where every worker was busy.
	Free int64

	// Sent is taken just before the call goes out, End when its last answer or its failure is in. Both,
	// and Intended, are readings of [Now].
	Sent, End int64
	// Held is the part of the time before Sent, in nanoseconds, that the transport had to keep the call
	// back: the server took no more at once, or had to be connected to anew.
	Held int64
	Code codes.Code
	// Message explains a Code other than OK.
	Message string
	// Local says that the call failed within this process or for want of something of this machine's, such as
	// a file descriptor, a port, or a header that cannot be sent: no server had a part in it.
	Local bool
	// Sent and received messages, and their bytes before framing and compression.
	MessagesSent, MessagesReceived int
	BytesSent, BytesReceived       int64
	// Awaited is since when the server's next message was awaited as the call ended, on a stream that had some: on a
	// bidi stream in lockstep since the send that it answers, which with a Pace was intended for AwaitedDue, else
	// since the message before. Both are readings of [Now].
	Awaited, AwaitedDue int64
	// LoadReport returns the ORCA report of the call's trailer, undecoded; nil where there is none. Only
	// few calls' reports are looked at, so a transport decodes them when asked, which is until Done returns.
	LoadReport func() string

	Owner Owner
	// Bound is the transport's state for this worker.
	Bound any
}

// Key is what a call's data are made from: its worker in the upper 16 bits, and its number in the 48 below.
func (c *Call) Key() uint64 { return uint64(c.Worker)<<48 | c.Seq&(1<<48-1) }

// Reset clears what the transport found, before the next call.
func (c *Call) Reset() {
	c.Sent, c.End, c.Held, c.Code, c.Message, c.Local = 0, 0, 0, codes.OK, "", false
	c.MessagesSent, c.MessagesReceived, c.BytesSent, c.BytesReceived = 0, 0, 0, 0
	c.LoadReport, c.Awaited, c.AwaitedDue = nil, 0, 0
}

// Owner hears of calls from the transport. Its methods may be called
// concurrently, for different calls.
type Owner interface {
	// Done is called exactly once per started call, when it is over. It may start the next.
	Done(c *Call)
	// Message is told of one latency within a call, in nanoseconds.
	Message(c *Call, s series.Series, ns int64)
}

// Conn carries the calls of some workers.
type Conn interface {
	// Start begins a call and returns before its answer. ErrClosed is its only error, and then
	// Done is not called. It may be called concurrently, for different calls, also from Done.
	Start(c *Call) error
	// Flush sends what Start may have kept back, so that calls which start together travel together.
	// What is started from Done needs none.
	Flush()
	// Finish ends the streams that have no other end: they half-close and take their last answers.
	Finish()
	// Close cuts off what is still in flight, which still comes to Done, and returns when nothing
	// of the connection runs any more.
	Close() error
}

// Reconnecter is a [Conn] that knows how often it had to connect anew.
type Reconnecter interface {
	// Reconnects is how many connections it made in place of others. It may be called at any time.
	Reconnects() int64
}

// ErrClosed says that a connection takes no more calls.
var ErrClosed = errors.New("the connection is closed")

// Dialer opens connections. Dial returns one that is ready and carries the
// methods, or why it cannot be, with the address. The methods are one or more;
// what is of a connection, such as a user agent, is the first's.
type Dialer interface {
	Dial(ctx context.Context, addr string, methods []*Method) (Conn, error)
}

// epoch is what Now counts from.
var epoch = time.Now()

// Now reads the one clock of a run: monotonic nanoseconds from an arbitrary zero.
func Now() int64 { return int64(time.Since(epoch)) }

// Wall is the wall-clock time of a reading of [Now]. Both clocks are read at once, so that the times of two readings
// are as far apart as these, but for a step of the wall clock.
func Wall(ns int64) time.Time {
	now := time.Now()
	return now.Add(time.Duration(ns) - now.Sub(epoch))
}
