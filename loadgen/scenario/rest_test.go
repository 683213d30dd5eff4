package scenario_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
	"grpcbench/pb/person"
)

func overREST(t *testing.T, method string, size int) (transport.Spec, transport.Source) {
	t.Helper()
	spec, src, err := find(t, "Search").Build(scenario.Options{
		Transport: transport.REST, HTTPMethod: method,
		Messages: 1, Size: size,
	})
	if err != nil {
		t.Fatal(err)
	}
	return spec, src
}

// restMethods are those that Search has routes of.
var restMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut}

// restRequest decodes what REST sends as the gateway would: a GET's path, a POST's document, and of a PUT both.
func restRequest(t *testing.T, spec transport.Spec, src transport.Source, seq uint64) *person.PersonReq {
	t.Helper()
	sent, err := src.Append(nil, seq, 0)
	if err != nil {
		t.Fatal(err)
	}
	q := &person.PersonReq{}
	if spec.HTTPMethod == http.MethodPost {
		if err := protojson.Unmarshal(sent, q); err != nil || spec.Path != "/api/person" {
			t.Fatalf("%s to %q: %v", sent, spec.Path, err)
		}
		return q
	}
	first, body, _ := strings.Cut(string(sent), "\n")
	target, err := url.ParseRequestURI(first)
	parts := strings.Split(strings.TrimPrefix(target.Path, "/api/person/"), "/")
	if spec.HTTPMethod == http.MethodGet && len(parts) == 3 && body == "" {
		body = fmt.Sprintf(`{"name":%q}`, parts[2])
	}
	if err != nil || len(parts) < 2 || spec.Path != "" {
		t.Fatalf("the target %q (%v), the path %q", first, err, spec.Path)
	}
	document := fmt.Sprintf(`{"name":%q,"age":%s,"body":%s}`, parts[0], parts[1], body)
	if err := protojson.Unmarshal([]byte(document), q); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return q
}

func TestRESTCarriesWhatGRPCDoes(t *testing.T) {
	for _, method := range restMethods {
		for _, size := range []int{0, 16, 1000} {
			spec, src := overREST(t, method, size)
			for _, seq := range []uint64{0, 9} {
				sameCall, _ := makeCall(t, find(t, "Search"), options(1, size), seq)
				want := sameCall.requests[0].(*person.PersonReq)
				got := restRequest(t, spec, src, seq)
				if got.GetName() != want.GetName() || got.GetAge() != want.GetAge() ||
					got.GetBody().GetName() != want.GetBody().GetName() {
					t.Errorf("%s, %d bytes: sends {%v}, want {%v}", method, size, got, want)
				}
			}
		}
	}
}

func TestRESTAnswers(t *testing.T) {
	const seq = 9
	for _, method := range restMethods {
		spec, src := overREST(t, method, 0)
		right := answers(t, "person.SearchService/Search",
			[]proto.Message{restRequest(t, spec, src, seq)})[0].(*person.PersonRes)
		document, err := json.Marshal(map[string]any{
			"name": right.GetName(), "age": right.GetAge(),
			"body": map[string]string{"name": right.GetBody().GetName()},
		})
		if err != nil {
			t.Fatal(err)
		}
		byProtojson, err := protojson.Marshal(right)
		if err != nil {
			t.Fatal(err)
		}
		text := string(document)
		for _, tt := range []struct {
			reason, body string
			ok           bool
		}{
			{"as protojson writes it", string(byProtojson), true},
			{"members by the alphabet", text, true},
			{"indented", strings.ReplaceAll(text, ",", ",\n  "), true},
			{"another age", strings.Replace(text, "36", "37", 1), false},
			{"another call's", strings.Replace(text, fmt.Sprintf("%016x", seq<<24), fmt.Sprintf("%016x", (seq+1)<<24),
				1), false},
			{"another name about it", strings.Replace(text, "我收到了", "我收到", 1), false},
			{"without the body", `{"name":"` + right.GetName() + `","age":36}`, false},
			{"an error's document", `{"code":5,"message":"Not Found","details":[]}`, false},
			{"an error's page", `<html>502 Bad Gateway</html>`, false},
			{"nothing", ``, false},
			{"cut short", text[:len(text)-1], false},
		} {
			if err := src.Check(seq, 0, 1, []byte(tt.body)); (err == nil) != tt.ok {
				t.Errorf("%s, %s: Check(%s) = %v, want ok = %v", method, tt.reason, tt.body, err, tt.ok)
			}
		}
	}
}
