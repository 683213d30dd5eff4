// Package message makes the messages that calls send, and judges the answers.
//
// A message is encoded once. Where each is to be different, so that an answer
// to another call or message is noticed, it has a counter: 16 hex digits that
// say which call and which message it is, patched in place.
package message

import (
	"bytes"
	"errors"
	"fmt"
)

// CounterLen is the width of a counter.
const CounterLen = 16

// Placeholder stands for the counter in the text given to [New].
const Placeholder = "zzcounterherezzz"

// Template is an encoded message, perhaps with a counter. It is read-only and
// may be used concurrently. The zero Template is the empty message.
type Template struct {
	body []byte
	at   int // offset of the counter, or -1
}

// New takes an encoded message. Where the encoding holds [Placeholder], the
// counter goes there; at most one may stand in it.
func New(encoded []byte) (Template, error) {
	if n := bytes.Count(encoded, []byte(Placeholder)); n > 1 {
		return Template{}, fmt.Errorf("a message has %d counters: want one at most", n)
	}
	return Template{body: encoded, at: bytes.Index(encoded, []byte(Placeholder))}, nil
}

// Len is the length of every message of the template, in bytes.
func (t Template) Len() int { return len(t.body) }

// Append appends the i-th message of call seq to dst.
func (t Template) Append(dst []byte, seq uint64, i int) []byte {
	start := len(dst)
	dst = append(dst, t.body...)
	if t.at >= 0 && len(t.body) > 0 {
		putCounter(dst[start+t.at:][:CounterLen], seq, i)
	}
	return dst
}

// Matches says whether body is exactly the i-th message of call seq.
func (t Template) Matches(body []byte, seq uint64, i int) bool {
	if len(body) != len(t.body) {
		return false
	}
	if t.at < 0 || len(t.body) == 0 {
		return bytes.Equal(body, t.body)
	}
	var counter [CounterLen]byte
	putCounter(counter[:], seq, i)
	end := t.at + CounterLen
	return bytes.Equal(body[:t.at], t.body[:t.at]) && bytes.Equal(body[t.at:end], counter[:]) && bytes.Equal(body[end:], t.body[end:])
}

// putCounter writes the low 40 bits of seq and the low 24 of i.
func putCounter(b []byte, seq uint64, i int) {
	const digits = "0123456789abcdef"
	v := seq<<24 | uint64(i)&0xffffff
	for k := CounterLen - 1; k >= 0; k-- {
		b[k] = digits[v&15]
		v >>= 4
	}
}

// Answer is what is expected back.
type Answer struct {
	// Want is the usual encoding of the answer; it spares the decoding. Empty, it is not looked at.
	Want Template
	// Repeats says that every answer of a call carries the counter of the call's first message.
	Repeats bool
	// Judge says what is wrong with a body that is not Want to the byte. want is Want with its counter
	// in place, sent the number of messages the call sent so far. Nil takes any body.
	Judge func(body, want []byte, sent int) error
	// Sample, where set, is asked of every answer in place of the others, and looks at few of them.
	Sample func(seq uint64, i int, body []byte) error
}

// Source sends Messages in turn, then the last again and again, and expects
// Answer for each of them. It implements transport.Source.
type Source struct {
	Messages []Template
	Answer   Answer
}

// ErrNoMessage says that a Source has nothing to send.
var ErrNoMessage = errors.New("a source without messages")

// Append implements transport.Source.
func (s Source) Append(dst []byte, seq uint64, i int) ([]byte, error) {
	if len(s.Messages) == 0 {
		return dst, ErrNoMessage
	}
	return s.Messages[min(i, len(s.Messages)-1)].Append(dst, seq, i), nil
}

// Check implements transport.Source.
func (s Source) Check(seq uint64, i, sent int, body []byte) error {
	if s.Answer.Sample != nil {
		return s.Answer.Sample(seq, i, body)
	}
	if s.Answer.Repeats {
		i = 0
	}
	if s.Answer.Judge == nil || s.Answer.Want.Len() > 0 && s.Answer.Want.Matches(body, seq, i) {
		return nil
	}
	return s.Answer.Judge(body, s.Answer.Want.Append(nil, seq, i), sent)
}
