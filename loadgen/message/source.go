package message

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Source sends Messages in turn, then the last again and again, and holds answers against Expect in the same way. It
// implements transport.Source, and may be used concurrently.
type Source struct {
	Messages []Maker
	// Expect is what is expected of the answers. Where it is empty Sample, if there is one, is asked.
	Expect []*Expectation
	// Single is that a call sends one message, which each of its answers answers.
	Single bool
	// Saves are what is taken out of each answer that is as expected, of the type Desc.
	Saves []*Save
	Desc  protoreflect.MessageDescriptor
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

// Fixed implements transport.FixedSource.
func (s *Source) Fixed(i int) []byte {
	if len(s.Messages) == 0 {
		return nil
	}
	p, ok := s.Messages[min(i, len(s.Messages)-1)].(*Program)
	if !ok || len(p.ops) != 1 || p.ops[0].code != opLiteral {
		return nil
	}
	return p.ops[0].literal
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
	m.Sent = sent
	if err := s.judge(&m, i, body); err != nil || len(s.Saves) == 0 {
		return err
	}
	return s.save(m.Worker, body)
}

// save takes values out of an answer.
func (s *Source) save(worker int, body []byte) (err error) {
	if s.JSON {
		if body, err = encodeJSON(body, s.ResponseBody, s.Desc); err != nil {
			return err
		}
	}
	for _, save := range s.Saves {
		if err := save.Extract(body, worker); err != nil {
			return err
		}
	}
	return nil
}

// judge holds answer i against what is expected.
func (s *Source) judge(m *Moment, i int, body []byte) error {
	if len(s.Expect) == 0 {
		if s.Sample != nil {
			return s.Sample(m.Seq, i, body)
		}
		return nil
	}
	if s.Single {
		m.I = 0
	}
	e := s.Expect[min(i, len(s.Expect)-1)]
	if s.JSON {
		return e.CheckJSON(body, s.ResponseBody, m)
	}
	return e.Check(body, m)
}
