package message_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/message"
	"grpcbench/pb/person"
)

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSameProto(t *testing.T) {
	want := encode(t, &person.PersonRes{Name: "qm", Age: 36, Body: &person.Mbody{Name: "hi"}})
	name := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "qm")
	age := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 36)
	body := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), []byte("\x0a\x02hi"))
	join := func(parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	if string(join(name, age, body)) != string(want) {
		t.Fatalf("the parts make %x, want %x", join(name, age, body), want)
	}
	judge := message.SameProto(&person.PersonRes{})
	for _, tt := range []struct {
		reason, says string // says is part of the error, empty where the body is right
		body         []byte
	}{
		{"the same bytes", "", want},
		{"fields in another order", "", join(body, age, name)},
		{"a varint that is longer than it needs to be", "", join(name, []byte{0x10, 0xa4, 0x00}, body)},
		{"a field given twice, the last right", "", join(age[:1], []byte{1}, want)},
		{"another value", `age:37`, encode(t, &person.PersonRes{Name: "qm", Age: 37, Body: &person.Mbody{Name: "hi"}})},
		{"another nested value", `name:"ho"`, encode(t, &person.PersonRes{Name: "qm", Age: 36, Body: &person.Mbody{Name: "ho"}})},
		{"a field missing", `name:"qm"`, join(name, body)},
		{"an empty nested message missing", "want", join(name, age)},
		{"a field unknown to the type", "want", join(want, []byte{0x20, 1})},
		{"nothing", "want", nil},
		{"no message at all", "decode 1 bytes", []byte{0xff}},
		{"a message cut short", "decode", want[:len(want)-1]},
	} {
		err := judge(tt.body, want, 1)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want an error that says %q", tt.reason, err, tt.says)
		}
	}
	if err := judge(want, []byte{0xff}, 1); err == nil || !strings.Contains(err.Error(), "expected answer") {
		t.Errorf("an expected answer that is no message: %v, want an error that says so", err)
	}
}

// An error goes into a table of failures: a long answer is cut.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("long ", 10_000)
	for _, tt := range []struct {
		name       string
		judge      func(body, want []byte, sent int) error
		body, want []byte
	}{
		{"proto", message.SameProto(&person.PersonRes{}), encode(t, &person.PersonRes{Name: long}), encode(t, &person.PersonRes{Name: long + "!"})},
		{"JSON", message.SameJSON, []byte(`"` + long + `"`), []byte(`"` + long + `!"`)},
		{"no JSON", message.SameJSON, []byte(long), []byte(`"` + long + `"`)},
	} {
		if err := tt.judge(tt.body, tt.want, 1); err == nil || len(err.Error()) > 500 {
			t.Errorf("%s: an error of %d bytes, want one, of at most 500", tt.name, len(err.Error()))
		}
	}
}

func TestSameJSON(t *testing.T) {
	const want = `{"name":"a b\"c","age":36,"list":[1,2],"ok":true,"none":null}`
	for _, tt := range []struct {
		reason, body string
		ok           bool
	}{
		{"the same bytes", want, true},
		{"with spaces, as protojson writes at random", `{ "name": "a b\"c",  "age":36, "list":[1, 2],"ok":true ,"none":null }`, true},
		{"with line breaks around it", "\n\t" + want + "\r\n", true},
		{"members in another order", `{"none":null,"ok":true,"list":[1,2],"age":36,"name":"a b\"c"}`, true},
		{"a character escaped", `{"name":"\u0061 b\"c","age":36,"list":[1,2],"ok":true,"none":null}`, true},
		{"a number written otherwise", `{"name":"a b\"c","age":3.6e1,"list":[1,2],"ok":true,"none":null}`, true},
		{"another number", `{"name":"a b\"c","age":37,"list":[1,2],"ok":true,"none":null}`, false},
		{"a number as a string", `{"name":"a b\"c","age":"36","list":[1,2],"ok":true,"none":null}`, false},
		{"a space less within a string", `{"name":"ab\"c","age":36,"list":[1,2],"ok":true,"none":null}`, false},
		{"a space more within a string", `{"name":"a  b\"c","age":36,"list":[1,2],"ok":true,"none":null}`, false},
		{"a space after an escaped quote", `{"name":"a b\" c","age":36,"list":[1,2],"ok":true,"none":null}`, false},
		{"elements in another order", `{"name":"a b\"c","age":36,"list":[2,1],"ok":true,"none":null}`, false},
		{"a member less", `{"name":"a b\"c","age":36,"list":[1,2],"ok":true}`, false},
		{"a member more", `{"name":"a b\"c","age":36,"list":[1,2],"ok":true,"none":null,"x":1}`, false},
		{"nothing", ``, false},
		{"cut short", want[:len(want)-1], false},
		{"something after it", want + "x", false},
		{"itself twice", want + want, false},
	} {
		if err := message.SameJSON([]byte(tt.body), []byte(want), 1); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok = %v", tt.reason, err, tt.ok)
		}
	}
}

// White space separates tokens; within one it makes the text no JSON at all.
func TestSameJSONRefusesSplitTokens(t *testing.T) {
	for _, tt := range []struct{ reason, body, want string }{
		{"a number", `{"age":3 6}`, `{"age":36}`},
		{"a literal", `{"ok":tr ue}`, `{"ok":true}`},
		{"a sign", `- 1`, `-1`},
		{"a line break in a number", "1\n2", "12"},
	} {
		if err := message.SameJSON([]byte(tt.body), []byte(tt.want), 1); err == nil {
			t.Errorf("%s: %s was taken for %s", tt.reason, tt.body, tt.want)
		}
	}
}

// FuzzSameJSON: the shortcut that spares the decoding never says anything else than the decoding.
func FuzzSameJSON(f *testing.F) {
	for _, s := range [][2]string{
		{`{"a":1,"b":[true,null]}`, `{"b": [true, null], "a": 1}`},
		{`{"a":"x y"}`, `{"a":"xy"}`},
		{`{"a":"\\"}`, `{ "a" : "\\" }`},
		{`{"a":"\" b"}`, `{"a":"\"b"}`},
		{`"a"`, ` "a" `},
		{`[1,2]`, `[1,2] `},
		{`[]`, ``},
		{"\"\t\"", "\"\""},
		{"{}", "\u00a0{}"},
	} {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, body, want []byte) {
		var got, wanted any
		if json.Unmarshal(want, &wanted) != nil {
			return // what is expected is always a document
		}
		same := json.Unmarshal(body, &got) == nil && reflect.DeepEqual(got, wanted)
		if err := message.SameJSON(body, want, 1); (err == nil) != same {
			t.Errorf("SameJSON(%q, %q) = %v, and decoded they are the same: %v", body, want, err, same)
		}
	})
}
