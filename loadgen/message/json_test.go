package message_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"grpcbench/loadgen/message"
)

// Data of every shape: the messages that it is, or where it is wrong and what would be right.
func TestParseJSON(t *testing.T) {
	for _, tt := range []struct {
		reason, data string
		want         []string
		says         []string
	}{
		{"nothing is the empty message", ``, []string{`{}`}, nil},
		{"one", `{"name":"a"}`, []string{`{"name":"a"}`}, nil},
		{"names as in the .proto", `{"book_id":7}`, []string{`{"bookId":7}`}, nil},
		{"an array", `[{"name":"a"},{}]`, []string{`{"name":"a"}`, `{}`}, nil},
		{
			"one after the other", "{\"name\":\"a\"}\n{\"name\":\"b\"} [{},{}]",
			[]string{`{"name":"a"}`, `{"name":"b"}`, `{}`, `{}`},
			nil,
		},
		{"null is not set", `{"name":null}`, []string{`{}`}, nil},
		{"an empty array", `[]`, nil, []string{"not a lib.Shelf", "an array without any"}},
		{"no JSON", `{"name":`, nil, []string{"not a lib.Shelf", "JSON"}},
		{"text behind it", `{} x`, nil, []string{"JSON"}},
		{"no object", `"a"`, nil, []string{"$", "want an object", `the string "a"`}},
		{
			"an unknown field", `{"nmae":"a"}`, nil,
			[]string{"$.nmae", "lib.Shelf has no such field", "name, bookId, tags"},
		},
		{"an unknown field within", `{"of":{"of":{"nmae":"a"}}}`, nil, []string{"$.of.of.nmae"}},
		{"an unknown field in a list", `{"all":[{},{"x":1}]}`, nil, []string{"$.all[1].x"}},
		{"in the second message", `{} {"x":1}`, nil, []string{"message 1", "$.x"}},
		{"text for a number", `{"bookId":"seven"}`, nil, []string{"$.bookId", "a number (int64)", "seven"}},
		{"a number for text", `{"name":7}`, nil, []string{"$.name", "want a string", "7"}},
		{"no list", `{"tags":"x"}`, nil, []string{"$.tags", "want an array"}},
		{"no bool", `{"on":1}`, nil, []string{"$.on", "true or false"}},
		{"an unknown name", `{"kind":"EVEN"}`, nil, []string{"$.kind", `lib.Kind has no "EVEN"`, "NONE, ODD"}},
		{"no base64", `{"raw":"!"}`, nil, []string{"$.raw", "base64"}},
		{"out of range", `{"bookId":"99999999999999999999"}`, nil, []string{"99999999999999999999"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := message.ParseJSON([]byte(tt.data), shelf(t), protoregistry.GlobalTypes)
			if len(tt.says) > 0 {
				if err == nil {
					t.Fatalf("it is %v, want an error", got)
				}
				for _, words := range tt.says {
					if !strings.Contains(err.Error(), words) {
						t.Errorf("it says %q, and nothing of %q", err, words)
					}
				}
				return
			}
			if err != nil || len(got) != len(tt.want) {
				t.Fatalf("%v, %v, want %q", got, err, tt.want)
			}
			for i, m := range got {
				want := dynamicpb.NewMessage(m.ProtoReflect().Descriptor())
				if err := protojson.Unmarshal([]byte(tt.want[i]), want); err != nil || !proto.Equal(want, m) {
					t.Errorf("message %d is %v, want %s (%v)", i, m, tt.want[i], err)
				}
			}
		})
	}
}

// Whatever data is, there is a message or an error, and what is said to be a misfit is none of the type.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","all":[{"of":{"kind":"ODD"}}]}`, `[{"raw":"AA=="}] {}`,
		`{"bookId":1e3}`, `{"tags":[1]}`, `{"[x]":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := message.ParseJSON(data, shelf(t), protoregistry.GlobalTypes)
		if (err == nil) == (len(got) == 0) {
			t.Errorf("%d messages, %v", len(got), err)
		}
	})
}
