package scenario

import (
	"errors"
	"fmt"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/transport"
	"grpcbench/pb/repo"
	"grpcbench/pb/users"
)

// All returns every RPC, in the order in which they are listed.
func All() []Definition {
	return append(personRPCs(),
		Definition{
			Name: "CreateRepo", Method: "Repo/CreateRepo", Kind: transport.ClientStream, About: "a context, then byte chunks; one answer with their size",
			Request: &repo.RepoCreateRequest{}, Response: &repo.RepoCreateReply{},
			Sized: true, DefaultSize: 64 << 10, MinSize: 1, source: upload, lead: 1,
		},
		Definition{
			Name: "GetUser", Method: "Users/GetUser", Kind: transport.Unary, About: "first@last to a user",
			Request: &users.UserGetRequest{}, Response: &users.UserGetReply{},
			Sized: true, DefaultSize: message.CounterLen, MinSize: message.CounterLen, source: getUser,
		},
		Definition{
			Name: "GetHelp", Method: "Users/GetHelp", Kind: transport.Bidi, About: "an echo",
			Request: &users.UserHelpRequest{}, Response: &users.UserHelpReply{},
			Sized: true, DefaultSize: message.CounterLen, MinSize: message.CounterLen, source: getHelp,
		},
		Definition{
			Name: "Check", Method: "grpc.health.v1.Health/Check", Kind: transport.Unary, About: "health, once",
			Request: &healthpb.HealthCheckRequest{}, Response: &healthpb.HealthCheckResponse{}, source: serving,
		},
		Definition{
			Name: "Watch", Method: "grpc.health.v1.Health/Watch", Kind: transport.ServerStream, About: "health as it changes; ended after the first answer",
			Request: &healthpb.HealthCheckRequest{}, Response: &healthpb.HealthCheckResponse{}, source: serving, Endless: true,
		},
	)
}

// What every upload says of itself, and what is answered.
const (
	uploader   = "grpcbench"
	uploadName = "upload"
	uploadURL  = "https://git.example.com/" + uploader + "/" + uploadName
)

func upload(size int) (message.Source, error) {
	t, err := templates(
		&repo.RepoCreateRequest{Body: &repo.RepoCreateRequest_Context{Context: &repo.RepoContext{CreatorId: uploader, Name: uploadName}}},
		&repo.RepoCreateRequest{Body: &repo.RepoCreateRequest_Data{Data: make([]byte, size)}},
	)
	return message.Source{Messages: t, Answer: message.Answer{Judge: func(body, _ []byte, sent int) error {
		var reply repo.RepoCreateReply
		if err := proto.Unmarshal(body, &reply); err != nil {
			return fmt.Errorf("decode %d bytes: %w", len(body), err)
		}
		if want := int32((sent - 1) * size); reply.GetSize() != want {
			return fmt.Errorf("got size %d, want %d", reply.GetSize(), want)
		}
		if reply.GetRepo().GetId() == "" {
			return errors.New("got no repository id")
		}
		if name, url := reply.GetRepo().GetName(), reply.GetRepo().GetUrl(); name != uploadName || url != uploadURL {
			return fmt.Errorf("got repository %q at %q, want %q at %q", name, url, uploadName, uploadURL)
		}
		return nil
	}}}, err
}

func getUser(size int) (message.Source, error) {
	return echo(
		&users.UserGetRequest{Email: "jane@doe.com", Id: payload(size)},
		&users.UserGetReply{User: &users.User{Id: payload(size), FirstName: "jane", LastName: "doe.com", Age: 36}})
}

func getHelp(size int) (message.Source, error) {
	return echo(&users.UserHelpRequest{Request: payload(size)}, &users.UserHelpReply{Response: payload(size)})
}

func serving(int) (message.Source, error) {
	return echo(&healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING})
}
