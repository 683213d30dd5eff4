package flags_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
)

// A scenario file is the plan's flows, and of what is a flag too the flag wins.
func TestFile(t *testing.T) {
	p, err := flags.Run([]string{
		"-f", "testdata/shop.yaml", "-addr", "mine:1", "-feed", "users=other.csv", "-H",
		"k: v", "-c", "5",
	}, strings.NewReader(""), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := []plan.Flow{
		{Name: "buy", Weight: 3, Steps: []plan.Step{
			{
				RPC: "auth.Auth/Login", Data: `{"email":"${users.email}"}`,
				Save: map[string]string{"token": "session.token"},
			},
			{
				RPC: "shop.Cart/Add", Data: `{"item":"${int(1,100000)}"}`, Expect: `{"status":"ADDED"}`,
				Pause:        200 * time.Millisecond,
				Metadata:     []string{"authorization", "Bearer ${token}"},
				MetadataTold: []string{"authorization", "$AUTHORIZATION"},
			},
		}},
		{
			Name: "shop.Catalog/Search", Weight: 7,
			Steps: []plan.Step{{
				RPC:  "shop.Catalog/Search",
				Data: `{"exact":true,"most":20,"query":"${pick(shoes,hats)}"}`,
			}},
		},
		{
			Name: "shop.Catalog/Missing", Weight: 0.5,
			Steps: []plan.Step{{RPC: "shop.Catalog/Missing", Data: `{"id": 1}`, ExpectCode: "NOT_FOUND"}},
		},
	}
	if diff := cmp.Diff(want, p.Flows); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]plan.Step{{
		RPC: "auth.Auth/Admin", Data: `{"key":"k"}`,
		Save: map[string]string{"admin": "token"},
	}}, p.Setup); diff != "" {
		t.Errorf("setup (-want +got):\n%s", diff)
	}
	if p.Addr != "mine:1" || !cmp.Equal(p.Schema.Protos, []string{"shop.proto"}) ||
		!cmp.Equal(p.Feeds, []string{"users=other.csv", "items=items.jsonl"}) ||
		!cmp.Equal(p.Metadata, []string{"x-tenant", "${users.tenant}", "k", "v"}) {
		t.Errorf("%+v", p)
	}
	if got, want := plan.QuoteArgs(p.Command),
		"loadgen -H 'k: v' -addr mine:1 -c 5 -f testdata/shop.yaml -feed users=other.csv"; got != want {
		t.Errorf("made again by %s, want %s", got, want)
	}
	alone, err := flags.Run([]string{"-f", "testdata/shop.yaml"}, strings.NewReader(""), io.Discard)
	if err != nil || alone.Addr != "shop:50051" {
		t.Errorf("without flags the address is %s (%v)", alone.Addr, err)
	}
}

// What is wrong with a file is told with its line, or its place.
func TestFileRefuses(t *testing.T) {
	for _, tt := range []struct {
		reason, text string
		says         []string
	}{
		{
			"an unknown key", "flows:\n- {rpc: A/B}\n- {rpc: C/D, wieght: 3}\n",
			[]string{"[3:14]", `unknown field "wieght"`},
		},
		{"an unknown key at the top", "flow: []\n", []string{"[1:1]", `unknown field "flow"`}},
		{"no YAML", "flows: [", []string{"[1:8]"}},
		{"a key twice", "addr: a\naddr: b\nflows: []\n", []string{"[2:1]"}},
		{"no flows", "addr: a:1\n", []string{"it has no flows"}},
		{"no RPC", "flows:\n- {weight: 3}\n", []string{"flows[0]: rpc is missing"}},
		{"no weight", "flows:\n- {rpc: A/B, weight: 0}\n", []string{"flows[0]: weight 0: want a number above 0"}},
		{
			"steps and an RPC", "flows:\n- {rpc: A/B, steps: [{rpc: C/D}]}\n",
			[]string{"flows[0]: it has steps and an rpc"},
		},
		{
			"two flows of one name", "flows:\n- {rpc: A/B}\n- {rpc: A/B}\n",
			[]string{"flows[1]: there is a flow A/B already"},
		},
		{
			"too many steps", "flows:\n- name: long\n  steps:\n" + strings.Repeat("  - {rpc: A/B}\n", 257),
			[]string{"flows[0]: it has 257 steps: want at most 256"},
		},
		{
			"a pause without a unit", "flows:\n- {rpc: A/B, pause: 5}\n",
			[]string{`flows[0]: pause "5": want a duration with a unit`},
		},
		{"an unknown code", "flows:\n- {rpc: A/B, expect_code: GONE}\n", []string{`flows[0]: expect_code "GONE"`}},
		{
			"metadata of HTTP's", "flows:\n- {rpc: A/B, metadata: {te: x}}\n",
			[]string{"flows[0]: metadata:", "belongs to HTTP"},
		},
		{"text for data", "flows:\n- {rpc: A/B, data: hello}\n", []string{"flows[0]: data: want an object, or JSON"}},
		{
			"a file of data that is not there", "flows:\n- {rpc: A/B, data: \"@nosuch.json\"}\n",
			[]string{"flows[0]: data:", "nosuch.json"},
		},
	} {
		file := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := flags.Run([]string{"-f", file}, strings.NewReader(""), io.Discard)
		for _, words := range append(tt.says, "-f "+file) {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v, want something about %q", tt.reason, err, words)
			}
		}
	}
	if _, err := flags.Run([]string{"-f", "nosuch.yaml"}, strings.NewReader(""), io.Discard); err == nil ||
		!strings.Contains(err.Error(), "-f: open nosuch.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := flags.Run([]string{"-f", "testdata/shop.yaml", "-rpc", "X"}, strings.NewReader(""),
		io.Discard); err == nil || !strings.Contains(err.Error(), "-rpc and -f") {
		t.Errorf("a file and an RPC: %v", err)
	}
}
