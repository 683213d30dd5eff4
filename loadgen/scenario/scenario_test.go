package scenario_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
)

// rpcs are the target's, as its definition has them.
var rpcs = []struct {
	name, method string
	kind         transport.Kind
	transports   []string
}{
	{"Search", "person.SearchService/Search", transport.Unary, []string{"grpc", "wire", "rest"}},
	{"SearchIn", "person.SearchService/SearchIn", transport.ClientStream, []string{"grpc", "wire"}},
	{"SearchOut", "person.SearchService/SearchOut", transport.ServerStream, []string{"grpc", "wire"}},
	{"SearchIO", "person.SearchService/SearchIO", transport.Bidi, []string{"grpc", "wire"}},
	{"CreateRepo", "Repo/CreateRepo", transport.ClientStream, []string{"grpc", "wire"}},
	{"GetUser", "Users/GetUser", transport.Unary, []string{"grpc", "wire"}},
	{"GetHelp", "Users/GetHelp", transport.Bidi, []string{"grpc", "wire"}},
	{"Check", "grpc.health.v1.Health/Check", transport.Unary, []string{"grpc", "wire"}},
	{"Watch", "grpc.health.v1.Health/Watch", transport.ServerStream, []string{"grpc", "wire"}},
}

func TestAll(t *testing.T) {
	type row struct {
		Name, Method string
		Kind         transport.Kind
		Transports   []string
	}
	var want, got []row
	for _, r := range rpcs {
		want = append(want, row{r.name, r.method, r.kind, r.transports})
	}
	for _, d := range scenario.All() {
		got = append(got, row{d.Name, d.Method, d.Kind, d.Transports()})
		if d.About == "" {
			t.Errorf("%s does not say what it does", d.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the RPCs (-want +got):\n%s", diff)
	}
}

// The generated descriptors know better than a hand-written table: kinds, types, and that no RPC is forgotten.
func TestAllAgreesWithTheServices(t *testing.T) {
	for _, d := range scenario.All() {
		method := method(t, strings.Replace(d.Method, "/", ".", 1))
		var kind transport.Kind
		if method.IsStreamingClient() {
			kind |= transport.ClientStream
		}
		if method.IsStreamingServer() {
			kind |= transport.ServerStream
		}
		if d.Kind != kind {
			t.Errorf("%s is a %v RPC, want %v", d.Name, d.Kind, kind)
		}
		if got, want := d.Descriptor().Input().FullName(), method.Input().FullName(); got != want {
			t.Errorf("%s takes a %s, want a %s", d.Name, got, want)
		}
		if got, want := d.Descriptor().Output().FullName(), method.Output().FullName(); got != want {
			t.Errorf("%s answers a %s, want a %s", d.Name, got, want)
		}
	}
	for _, name := range []protoreflect.FullName{"person.SearchService", "Repo", "Users"} {
		methods := descriptor(t, name).(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			full := string(name) + "/" + string(methods.Get(i).Name())
			if !slices.ContainsFunc(scenario.All(), func(d scenario.Definition) bool { return d.Method == full }) {
				t.Errorf("%s has no scenario", full)
			}
		}
	}
}

func descriptor(t *testing.T, name protoreflect.FullName) protoreflect.Descriptor {
	t.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

func method(t *testing.T, name string) protoreflect.MethodDescriptor {
	t.Helper()
	m, ok := descriptor(t, protoreflect.FullName(name)).(protoreflect.MethodDescriptor)
	if !ok {
		t.Fatalf("%s is no method", name)
	}
	return m
}

func TestFind(t *testing.T) {
	for _, r := range rpcs {
		for _, name := range []string{r.name, strings.ToLower(r.name), strings.ToUpper(r.name), r.method, "/" +
			r.method} {
			if d, err := scenario.Find(name); err != nil || d.Method != r.method {
				t.Errorf("Find(%q) = %s, %v, want %s", name, d.Method, err, r.method)
			}
		}
	}
}

func TestFindRefuses(t *testing.T) {
	for _, tt := range []struct{ reason, name string }{
		{"nothing", ""},
		{"no such RPC", "Serach"},
		{"a part of a name", "Sear"},
		{"a service alone", "person.SearchService"},
		{"an RPC of another service", "Users/Search"},
		{"a full name in another case", "person.searchservice/search"},
		{"a full name with a dot for its slash", "person.SearchService.Search"},
		{"a space after it", "Search "},
	} {
		_, err := scenario.Find(tt.name)
		if err == nil {
			t.Errorf("%s: Find(%q) found something", tt.reason, tt.name)
			continue
		}
		for _, r := range rpcs {
			if !strings.Contains(err.Error(), r.name) {
				t.Errorf("%s: %q does not name %s", tt.reason, err, r.name)
			}
		}
	}
}

func find(t *testing.T, name string) scenario.Definition {
	t.Helper()
	d, err := scenario.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		reason, rpc string
		options     scenario.Options
		says        []string // one part of each problem
	}{
		{"the defaults fit", "Search", scenario.Options{Transport: "grpc"}, nil},
		{"Search has a REST route", "Search", scenario.Options{Transport: "rest"}, nil},
		{"no other RPC has one", "SearchIO", scenario.Options{Transport: "rest"}, []string{"-transport rest"}},
		{"the smallest payload", "GetUser", scenario.Options{Transport: "grpc", Size: 16}, nil},
		{
			"less than the counter needs", "GetUser",
			scenario.Options{Transport: "grpc", Size: 15},
			[]string{"at least 16"},
		},
		{"an upload needs no counter", "CreateRepo", scenario.Options{Transport: "grpc", Size: 1}, nil},
		{
			"a payload for an RPC without one", "Check",
			scenario.Options{Transport: "grpc", Size: 100},
			[]string{"carries no payload"},
		},
		{
			"a payload for Watch", "Watch",
			scenario.Options{Transport: "grpc", Size: 100},
			[]string{"carries no payload"},
		},
		{
			"an interval of one message", "Search",
			scenario.Options{Transport: "grpc", Interval: 1},
			[]string{"-interval 1ns"},
		},
		{
			"turns of what is no dialogue", "SearchIn",
			scenario.Options{Transport: "grpc", Turns: "free"},
			[]string{"-stream free: SearchIn is no bidi stream, but a client stream"},
		},
		{
			"an end to one answer", "Search",
			scenario.Options{Transport: "grpc", Receive: 1},
			[]string{"one answer a call"},
		},
		{
			"a stream that takes longer than its deadline", "SearchIO",
			scenario.Options{Transport: "grpc", Interval: time.Second, Timeout: 99 * time.Second},
			[]string{"-messages 100 of a stream, 1s apart, take 99s"},
		},
		{
			"a route that is not there", "Search",
			scenario.Options{Transport: "rest", HTTPRule: 9},
			[]string{"-http-rule 9: there are"},
		},
		{
			"all problems at once", "Watch",
			scenario.Options{Transport: "rest", Size: 100},
			[]string{"-size 100", "-transport rest"},
		},
	} {
		tt.options.Messages = scenario.Own
		problems := find(t, tt.rpc).Check(tt.options)
		if len(problems) != len(tt.says) {
			t.Errorf("%s: %v, want %d problems", tt.reason, problems, len(tt.says))
			continue
		}
		for i, p := range problems {
			if !strings.Contains(p.Error(), tt.says[i]) {
				t.Errorf("%s: %q, want something about %q", tt.reason, p, tt.says[i])
			}
		}
	}
}

func TestBuildSpec(t *testing.T) {
	common := scenario.Options{
		Transport: "grpc", Messages: 7, Interval: time.Millisecond, Timeout: time.Second,
		Metadata: []string{"k", "v"},
	}
	endless := common
	endless.Messages = 0
	rest := common
	rest.Transport, rest.HTTPMethod = "rest", http.MethodPost
	spec := func(method string, kind transport.Kind, send, receive int) transport.Spec {
		answers := 0
		if kind == transport.ServerStream {
			answers = 1
		}
		return transport.Spec{
			Method: method, Answers: answers, Kind: kind, Send: send, Receive: receive,
			Interval: time.Millisecond, Timeout: time.Second, Metadata: []string{"k", "v"},
		}
	}
	overREST := spec("/person.SearchService/Search", transport.Unary, 1, 0)
	overREST.HTTPMethod, overREST.Path = http.MethodPost, "/api/person"
	for _, tt := range []struct {
		reason, rpc string
		options     scenario.Options
		want        transport.Spec
	}{
		{
			"a unary call sends one, whatever -messages says", "Search", common,
			spec("/person.SearchService/Search", transport.Unary, 1, 0),
		},
		{
			"so does a server stream", "SearchOut", common,
			spec("/person.SearchService/SearchOut", transport.ServerStream, 1, 0),
		},
		{
			"a client stream sends -messages", "SearchIn", common,
			spec("/person.SearchService/SearchIn", transport.ClientStream, 7, 0),
		},
		{"so does a bidi stream", "GetHelp", common, spec("/Users/GetHelp", transport.Bidi, 7, 0)},
		{
			"an upload sends its context before them", "CreateRepo", common,
			spec("/Repo/CreateRepo", transport.ClientStream, 8, 0),
		},
		{"until the run ends", "SearchIO", endless, spec("/person.SearchService/SearchIO", transport.Bidi, 0, 0)},
		{"an upload until the run ends", "CreateRepo", endless, spec("/Repo/CreateRepo", transport.ClientStream, 0, 0)},
		{"a unary call has its own end", "GetUser", endless, spec("/Users/GetUser", transport.Unary, 1, 0)},
		{
			"a stream that its server never ends", "Watch", common,
			spec("/grpc.health.v1.Health/Watch", transport.ServerStream, 1, 1),
		},
		{"health is one call", "Check", common, spec("/grpc.health.v1.Health/Check", transport.Unary, 1, 0)},
		{"REST has a route", "Search", rest, overREST},
	} {
		got, _, err := find(t, tt.rpc).Build(tt.options)
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}
