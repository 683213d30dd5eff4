package scenario_test

import (
	"fmt"
	"strings"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
	"grpcbench/pb/person"
	"grpcbench/pb/repo"
	"grpcbench/pb/users"
)

// answers is what the target answers to the requests of one call, by its definition.
func answers(t *testing.T, method string, requests []proto.Message) (all []proto.Message) {
	t.Helper()
	gotIt := func(m proto.Message) *person.PersonRes {
		return &person.PersonRes{Name: "I got it" + m.(*person.PersonReq).GetName()}
	}
	switch first := requests[0]; method {
	case "person.SearchService/Search":
		q := first.(*person.PersonReq)
		all = append(all, &person.PersonRes{Name: "我收到了" + q.GetName() + "的信息", Age: q.GetAge(), Body: q.GetBody()})
	case "person.SearchService/SearchIn":
		all = append(all, &person.PersonRes{Name: "success", Age: int32(len(requests))})
	case "person.SearchService/SearchOut":
		for range 11 {
			all = append(all, gotIt(first))
		}
	case "person.SearchService/SearchIO":
		for _, q := range requests {
			all = append(all, gotIt(q))
		}
	case "Repo/CreateRepo":
		about := first.(*repo.RepoCreateRequest).GetContext()
		if about == nil {
			t.Fatal("an upload began without its context")
		}
		reply := &repo.RepoCreateReply{Repo: &repo.Repository{
			Id: "17", Name: about.GetName(), Url: "https://git.example.com/" + about.GetCreatorId() + "/" +
				about.GetName(),
		}}
		for _, q := range requests[1:] {
			chunk, ok := q.(*repo.RepoCreateRequest).GetBody().(*repo.RepoCreateRequest_Data)
			if !ok {
				t.Fatalf("an upload went on with %v", q)
			}
			reply.Size += int32(len(chunk.Data))
		}
		all = append(all, reply)
	case "Users/GetUser":
		q := first.(*users.UserGetRequest)
		name, last, ok := strings.Cut(q.GetEmail(), "@")
		if !ok || name == "" || last == "" || strings.Contains(last, "@") {
			t.Fatalf("GetUser refuses %q", q.GetEmail())
		}
		all = append(all, &users.UserGetReply{User: &users.User{
			Id: q.GetId(), FirstName: name, LastName: last,
			Age: 36,
		}})
	case "Users/GetHelp":
		for _, q := range requests {
			all = append(all, &users.UserHelpReply{Response: q.(*users.UserHelpRequest).GetRequest()})
		}
	case "grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch":
		if service := first.(*healthpb.HealthCheckRequest).GetService(); service != "" {
			t.Fatalf("health of %q", service)
		}
		all = append(all, &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING})
	default:
		t.Fatalf("no model of %s", method)
	}
	return all
}

// call is one call's requests, decoded, and the right answers.
type call struct {
	seq      uint64
	requests []proto.Message
	answers  []proto.Message
}

func makeCall(t *testing.T, d scenario.Definition, o scenario.Options, seq uint64) (call, transport.Source) {
	t.Helper()
	spec, src, err := d.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	c := call{seq: seq}
	for i := range spec.Send {
		body, err := src.Append(nil, seq, i)
		if err != nil {
			t.Fatal(err)
		}
		mt, err := protoregistry.GlobalTypes.FindMessageByName(d.Descriptor().Input().FullName())
		if err != nil {
			t.Fatal(err)
		}
		m := mt.New().Interface()
		if err := proto.Unmarshal(body, m); err != nil {
			t.Fatalf("message %d is no %T: %v", i, m, err)
		}
		if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
			t.Fatalf("message %d has unknown fields: %x", i, unknown)
		}
		c.requests = append(c.requests, m)
	}
	c.answers = answers(t, d.Method, c.requests)
	return c, src
}

