package scenario

import (
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/transport"
	"grpcbench/pb/person"
)

// personAge is the age in every request; the answers echo it.
const personAge = 36

func personRPCs() []Definition {
	req := func(size int) *person.PersonReq {
		return &person.PersonReq{Name: payload(size), Age: personAge, Body: &person.Mbody{Name: "hi"}}
	}
	gotIt := func(size int) (message.Source, error) {
		return echo(req(size), &person.PersonRes{Name: "I got it" + payload(size)})
	}
	define := func(name string, kind transport.Kind, about string, source func(int) (message.Source, error)) Definition {
		return Definition{
			Name: name, Method: "person.SearchService/" + name, Kind: kind, About: about,
			Request: &person.PersonReq{}, Response: &person.PersonRes{},
			Sized: true, DefaultSize: message.CounterLen, MinSize: message.CounterLen,
			source: source,
		}
	}
	search := define("Search", transport.Unary, "one request, one answer", func(size int) (message.Source, error) {
		return echo(req(size), searchAnswer(size))
	})
	search.example = func(size int) (request, want proto.Message) { return req(size), searchAnswer(size) }
	return []Definition{
		search,
		define("SearchIn", transport.ClientStream, "many requests, one answer that counts them", func(size int) (message.Source, error) {
			src, err := echo(req(size), &person.PersonRes{Name: "success"})
			src.Answer = message.Answer{Judge: judgeCount}
			return src, err
		}),
		define("SearchOut", transport.ServerStream, "one request, 11 answers", func(size int) (message.Source, error) {
			src, err := gotIt(size)
			src.Answer.Repeats = true
			return src, err
		}),
		define("SearchIO", transport.Bidi, "each request is answered before the next", gotIt),
	}
}

func searchAnswer(size int) *person.PersonRes {
	return &person.PersonRes{Name: "我收到了" + payload(size) + "的信息", Age: personAge, Body: &person.Mbody{Name: "hi"}}
}

// judgeCount takes the answer of SearchIn if it counts what was sent.
func judgeCount(body, _ []byte, sent int) error {
	want := &person.PersonRes{Name: "success", Age: int32(sent)}
	encoded, err := templates(want)
	if err != nil {
		return err
	}
	return message.SameProto(want)(body, encoded[0].Append(nil, 0, 0), sent)
}
