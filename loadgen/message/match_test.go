package message

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"grpcbench/pb/repo"
	"grpcbench/pb/users"
)

// What a look at an answer's bytes is content with, and what is left to decoding.
func TestMatches(t *testing.T) {
	user := (&users.User{}).ProtoReflect().Descriptor()
	part := (&repo.RepoCreateRequest{}).ProtoReflect().Descriptor()
	for _, tt := range []struct {
		reason       string
		desc         protoreflect.MessageDescriptor
		expect, body string
		quick, holds bool
	}{
		{"a field", user, `{"age":5}`, "\x0a\x01x\x20\x05", true, true},
		{"it is not there", user, `{"age":5}`, "\x0a\x01x", false, false},
		{"the default, which is not sent", user, `{"age":0}`, "\x0a\x01x", true, true},
		{"in another order", user, `{"age":5}`, "\x20\x05\x0a\x01x", false, true},
		{"of several the last counts", user, `{"id":"b"}`, "\x0a\x01a\x0a\x01b", false, true},
		{"and the first does not", user, `{"id":"a"}`, "\x0a\x01a\x0a\x01b", false, false},
		{"one of a oneof", part, `{"data":"YQ=="}`, "\x12\x01a", true, true},
		{"another of it behind", part, `{"data":"YQ=="}`, "\x12\x01a\x0a\x00", false, false},
		{"another of it before", part, `{"data":"YQ=="}`, "\x0a\x00\x12\x01a", false, true},
		{"any number", user, `{"age":"${any}"}`, "\x20\x05", true, true},
		{"any, and it is the default", user, `{"age":"${any}"}`, "\x20\x00", false, false},
		{"any, and it has 64 bits", user, `{"age":"${any}"}`, "\x20\x80\x80\x80\x80\x80\x01", false, false},
		{"any, and it is of another type", user, `{"age":"${any}"}`, "\x22\x01x", false, false},
		{"any text", user, `{"id":"${any}"}`, "\x0a\x01x", true, true},
		{"any, and it is empty", user, `{"id":"${any}"}`, "\x0a\x00", false, false},
		{"any, and it is no UTF-8", user, `{"id":"${any}"}`, "\x0a\x01\xff", false, false},
		{"cut off", user, `{"age":5}`, "\x0a\x05x", false, false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			all, err := new(Slots).Expect([]byte(tt.expect), tt.desc, protoregistry.GlobalTypes, nil)
			if err != nil {
				t.Fatal(err)
			}
			x, m := all[0], MomentOf(1, 0)
			if got := matches([]byte(tt.body), x.wants, &m, nil); got != tt.quick || !x.plain {
				t.Errorf("of %q the look says %v, want %v", tt.body, got, tt.quick)
			}
			if err := x.Check([]byte(tt.body), &m); (err == nil) != tt.holds {
				t.Errorf("of %q the check says %v, and it is %v that it holds", tt.body, err, tt.holds)
			}
		})
	}
}
