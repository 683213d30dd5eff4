package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// module is the part of every import path that the rules leave out.
const module = "grpcbench/"

// rule is about what packages may import; its patterns are paths within the
// module, or "x/..." for x and all below it.
type rule struct {
	from   string
	except []string // packages of from that the rule is not about
	// never are forbidden; or else, of the module's packages, only these are allowed.
	never, only []string
	but         []string // of never, allowed all the same
	// indirectly says that the imports' imports count too.
	indirectly bool
	reason     string
}

// leaf is an only of nothing.
var leaf = []string{}

var rules = []rule{
	{
		from: "server/...", never: []string{"loadgen/...", "bench/..."}, indirectly: true,
		reason: "the server under test must not carry its own load generator: it is measured, and stands alone",
	},
	{
		from: "loadgen/...", except: []string{"loadgen"}, never: []string{"server/..."},
		but: []string{"server/contract", "server/meter", "server/flagset"}, indirectly: true,
		reason: "the load generator knows a target by what goes over the wire; what both must spell alike is in " +
			"contract",
	},
	{
		from: "loadgen", never: []string{"server/..."},
		but: []string{
			"server/contract", "server/meter", "server/flagset", "server/host", "server/interceptor/ecosystem",
		},
		reason: "the binary can be its own target, by host.Run, and reaches into nothing of it",
	},
	{
		from: "loadgen/report", never: []string{
			"loadgen/engine", "loadgen/run", "loadgen/child", "loadgen/experiment",
			"loadgen/flags", "loadgen/scenario", "loadgen/schema", "pb/...", "loadgen/transport/grpcconn",
			"loadgen/transport/wire", "loadgen/transport/rest",
		}, indirectly: true,
		reason: "a report reads documents: it must not be able to make a run",
	},
	{
		from: "loadgen/report", never: []string{
			"loadgen/transport/...", "loadgen/recorder", "loadgen/scenario",
			"loadgen/schema",
		},
		reason: "what a report shows stands in the document, nowhere else",
	},
	{
		from: "...", except: []string{"bench", "bench/peers", "bench/regress"}, never: []string{"bench/..."},
		reason: "benchmarks look at the code; code that needs them would ship them",
	},
	{
		from: "loadgen/plan", only: []string{"loadgen/schedule"},
		reason: "who reads a result reads its plan: it is data, and not how the data came to be",
	},
	{
		from: "loadgen/result", never: []string{
			"loadgen/flags", "loadgen/scenario", "loadgen/schema",
			"loadgen/message", "pb/...", "flag", "google.golang.org/grpc", "google.golang.org/protobuf/proto",
		},
		indirectly: true,
		reason:     "to read a JSON file one needs neither flags nor schemas",
	},
	{
		from: "loadgen/compare", never: []string{"loadgen/flags", "loadgen/scenario", "loadgen/schema", "pb/..."},
		indirectly: true,
		reason:     "a comparison reads documents, and stands on what they hold alone",
	},
	{from: "loadgen/mix", only: leaf, reason: "it is arithmetic"},
	{from: "loadgen/series", only: leaf, reason: "it is names, which everybody reads"},
	{from: "loadgen/requestid", only: []string{"loadgen/mix"}, reason: "ids are text, the same for every transport"},
	{
		from: "loadgen/transport", only: []string{"loadgen/series"},
		reason: "it is the vocabulary of engine and transports, and takes no side",
	},
	{
		from: "loadgen/message", only: []string{"loadgen/mix"},
		reason: "messages are bytes: they do not know who sends them",
	},
	{from: "loadgen/schema", only: leaf, reason: "it alone knows the libraries for schemas, and nobody's calls"},
	{
		from: "loadgen/...", except: []string{"loadgen/schema"},
		never:  []string{"github.com/jhump/...", "github.com/bufbuild/..."},
		reason: "schema is the only package that knows the libraries for schemas",
	},
	{from: "loadgen/stats", only: leaf, reason: "statistics are pure"},
	{
		from: "loadgen/verdict", only: []string{"loadgen/series"},
		reason: "rules look at facts, not at the run that they judge",
	},
	{from: "loadgen/schedule", only: leaf, reason: "a schedule is pure: arrivals do not know of clocks or calls"},
	{from: "loadgen/pace", only: leaf, reason: "waiting precisely has nothing to do with what is waited for"},
	{from: "loadgen/quiet", only: []string{"loadgen/pace"}, reason: "it looks at the machine, not at what is tested"},
	{
		from: "...", except: []string{"server/testkit"}, never: []string{"server/testkit"},
		reason: "only tests share what tests need",
	},
	{
		from: "...", except: []string{"loadgen/quiet"}, never: []string{"loadgen/quiet"},
		reason: "only tests ask whether the machine is quiet",
	},
	{
		from: "loadgen/recorder", only: []string{"loadgen/series"},
		reason: "what is recorded does not depend on how the calls travelled",
	},
	{from: "server/flagset", only: leaf, reason: "both halves import it: anything in it would be in both"},
	{from: "server/meter", only: leaf, reason: "both halves import it: anything in it would be in both"},
	{
		from: "server/contract", only: []string{"server/meter"},
		reason: "both halves import it: anything in it would be in both",
	},
	{from: "pb/...", only: leaf, reason: "it is generated"},
	{
		from:   "loadgen/transport/...",
		except: []string{"loadgen/transport", "loadgen/transport/dial", "loadgen/transport/grpcconn/ecosystem"},
		only: []string{
			"loadgen/transport", "loadgen/transport/socket", "loadgen/series", "loadgen/requestid",
			"loadgen/pace", "server/contract",
		},
		reason: "transports are compared: none may know the scenarios, the engine or another transport",
	},
	{
		from: "loadgen/transport/dial",
		only: []string{
			"loadgen/transport", "loadgen/transport/grpcconn", "loadgen/transport/wire",
			"loadgen/transport/rest", "loadgen/requestid",
		},
		reason: "it chooses a transport, for whoever makes calls",
	},
	{
		from: "loadgen/engine", only: []string{
			"loadgen/transport", "loadgen/recorder", "loadgen/series",
			"loadgen/schedule", "loadgen/pace", "loadgen/mix",
		},
		reason: "the run loop is the same for every transport and every RPC",
	},
	{
		from: "loadgen/experiment", never: []string{"loadgen/report", "loadgen/run", "loadgen/engine"},
		reason: "an experiment makes blocks of calls of its own, and hands out a document: others show it",
	},
	{from: "loadgen/meet", only: leaf, reason: "who meets does not matter to how"},
	{
		from: "loadgen/child", only: []string{"server/contract", "server/meter"},
		reason: "to supervise a process is all that it does",
	},
	{
		from: "loadgen/cores", only: []string{"loadgen/child"},
		reason: "which cores a process has does not depend on what it does",
	},
	{from: "loadgen/report/number", only: leaf, reason: "numbers are written alike wherever they stand"},
	{
		from: "loadgen/report/plot", only: []string{"loadgen/report/number"},
		reason: "a figure is of curves and columns, whatever they are of",
	},
	{
		from: "loadgen/live", only: []string{"loadgen/result", "loadgen/verdict", "loadgen/report/number"},
		reason: "a view is told what happens: it must not be able to look",
	},
	{from: "loadgen/compare", only: []string{
		"loadgen/plan", "loadgen/result", "loadgen/series", "loadgen/stats",
		"loadgen/verdict",
	}, reason: "a comparison reads documents"},
	{
		from: "loadgen/metrics", only: []string{"loadgen/recorder", "loadgen/series", "loadgen/verdict"},
		reason: "it serves what was recorded",
	},
	{from: "loadgen/trace", only: []string{"loadgen/requestid"}, reason: "a span is a call's, whatever carried it"},
	{
		from: "loadgen/...", except: []string{"loadgen", "loadgen/flags"}, never: []string{"flag"},
		reason: "flags is the only reader of flags",
	},
	{
		from: "loadgen/flags", never: []string{"loadgen/scenario", "loadgen/schema", "loadgen/message", "loadgen/run"},
		indirectly: true,
		reason:     "what needs a schema is checked once there is one",
	},
	{from: "server/interceptor", only: []string{"server/contract"}, reason: "an interceptor knows no service"},
	{
		from: "server/host",
		never: []string{
			"server/interceptor/ecosystem", "github.com/grpc-ecosystem/go-grpc-middleware/...",
		},
		indirectly: true, reason: "only the commands link what others offer",
	},
	{
		from: "loadgen/...", except: []string{"loadgen", "loadgen/transport/grpcconn/ecosystem"},
		never:      []string{"server/interceptor/ecosystem", "loadgen/transport/grpcconn/ecosystem"},
		indirectly: true, reason: "only the commands link what others offer",
	},
	{
		from: "loadgen/transport/grpcconn/ecosystem", only: []string{"loadgen/transport/grpcconn"},
		reason: "it is there to be known to grpcconn, and for nothing else",
	},
	{
		from: "server/interceptor/ecosystem", only: []string{"server/interceptor"},
		reason: "it is there to be known to interceptor, and for nothing else",
	},
	{from: "server/service", only: []string{"pb/..."}, reason: "a handler knows nothing of what is around it"},
	{
		from: "server/gateway", only: []string{"pb/...", "server/contract"},
		reason: "it stands in front of any server of these services",
	},
}

