package service

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/pb/users"
)

// Users implements the Users service; it has no state.
type Users struct {
	users.UnimplementedUsersServer
}

// GetUser splits an address first@last into its names; any other is INVALID_ARGUMENT.
func (*Users) GetUser(_ context.Context, req *users.UserGetRequest) (*users.UserGetReply, error) {
	first, last, ok := strings.Cut(req.GetEmail(), "@")
	if !ok || first == "" || last == "" || strings.Contains(last, "@") {
		return nil, status.Error(codes.InvalidArgument, "invalid email")
	}
	return &users.UserGetReply{User: &users.User{Id: req.GetId(), FirstName: first, LastName: last, Age: 36}}, nil
}

// GetHelp echoes each request until the client half-closes.
func (*Users) GetHelp(stream grpc.BidiStreamingServer[users.UserHelpRequest, users.UserHelpReply]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&users.UserHelpReply{Response: req.GetRequest()}); err != nil {
			return err
		}
	}
}
