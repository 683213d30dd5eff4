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

// What is taken out of an answer is a text, of which the next call is made.
func TestSave(t *testing.T) {
	desc := shelf(t)
	const answer = `{"name":"n","bookId":"-7","tags":["a","b"],"kind":"ODD","raw":"AAE=","on":true,"of":{"name":"deep","of":{"bookId":"9"}},"all":[{"name":"x"},{"name":"y"}]}`
	m := dynamicpb.NewMessage(desc)
	if err := protojson.Unmarshal([]byte(answer), m); err != nil {
		t.Fatal(err)
	}
	body, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want, fails string }{
		{"name", "n", ""},
		{"bookId", "-7", ""},
		{"book_id", "-7", ""},
		{"tags.1", "b", ""},
		{"kind", "ODD", ""},
		{"raw", "\x00\x01", ""},
		{"on", "true", ""},
		{"of.name", "deep", ""},
		{"of.of.bookId", "9", ""},
		{"all.1.name", "y", ""},
		{"of.bookId", "0", ""},
		{"of.on", "false", ""},
		{"of.of.name", "", "the answer has no of.of.name"},
		{"tags.2", "", "has no tags.2"},
		{"all.7.name", "", "has no all.7.name"},
		{"nope", "", "lib.Shelf has no field nope; it has name"},
		{"name.x", "", "no fields below name"},
		{"of", "", "of is a message"},
		{"tags", "", "want a number behind it"},
	} {
		saved := message.NewSaved(3)
		save, err := message.NewSave(saved, saved.Add(), "v", tt.path, desc)
		if err == nil {
			err = save.Extract(body, 2)
		}
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: %v, want something about %q", tt.path, err, tt.fails)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		e := &message.Slots{Saved: saved, Known: map[string]int{"v": 0}}
		s := source(t, e, desc, `{"raw":"<${v}>"}`, "")
		got := dynamicpb.NewMessage(desc)
		for worker, want := range map[uint64]string{2: "<" + tt.want + ">", 1: "<>"} { // a worker's is its own
			b, err := s.Append(nil, worker<<48, 0)
			if err != nil || proto.Unmarshal(b, got) != nil {
				t.Fatal(err)
			}
			if raw := string(got.Get(desc.Fields().ByName("raw")).Bytes()); raw != want {
				t.Errorf("%s of worker %d: %q, want %q", tt.path, worker, raw, want)
			}
		}
	}
}

// A number that was saved is one again; what is none fails the call that is to send it. Setup's values are everyone's.
func TestSavedNumbers(t *testing.T) {
	desc := shelf(t)
	saved := message.NewSaved(2)
	number := saved.Add()
	for path, fails := range map[string]bool{"bookId": false, "name": true} {
		save, err := message.NewSave(saved, number, "v", path, desc)
		if err != nil {
			t.Fatal(err)
		}
		body, err := source(t, &message.Slots{}, desc, `{"name":"text","bookId":42}`, "").Append(nil, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := save.Extract(body, 0); err != nil {
			t.Fatal(err)
		}
		saved.ShareFirst()
		s := source(t, &message.Slots{Saved: saved, Known: map[string]int{"v": 0}}, desc, `{"bookId":"${v}"}`, "")
		_, err = s.Append(nil, 1<<48, 0)
		if (err != nil) != fails || fails && !strings.Contains(err.Error(), `${v}: "text" is no number of int64`) {
			t.Errorf("%s as a number: %v", path, err)
		}
		if !fails {
			if got := made(t, s, desc, 1<<48, 0); got != `{"bookId":"42"}` {
				t.Errorf("it is %s", got)
			}
		}
	}
	if _, err := (&message.Slots{Saved: saved}).Compile([]byte(`{"name":"${v}"}`), desc,
		protoregistry.GlobalTypes); err == nil || !strings.Contains(err.Error(), "unknown slot") {
		t.Errorf("a name that no earlier step saves: %v", err)
	}
}
