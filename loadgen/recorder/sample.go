package recorder

import "google.golang.org/grpc/codes"

// Sample is one completed call. Times are readings of one monotonic clock in nanoseconds.
type Sample struct {
	Worker uint16
	Seq    uint64
	// Free is when the call's worker was free for it; Held is how long it then had to wait for the server.
	Intended, Free, Sent, Done, Held int64
	Code                             codes.Code
	Success                          codes.Code // of a call that succeeds
	Step                             int        // which of several it is
	Message                          string
	Unfinished                       bool // cut off by the run's own end: neither a success nor a failure
	// Censored is set by [Lane.Call]: something else than the server ended the call, so its times are lower bounds.
	Censored bool
	Local    bool // failed within this process, without any server's part
	// Awaited is since when the next message was, AwaitedDue when what it answers should have been sent: see
	// transport.Call.
	Awaited, AwaitedDue int64
	MessagesSent        int
	MessagesReceived    int
	BytesSent           int64
	BytesReceived       int64
	LoadReport          func() string // nil where there is none
}

// Counts say what became of the calls that were due: due = ok + failed + unfinished + never_sent.
type Counts struct {
	Due        int64 `json:"due"`
	Sent       int64 `json:"sent"`
	OK         int64 `json:"ok"`
	Failed     int64 `json:"failed"`
	Unfinished int64 `json:"unfinished"`
	// Local are those of Failed in which no server had a part.
	Local            int64 `json:"failed_locally"`
	Late             int64 `json:"late"`
	NeverSent        int64 `json:"never_sent"`
	MessagesSent     int64 `json:"messages_sent"`
	MessagesReceived int64 `json:"messages_received"`
	BytesSent        int64 `json:"bytes_sent"`
	BytesReceived    int64 `json:"bytes_received"`
	// Overflow counts latencies that no histogram holds.
	Overflow int64 `json:"overflow"`
}

// Add adds o to c.
func (c *Counts) Add(o *Counts) {
	c.Due += o.Due
	c.Sent += o.Sent
	c.OK += o.OK
	c.Failed += o.Failed
	c.Unfinished += o.Unfinished
	c.Local += o.Local
	c.Late += o.Late
	c.NeverSent += o.NeverSent
	c.MessagesSent += o.MessagesSent
	c.MessagesReceived += o.MessagesReceived
	c.BytesSent += o.BytesSent
	c.BytesReceived += o.BytesReceived
	c.Overflow += o.Overflow
}

// CodeCount bounds the codes that are told apart; any higher one counts as UNKNOWN.
const CodeCount = int(codes.Unauthenticated) + 1