// edges are a package's imports, direct and all.
type edges struct{ Imports, Deps []string }

// violations names every forbidden import of a graph, and every rule about packages that do not exist.
func violations(rules []rule, graph map[string]edges) (found []string) {
	for _, r := range rules {
		dead := true
		for from, e := range graph {
			if !matches(from, r.from) || slices.Contains(r.except, from) {
				continue
			}
			dead = false
			imports := e.Imports
			if r.indirectly {
				imports = e.Deps
			}
			for _, to := range imports {
				_, own := graph[to]
				forbidden := r.never == nil && own && !slices.ContainsFunc(r.only, matching(to)) ||
					slices.ContainsFunc(r.never, matching(to)) && !slices.ContainsFunc(r.but, matching(to))
				if forbidden {
					found = append(found, fmt.Sprintf("%s imports %s: %s", from, to, r.reason))
				}
			}
		}
		if dead {
			found = append(found, "no package is "+r.from+": the rule holds nothing")
		}
	}
	slices.Sort(found)
	return found
}

func matches(path, pattern string) bool {
	below, all := strings.CutSuffix(pattern, "...")
	return path == pattern || all && strings.HasPrefix(path+"/", below)
}

func matching(path string) func(string) bool {
	return func(pattern string) bool { return matches(path, pattern) }
}

