// Package message makes the messages that calls send, and judges the answers.
//
// Data is JSON with slots (${...}). It is compiled once, along the message's descriptor, into a [Program] that appends
// bytes: what never changes as it is, and of each slot the value. A value is a function of the seed, the call's number,
// the message's and the slot, so that nothing is kept of a call and any process can make its data again. What is expected
// of an answer is JSON too, an [Expectation], and is held against the answer's bytes.
package message

import (
	"errors"
	"fmt"
)

// Source sends Messages in turn, then the last again and again, and holds answers against Expect in the same way. It
// implements transport.Source, and may be used concurrently.
type Source struct {
	Messages []Maker
	// Expect is what is expected of the answers. Where it is empty Sample, if there is one, is asked.
	Expect []*Expectation
	// Single is that a call sends one message, which each of its answers answers.
	Single bool
	// JSON is that answers are JSON, of the field ResponseBody alone where that is set.
	JSON         bool
	ResponseBody string
	// Sample looks at few of the answers.
	Sample func(seq uint64, i int, body []byte) error
}

// Maker appends the message of a moment.
type Maker interface {
	AppendTo(dst []byte, m *Moment) ([]byte, error)
}

// ErrNoMessage says that a Source has nothing to send.
var ErrNoMessage = errors.New("a source without messages")

// Append implements transport.Source.
func (s *Source) Append(dst []byte, call uint64, i int) ([]byte, error) {
	if len(s.Messages) == 0 {
		return dst, ErrNoMessage
	}
	m := MomentOf(call, i)
	if p, ok := s.Messages[min(i, len(s.Messages)-1)].(*Program); ok { // so that the moment stays on the stack
		return p.AppendTo(dst, &m)
	}
	return s.appendOther(dst, m)
}

// AppendAt is Append of a message that is sent at another time than now, in nanoseconds since 1970.
func (s *Source) AppendAt(dst []byte, call uint64, i int, now int64) ([]byte, error) {
	if len(s.Messages) == 0 {
		return dst, ErrNoMessage
	}
	m := MomentOf(call, i)
	m.now = now
	return s.appendOther(dst, m)
}

func (s *Source) appendOther(dst []byte, m Moment) ([]byte, error) {
	dst, err := s.Messages[min(m.I, len(s.Messages)-1)].AppendTo(dst, &m)
	if err != nil {
		return dst, fmt.Errorf("make the request: %w", err)
	}
	return dst, nil
}

// Check implements transport.Source.
func (s *Source) Check(call uint64, i, sent int, body []byte) error {
	m := MomentOf(call, i)
	if len(s.Expect) == 0 {
		if s.Sample != nil {
			return s.Sample(m.Seq, i, body)
		}
		return nil
	}
	m.Sent = sent
	if s.Single {
		m.I = 0
	}
	e := s.Expect[min(i, len(s.Expect)-1)]
	if s.JSON {
		return e.CheckJSON(body, s.ResponseBody, &m)
	}
	return e.Check(body, &m)
}
