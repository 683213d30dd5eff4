package message_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"grpcbench/loadgen/message"
)

// shelf is a type with a field of every sort that a URL tells.
func shelf(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	if err := protojson.Unmarshal([]byte(`{
		"name": "shelf.proto", "package": "lib", "syntax": "proto3",
		"enumType": [{"name": "Kind", "value": [{"name": "NONE", "number": 0}, {"name": "ODD", "number": 1}]}],
		"messageType": [{"name": "Shelf", "field": [
			{"name": "name", "number": 1, "type": "TYPE_STRING", "label": "LABEL_OPTIONAL"},
			{"name": "book_id", "number": 2, "type": "TYPE_INT64", "label": "LABEL_OPTIONAL"},
			{"name": "tags", "number": 3, "type": "TYPE_STRING", "label": "LABEL_REPEATED"},
			{"name": "kind", "number": 4, "type": "TYPE_ENUM", "typeName": ".lib.Kind", "label": "LABEL_OPTIONAL"},
			{"name": "raw", "number": 5, "type": "TYPE_BYTES", "label": "LABEL_OPTIONAL"},
			{"name": "on", "number": 6, "type": "TYPE_BOOL", "label": "LABEL_OPTIONAL"},
			{"name": "of", "number": 7, "type": "TYPE_MESSAGE", "typeName": ".lib.Shelf", "label": "LABEL_OPTIONAL"},
			{"name": "all", "number": 8, "type": "TYPE_MESSAGE", "typeName": ".lib.Shelf", "label": "LABEL_REPEATED"}
		]}]}`), file); err != nil {
		t.Fatal(err)
	}
	d, err := protodesc.NewFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d.Messages().ByName("Shelf")
}

// What a message becomes by a route: https://google.aip.dev/127 and google/api/http.proto say how.
func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		reason               string
		method, path, body   string
		data                 string
		target, sent, misfit string
	}{
		{"a variable", "GET", "/v1/{name}", "", `{"name":"a"}`, "/v1/a", "", ""},
		{"what is to be escaped", "GET", "/v1/{name}", "", `{"name":"a b?c#%ü"}`, "/v1/a%20b%3Fc%23%25%C3%BC", "", ""},
		{
			"a pattern of several segments", "GET", "/v1/{name=shelves/*/books/*}:read", "",
			`{"name":"shelves/1/books/a b"}`, "/v1/shelves/1/books/a%20b:read", "", "",
		},
		{"all that follow", "GET", "/v1/{name=files/**}", "", `{"name":"files/a/b/c"}`, "/v1/files/a/b/c", "", ""},
		{"a literal that it is", "GET", "/v1/{name=qm}/x", "", `{"name":"qm"}`, "/v1/qm/x", "", ""},
		{
			"a literal that it is not", "GET", "/v1/{name=qm}/x", "", `{"name":"other"}`, "", "",
			`takes qm as the field name, not "other"`,
		},
		{"two segments for one", "GET", "/v1/{name}", "", `{"name":"a/b"}`, "", "", "one segment"},
		{"a field within", "GET", "/v1/{of.of.name}", "", `{"of":{"of":{"name":"deep"}}}`, "/v1/deep", "", ""},
		{"a number that is not set", "GET", "/v1/{book_id}", "", `{}`, "/v1/0", "", ""},
		{"text that is not set", "GET", "/v1/{name}", "", `{}`, "", "", "the path needs the field name"},
		{"an enum and a bool that are not set", "GET", "/v1/{kind}/{on}", "", `{}`, "/v1/NONE/false", "", ""},
		{"no such field", "GET", "/v1/{nmae}", "", `{}`, "", "", "lib.Shelf has no field nmae"},
		{
			"the rest in the query", "GET", "/v1/{name}", "",
			`{"name":"a","bookId":"7","tags":["x","y z"],"kind":"ODD","raw":"+/8=","on":true,"of":{"name":"b","of":{"on":true}}}`,
			"/v1/a?book_id=7&kind=ODD&of.name=b&of.of.on=true&on=true&raw=%2B%2F8%3D&tags=x&tags=y+z", "", "",
		},
		{
			"what no query has", "GET", "/v1/x", "", `{"all":[{"name":"a"}]}`, "", "",
			"the field all cannot be in a query",
		},
		{
			"all of it is the body", "POST", "/v1", "*", `{"name":"a","all":[{"on":true}]}`, "/v1",
			`{"all":[{"on":true}],"name":"a"}`, "",
		},
		{
			"what the path leaves is", "POST", "/v1/{name}:do", "*", `{"name":"a","on":true}`, "/v1/a:do",
			`{"on":true}`,
			"",
		},
		{
			"a field is, and the rest is the query", "PUT", "/v1/{name}", "of",
			`{"name":"a","on":true,"of":{"bookId":"3"}}`, "/v1/a?on=true", `{"book_id":"3"}`, "",
		},
		{"a field is that is not set", "PUT", "/v1/{name}", "of", `{"name":"a"}`, "/v1/a", `{}`, ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			programs, err := new(message.Slots).Compile([]byte(tt.data), shelf(t), protoregistry.GlobalTypes)
			if err != nil {
				t.Fatal(err)
			}
			where, what, without, err := message.Route{
				HTTPMethod: tt.method, Template: tt.path,
				Body: tt.body,
			}.Request(programs[0])
			var target, body string
			if err == nil {
				target, _ = where.Literal()
				body, _ = what.Literal()
			}
			switch {
			case tt.misfit != "":
				if err == nil || !strings.Contains(err.Error(), tt.misfit) {
					t.Errorf("%q, %q, %v, want an error of %q", target, body, err, tt.misfit)
				}
			case err != nil || target != tt.target || body != tt.sent:
				t.Errorf("%q, %q, %v, want %q, %q", target, body, err, tt.target, tt.sent)
			}
			if without != (tt.body == "") && err == nil {
				t.Errorf("the body is %q of a route whose body is %q", body, tt.body)
			}
		})
	}
}

