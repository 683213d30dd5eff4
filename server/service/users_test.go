package service_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"grpcbench/pb/users"
	"grpcbench/server/testkit"
)

func TestGetUser(t *testing.T) {
	client := users.NewUsersClient(serve(t, handlers{}))
	for _, tt := range []struct {
		reason, email, id string
		want              *users.User // nil: invalid email
	}{
		{
			"first and last name stand around the @", "jane@doe.com", "42",
			&users.User{Id: "42", FirstName: "jane", LastName: "doe.com", Age: 36},
		},
		{"the id is echoed, also an empty one", "a@b", "", &users.User{FirstName: "a", LastName: "b", Age: 36}},
		{"no address", "", "1", nil},
		{"no @", "jane", "1", nil},
		{"no first name", "@doe", "1", nil},
		{"no last name", "jane@", "1", nil},
		{"two @ leave the names open", "jane@doe@com", "1", nil},
		{"nothing but an @", "@", "1", nil},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := client.GetUser(testkit.Context(t), &users.UserGetRequest{Email: tt.email, Id: tt.id})
			if tt.want == nil {
				if s := status.Convert(err); s.Code() != codes.InvalidArgument || s.Message() != "invalid email" {
					t.Errorf("GetUser(%q): got %v, %v, want InvalidArgument: invalid email", tt.email, got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&users.UserGetReply{User: tt.want}, got, protocmp.Transform()); diff != "" {
				t.Errorf("GetUser(%q) (-want +got):\n%s", tt.email, diff)
			}
		})
	}
}

func TestGetHelp(t *testing.T) {
	client := users.NewUsersClient(serve(t, handlers{}))
	for _, tt := range []struct {
		reason   string
		requests []string
	}{
		{"a half-close without a request ends the chat well", nil},
		{"each request comes back, in order", []string{"one", "two", "three"}},
		{"empty and odd requests are requests", []string{"", "quit", "你好"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			stream, err := client.GetHelp(testkit.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			var messages []*users.UserHelpRequest
			want := []*users.UserHelpReply{}
			for _, r := range tt.requests {
				messages = append(messages, &users.UserHelpRequest{Request: r, User: &users.User{Id: "7"}})
				want = append(want, &users.UserHelpReply{Response: r})
			}
			sendAll(t, stream, messages)
			if diff := cmp.Diff(want, recvAll(t, stream), protocmp.Transform()); diff != "" {
				t.Errorf("replies (-want +got):\n%s", diff)
			}
		})
	}
}
