package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// SameProto judges answers by their meaning as messages of m's type: field
// order and unknown encodings do not matter.
func SameProto(m proto.Message) func(body, want []byte, sent int) error {
	return func(body, want []byte, _ int) error {
		got, wanted := m.ProtoReflect().New().Interface(), m.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(body, got); err != nil {
			return fmt.Errorf("decode %d bytes: %w", len(body), err)
		}
		if err := proto.Unmarshal(want, wanted); err != nil {
			return fmt.Errorf("decode the expected answer: %w", err)
		}
		if !proto.Equal(got, wanted) {
			return fmt.Errorf("got {%s}, want {%s}", clip(prototext.MarshalOptions{}.Format(got)), clip(prototext.MarshalOptions{}.Format(wanted)))
		}
		return nil
	}
}

// SameJSON judges answers by their meaning as JSON documents. Encoders differ
// in their white space only, mostly, and then nothing is decoded.
func SameJSON(body, want []byte, _ int) error {
	if equalButSpace(body, want) {
		return nil
	}
	var got, wanted any
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("decode %q: %w", clip(string(body)), err)
	}
	if err := json.Unmarshal(want, &wanted); err != nil {
		return fmt.Errorf("decode the expected answer: %w", err)
	}
	if !reflect.DeepEqual(got, wanted) {
		return fmt.Errorf("got %s, want %s", clip(string(bytes.TrimSpace(body))), clip(string(want)))
	}
	return nil
}

// equalButSpace compares two JSON texts, white space between tokens aside. It
// may say no of equal texts, where white space is all that parts two tokens.
func equalButSpace(a, b []byte) bool {
	inString, escaped := false, false
	var last byte
	for {
		var spaceA, spaceB bool
		if !inString {
			a, spaceA = skipSpace(a)
			b, spaceB = skipSpace(b)
		}
		if len(a) == 0 || len(b) == 0 {
			return len(a) == len(b)
		}
		c := a[0]
		if c != b[0] || (spaceA || spaceB) && isWord(last) && isWord(c) {
			return false
		}
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		}
		a, b, last = a[1:], b[1:], c
	}
}

func skipSpace(s []byte) (rest []byte, skipped bool) {
	for len(s) > 0 && isSpace(s[0]) {
		s, skipped = s[1:], true
	}
	return s, skipped
}

// isWord says whether c may be a part of a number or a literal.
func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// clip keeps an error message readable.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
