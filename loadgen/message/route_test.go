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
		{reason: "a variable", method: "GET", path: "/v1/{name}", data: `{"name":"a"}`, target: "/v1/a"},
		{
			reason: "what is to be escaped", method: "GET", path: "/v1/{name}", data: `{"name":"a b?c#%ü"}`,
			target: "/v1/a%20b%3Fc%23%25%C3%BC",
		},
		{
			reason: "a pattern of several segments", method: "GET", path: "/v1/{name=shelves/*/books/*}:read",
			data: `{"name":"shelves/1/books/a b"}`, target: "/v1/shelves/1/books/a%20b:read",
		},
		{
			reason: "all that follow", method: "GET", path: "/v1/{name=files/**}", data: `{"name":"files/a/b/c"}`,
			target: "/v1/files/a/b/c",
		},
		{
			reason: "a literal that it is", method: "GET", path: "/v1/{name=qm}/x", data: `{"name":"qm"}`,
			target: "/v1/qm/x",
		},
		{
			reason: "a literal that it is not", method: "GET", path: "/v1/{name=qm}/x", data: `{"name":"other"}`,
			misfit: `takes qm as the field name, not "other"`,
		},
		{
			reason: "two segments for one", method: "GET", path: "/v1/{name}", data: `{"name":"a/b"}`,
			misfit: "one segment",
		},
		{
			reason: "a field within", method: "GET", path: "/v1/{of.of.name}",
			data: `{"of":{"of":{"name":"deep"}}}`, target: "/v1/deep",
		},
		{reason: "a number that is not set", method: "GET", path: "/v1/{book_id}", data: `{}`, target: "/v1/0"},
		{
			reason: "text that is not set", method: "GET", path: "/v1/{name}", data: `{}`,
			misfit: "the path needs the field name",
		},
		{
			reason: "an enum and a bool that are not set", method: "GET", path: "/v1/{kind}/{on}", data: `{}`,
			target: "/v1/NONE/false",
		},
		{reason: "no such field", method: "GET", path: "/v1/{nmae}", data: `{}`, misfit: "lib.Shelf has no field nmae"},
		{
			reason: "the rest in the query", method: "GET", path: "/v1/{name}",
			data:   `{"name":"a","bookId":"7","tags":["x","y z"],"kind":"ODD","raw":"+/8=","on":true,"of":{"name":"b","of":{"on":true}}}`,
			target: "/v1/a?book_id=7&kind=ODD&of.name=b&of.of.on=true&on=true&raw=%2B%2F8%3D&tags=x&tags=y+z",
		},
		{
			reason: "what no query has", method: "GET", path: "/v1/x", data: `{"all":[{"name":"a"}]}`,
			misfit: "the field all cannot be in a query",
		},
		{
			reason: "all of it is the body", method: "POST", path: "/v1", body: "*",
			data: `{"name":"a","all":[{"on":true}]}`, target: "/v1", sent: `{"all":[{"on":true}],"name":"a"}`,
		},
		{
			reason: "what the path leaves is", method: "POST", path: "/v1/{name}:do", body: "*",
			data: `{"name":"a","on":true}`, target: "/v1/a:do", sent: `{"on":true}`,
		},
		{
			reason: "a field is, and the rest is the query", method: "PUT", path: "/v1/{name}", body: "of",
			data: `{"name":"a","on":true,"of":{"bookId":"3"}}`, target: "/v1/a?on=true", sent: `{"book_id":"3"}`,
		},
		{
			reason: "a field is that is not set", method: "PUT", path: "/v1/{name}", body: "of",
			data: `{"name":"a"}`, target: "/v1/a", sent: `{}`,
		},
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
			reason: "in the path and the query", method: "GET", path: "/v1/{name}",
			data:   `{"name":"a b/${seq}","bookId":"${seq}","of":{"name":"c&${seq}"}}`,
			target: "/v1/a%20b%2F7?book_id=7&of.name=c%267",
		},
		{
			reason: "in the body, as text and as a number", method: "POST", path: "/v1/{name}", body: "*",
			data:   `{"name":"n${seq}","on":"${pick(true)}","raw":"<${seq}>","tags":["\"${seq}"],"bookId":"${seq}","kind":"${pick(ODD)}"}`,
			target: "/v1/n7", sent: `{"book_id":"7","kind":"ODD","on":true,"raw":"PDc+","tags":["\"7"]}`,
		},
		{
			reason: "in a field that is the body", method: "PUT", path: "/v1/{name}", body: "of",
			data: `{"name":"x","of":{"name":"${seq}"}}`, target: "/v1/x", sent: `{"name":"7"}`,
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
