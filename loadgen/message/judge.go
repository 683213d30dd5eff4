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

// equalButSpace compares two JSON texts, white space outside strings aside.
func equalButSpace(a, b []byte) bool {
	inString, escaped := false, false
	j := 0
	for _, c := range a {
		if !inString && isSpace(c) {
			continue
		}
		for j < len(b) && !inString && isSpace(b[j]) {
			j++
		}
		if j == len(b) || b[j] != c {
			return false
		}
		j++
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		}
	}
	return len(bytes.TrimSpace(b[j:])) == 0
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
