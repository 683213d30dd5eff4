package meet

import (
	"encoding/json"
	"errors"
	"io"
)

// Message is what goes over a link. One of its fields is set.
type Message struct {
	// From a guest.
	Hello  *Hello          `json:"hello,omitempty"`
	Ready  bool            `json:"ready,omitempty"` // its connections are open
	Pong   *Pong           `json:"pong,omitempty"`
	Second *Second         `json:"second,omitempty"`
	Report json.RawMessage `json:"report,omitempty"` // its last

	// From the host.
	Refused string `json:"refused,omitempty"` // why
	Welcome bool   `json:"welcome,omitempty"`
	// Offer goes with the welcome: what the guest is to do, where its plan leaves that open.
	Offer json.RawMessage `json:"offer,omitempty"`
	// Later says that the host still makes the round before: the guest is to come again.
	Later bool   `json:"later,omitempty"`
	Ping  *Ping  `json:"ping,omitempty"`
	Start *Start `json:"start,omitempty"`
	Stop  string `json:"stop,omitempty"` // why; what is in flight may end
	Bye   bool   `json:"bye,omitempty"`  // the report is here
}

// Hello says who a guest is.
type Hello struct {
	Run     string          `json:"run"`
	Round   int             `json:"round,omitempty"` // of a session that meets again and again, from 1 on
	Index   int             `json:"index"`
	Count   int             `json:"count"`
	Version string          `json:"version"`
	Plan    json.RawMessage `json:"plan"` // all must have the same
	Host    string          `json:"host"`
	// Epoch is the time of day, in Unix nanoseconds, at 0 of the clock that readings are of.
	Epoch int64 `json:"epoch"`
}

// Ping and Pong compare clocks: At are readings of the host's, Heard of the guest's.
type Ping struct {
	At int64 `json:"at"`
}

// Pong answers a Ping.
type Pong struct {
	At    int64 `json:"at"`
	Heard int64 `json:"heard"`
}

// Start says when the run starts, as a reading of the guest's clock.
type Start struct {
	At int64 `json:"at"`
}

// Second is what a guest recorded in its Index-th interval, from 0.
type Second struct {
	Index    int             `json:"index"`
	Snapshot json.RawMessage `json:"snapshot"`
}

// link carries messages, in order. Send and Recv may run beside each other, but neither beside itself.
type link interface {
	Send(*Message) error
	// Recv returns io.EOF where the other side has closed the link in good order.
	Recv() (*Message, error)
	Close() error
}

// ErrRefused says that the host did not take a guest.
var ErrRefused = errors.New("shard 0 refuses")

// ErrLost says that a link broke.
var ErrLost = errors.New("the link is lost")

// unexpected turns io.EOF into io.ErrUnexpectedEOF: what ends where it should not.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