// sent is how many messages a client has sent when answer i comes.
func (c call) sent(k transport.Kind, i int) int {
	if k == transport.Bidi {
		return i + 1
	}
	return len(c.requests)
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func options(messages, size int) scenario.Options {
	return scenario.Options{Transport: transport.GRPC, Messages: messages, Size: size}
}

func TestRightAnswersPass(t *testing.T) {
	for _, d := range scenario.All() {
		for _, messages := range []int{1, 2, 5} {
			for _, size := range []int{0, d.MinSize, 100, 5000} {
				if size > 0 && !d.Sized {
					continue
				}
				for _, seq := range []uint64{0, 1, 1 << 39} {
					c, src := makeCall(t, d, options(messages, size), seq)
					for i, answer := range c.answers {
						if err := src.Check(seq, i, c.sent(d.Kind, i), encode(t, answer)); err != nil {
							t.Errorf("%s, %d messages of %d bytes, call %d: answer %d: %v", d.Name, messages, size,
								seq, i, err)
						}
					}
				}
			}
		}
	}
}

// cleared are copies of m, each without one of its fields, nested ones too.
func cleared(m protoreflect.Message) map[string]proto.Message {
	all := map[string]proto.Message{}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		without := proto.Clone(m.Interface()).ProtoReflect()
		without.Clear(f)
		all[string(f.Name())] = without.Interface()
		if f.Message() != nil && !f.IsList() && !f.IsMap() {
			for name, inner := range cleared(v.Message()) {
				with := proto.Clone(m.Interface()).ProtoReflect()
				with.Set(f, protoreflect.ValueOfMessage(inner.ProtoReflect()))
				all[string(f.Name())+"."+name] = with.Interface()
			}
		}
		return true
	})
	return all
}

// An answer that lacks anything, or is no answer, is refused.
func TestWrongAnswersAreRefused(t *testing.T) {
	for _, d := range scenario.All() {
		c, src := makeCall(t, d, options(3, 0), 7)
		for i, answer := range c.answers {
			right := encode(t, answer)
			wrong := map[string][]byte{
				"nothing":   nil,
				"garbage":   {0xff},
				"cut short": right[:len(right)-1],
				"twice":     append(append([]byte{}, right...), 0xff),
			}
			for field, m := range cleared(answer.ProtoReflect()) {
				wrong["without "+field] = encode(t, m)
			}
			for what, body := range wrong {
				t.Run(fmt.Sprintf("%s/answer %d/%s", d.Name, i, what), func(t *testing.T) {
					if err := src.Check(c.seq, i, c.sent(d.Kind, i), body); err == nil {
						t.Errorf("%x was taken for {%v}", body, answer)
					}
				})
			}
		}
	}
}

// Where messages are told apart, the answer to another is refused, and of a count or a size any other.
func TestOtherAnswersAreRefused(t *testing.T) {
	for _, d := range scenario.All() {
		c, src := makeCall(t, d, options(3, 0), 7)
		switch d.Name {
		case "Check", "Watch": // every answer is the same
			continue
		case "SearchIn", "CreateRepo": // they tell how much was sent
			for _, messages := range []int{1, 2, 4} {
				other, _ := makeCall(t, d, options(messages, 0), 7)
				if src.Check(c.seq, 0, len(c.requests), encode(t, other.answers[0])) == nil {
					t.Errorf("%s: after 3 messages the answer to %d was taken", d.Name, messages)
				}
			}
			continue
		}
		other, _ := makeCall(t, d, options(3, 0), 8)
		for i := range c.answers {
			if src.Check(c.seq, i, c.sent(d.Kind, i), encode(t, other.answers[i])) == nil {
				t.Errorf("%s: answer %d of another call was taken", d.Name, i)
			}
			if j := (i + 1) % len(c.answers); d.Kind == transport.Bidi &&
				src.Check(c.seq, i, i+1, encode(t, c.answers[j])) == nil {
				t.Errorf("%s: the answer to message %d was taken for that to %d", d.Name, j, i)
			}
		}
	}
}