// Slots within a request: each where it stands, escaped for that place.
func TestRequestWithSlots(t *testing.T) {
	e := &message.Slots{}
	for _, tt := range []struct{ reason, method, path, body, data, target, sent string }{
		{
			"in the path and the query", "GET", "/v1/{name}", "",
			`{"name":"a b/${seq}","bookId":"${seq}","of":{"name":"c&${seq}"}}`,
			"/v1/a%20b%2F7?book_id=7&of.name=c%267", "",
		},
		{
			"in the body, as text and as a number", "POST", "/v1/{name}", "*",
			`{"name":"n${seq}","on":"${pick(true)}","raw":"<${seq}>","tags":["\"${seq}"],"bookId":"${seq}","kind":"${pick(ODD)}"}`,
			"/v1/n7", `{"book_id":"7","kind":"ODD","on":true,"raw":"PDc+","tags":["\"7"]}`,
		},
		{
			"in a field that is the body", "PUT", "/v1/{name}", "of", `{"name":"x","of":{"name":"${seq}"}}`, "/v1/x",
			`{"name":"7"}`,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			programs, err := e.Compile([]byte(tt.data), shelf(t), protoregistry.GlobalTypes)
			if err != nil {
				t.Fatal(err)
			}
			target, body, _, err := message.Route{
				HTTPMethod: tt.method, Template: tt.path,
				Body: tt.body,
			}.Request(programs[0])
			if err != nil {
				t.Fatal(err)
			}
			m := message.MomentOf(7, 0)
			where, err := target.AppendTo(nil, &m)
			if err != nil {
				t.Fatal(err)
			}
			what, err := body.AppendTo(nil, &m)
			if err != nil || string(where) != tt.target || string(what) != tt.sent {
				t.Errorf("%s\n%s (%v), want\n%s\n%s", where, what, err, tt.target, tt.sent)
			}
		})
	}
}