// packages asks the go command for the module's packages; their tests do not count.
func packages(t *testing.T) map[string]edges {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", "./...")
	list.Dir = ".."
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	graph := map[string]edges{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			edges
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return graph
		} else if err != nil {
			t.Fatal(err)
		}
		for _, paths := range [][]string{p.Imports, p.Deps} {
			for i := range paths {
				paths[i] = strings.TrimPrefix(paths[i], module)
			}
		}
		graph[strings.TrimPrefix(p.ImportPath, module)] = p.edges
	}
}

func TestImportsRunOneWay(t *testing.T) {
	graph := packages(t)
	if len(graph["loadgen/engine"].Imports) == 0 || len(graph["server/host"].Deps) == 0 {
		t.Fatalf("this is not the module's graph: %v", graph)
	}
	for _, v := range violations(rules, graph) {
		t.Error(v)
	}
}

// Whoever looks for a room finds it in the picture.
func TestPictureIsWhole(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, picture, _ := strings.Cut(string(text), "```\n")
	picture, _, _ = strings.Cut(picture, "```")
	words := strings.FieldsFunc(picture, func(r rune) bool { return !unicode.IsLetter(r) && r != '/' })
	for path := range packages(t) {
		if room, ok := strings.CutPrefix(path, "loadgen/"); ok && !slices.Contains(words, room) {
			t.Errorf("README.md's picture of the house has no %s", room)
		}
	}
}

// TestImportsRunOneWay would be green for ever if its rules could not be broken.
func TestRulesCanBeBroken(t *testing.T) {
	actual := packages(t)
	for _, tt := range []struct {
		from, to string
		direct   bool // only an import of the package's own counts
	}{
		{"server/host", "loadgen/engine", false},
		{"server/contract", "loadgen/requestid", false},
		{"loadgen/child", "server/host", false},
		{"loadgen/run", "server/interceptor", false},
		{"loadgen", "server/service", true},
		{"loadgen/report", "loadgen/engine", false},
		{"loadgen/report", "loadgen/transport", true},
		{"loadgen/report", "loadgen/transport/rest", false},
		{"loadgen/run", "bench", true},
		{"loadgen/message", "loadgen/transport", true},
		{"loadgen/result", "flag", false},
		{"loadgen/result", "loadgen/scenario", false},
		{"loadgen/report", "pb/person", false},
		{"loadgen/flags", "loadgen/schema", false},
		{"loadgen/plan", "loadgen/transport", true},
		{"loadgen/transport", "loadgen/requestid", true},
		{"loadgen/transport/rest", "loadgen/transport/grpcconn", true},
		{"loadgen/transport/grpcconn", "loadgen/scenario", true},
		{"loadgen/engine", "loadgen/transport/grpcconn", true},
		{"loadgen/engine", "loadgen/scenario", true},
		{"loadgen/recorder", "loadgen/stats", true},
		{"loadgen/engine", "flag", true},
		{"server/interceptor", "pb/person", true},
	} {
		graph := maps.Clone(actual)
		e := edges{slices.Clone(graph[tt.from].Imports), append(slices.Clone(graph[tt.from].Deps), tt.to)}
		if tt.direct {
			e.Imports = append(e.Imports, tt.to)
		}
		graph[tt.from] = e
		if found := violations(rules, graph); !slices.ContainsFunc(found,
			func(v string) bool { return strings.HasPrefix(v, tt.from+" imports "+tt.to+":") }) {
			t.Errorf("no rule forbids %s to import %s", tt.from, tt.to)
		}
	}
}
