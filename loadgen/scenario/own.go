package scenario

import (
	_ "google.golang.org/grpc/health/grpc_health_v1" // their descriptors

	"grpcbench/loadgen/transport"
	_ "grpcbench/pb/person" // likewise
	_ "grpcbench/pb/repo"
	_ "grpcbench/pb/users"
)

// What the RPCs of person.SearchService send, and what they get back.
const (
	personData  = `{"name": "${payload}", "age": 36, "body": {"name": "hi"}}`
	personFound = `{"name": "我收到了${payload}的信息", "age": 36, "body": {"name": "hi"}}`
	personGot   = `{"name": "I got it${payload}", "age": 0, "body": null}`
	personCount = `{"name": "success", "age": "${sent}", "body": null}`
)

// An upload begins with what it is of; then come chunks, whose bytes the answer counts.
const (
	uploadData  = `[{"context": {"creator_id": "grpcbench", "name": "upload"}}, {"data": "${blob}"}]`
	uploadReply = `{"repo": {"id": "${any}", "name": "upload", "url": "https://git.example.com/grpcbench/upload"}, "size": "${sent(-${size},${size})}"}`
)

// own are the target's RPCs, in the order in which they are listed.
var own = []Definition{
	person("Search", transport.Unary, "one request, one answer", personFound),
	person("SearchIn", transport.ClientStream, "many requests, one answer that counts them", personCount),
	person("SearchOut", transport.ServerStream, "one request, 11 answers", personGot),
	person("SearchIO", transport.Bidi, "each request is answered before the next", personGot),
	{
		Name: "CreateRepo", Method: "Repo/CreateRepo", Kind: transport.ClientStream,
		About: "a context, then byte chunks; one answer with their size",
		Data:  uploadData, Expect: uploadReply, Sized: true, DefaultSize: 64 << 10, MinSize: 1, lead: 1,
	},
	{
		Name: "GetUser", Method: "Users/GetUser", Kind: transport.Unary, About: "first@last to a user",
		Data:   `{"email": "jane@doe.com", "id": "${payload}"}`,
		Expect: `{"user": {"id": "${payload}", "first_name": "jane", "last_name": "doe.com", "age": 36}}`,
		Sized:  true, DefaultSize: counterLen, MinSize: counterLen,
	},
	{
		Name: "GetHelp", Method: "Users/GetHelp", Kind: transport.Bidi, About: "an echo",
		Data: `{"request": "${payload}"}`, Expect: `{"response": "${payload}"}`, Sized: true, DefaultSize: counterLen,
		MinSize: counterLen,
	},
	{
		Name: "Check", Method: "grpc.health.v1.Health/Check", Kind: transport.Unary, About: "health, once",
		Data: `{}`, Expect: `{"status": "SERVING"}`,
	},
	{
		Name: "Watch", Method: "grpc.health.v1.Health/Watch", Kind: transport.ServerStream,
		About: "health as it changes; ended after the first answer",
		Data:  `{}`, Expect: `{"status": "SERVING"}`, Endless: true,
	},
}

func person(name string, kind transport.Kind, about, expect string) Definition {
	return Definition{
		Name: name, Method: "person.SearchService/" + name, Kind: kind, About: about, Data: personData, Expect: expect,
		Sized: true, DefaultSize: counterLen, MinSize: counterLen,
	}
}

// All returns every RPC of the target, in the order in which they are listed. They are the caller's.
func All() []Definition { return append([]Definition(nil), own...) }
