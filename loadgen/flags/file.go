package flags

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"grpcbench/loadgen/plan"
)

// maxSteps is how many steps a request id tells apart: beside an arrival's 40 bits, 8 of its 48 are the step's.
const maxSteps = 1 << 8

// file is a scenario file. Of what is a flag too the flag wins.
type file struct {
	Addr     string              `yaml:"addr"`
	Schema   fileSchema          `yaml:"schema"`
	Metadata map[string]string   `yaml:"metadata"`
	Feeds    map[string]fileFeed `yaml:"feeds"`
	Setup    []fileStep          `yaml:"setup"`
	Flows    []fileFlow          `yaml:"flows"`
}

type fileSchema struct {
	Proto    []string `yaml:"proto"`
	Import   []string `yaml:"import"`
	Protoset []string `yaml:"protoset"`
	Reflect  *bool    `yaml:"reflect"`
}

type fileFeed struct {
	File  string `yaml:"file"`
	Order string `yaml:"order"`
}

// fileFlow is a flow, or the one step that it has.
type fileFlow struct {
	Name   string     `yaml:"name"`
	Weight *float64   `yaml:"weight"`
	Steps  []fileStep `yaml:"steps"`
	Only   fileStep   `yaml:",inline"` // its one step
}

type fileStep struct {
	RPC        string            `yaml:"rpc"`
	Data       any               `yaml:"data"`
	Expect     any               `yaml:"expect"`
	ExpectCode string            `yaml:"expect_code"`
	Metadata   map[string]string `yaml:"metadata"`
	Save       map[string]string `yaml:"save"`
	Pause      string            `yaml:"pause"`
}

// readFile reads the plan's scenario file. It returns what is wrong with it, each with its place.
func readFile(p *plan.Plan, given map[string]bool) (problems []error) {
	if p.File == "" {
		return nil
	}
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("-f %s: "+format, append([]any{p.File}, args...)...))
	}
	text, err := os.ReadFile(p.File)
	if err != nil {
		return append(problems, fmt.Errorf("-f: %w", err))
	}
	var f file
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		wrong("%s", strings.TrimSpace(yaml.FormatError(err, false, false)))
		return problems
	}
	if !given["addr"] {
		p.Addr = f.Addr
	}
	if len(p.Schema.Protos)+len(p.Schema.Sets)+len(p.Schema.Imports) == 0 {
		p.Schema.Protos, p.Schema.Imports, p.Schema.Sets = f.Schema.Proto, f.Schema.Import, f.Schema.Protoset
	}
	for _, name := range slices.Sorted(maps.Keys(f.Feeds)) {
		feed := f.Feeds[name]
		flag := name + "=" + feed.File
		if feed.Order != "" {
			flag += "," + feed.Order
		}
		if !slices.ContainsFunc(p.Feeds, func(other string) bool { return plan.ParseFeed(other).Name == name }) {
			p.Feeds = append(p.Feeds, flag)
		}
	}
	metadata := func(where string, all map[string]string) (sent, told []string) {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if err := (metadataFlag{&sent, &told}).Set(key + ": " + all[key]); err != nil {
				wrong("%s: metadata: %w", where, err)
			}
		}
		return sent, told
	}
	sent, told := metadata("metadata", f.Metadata)
	p.Metadata, p.MetadataTold = append(sent, p.Metadata...), append(told, p.MetadataTold...)
	step := func(where string, s fileStep) plan.Step {
		out := plan.Step{RPC: s.RPC, ExpectCode: strings.ToUpper(s.ExpectCode), Save: s.Save}
		var err error
		if out.Data, err = jsonOf(s.Data); err != nil {
			wrong("%s: data: %w", where, err)
		}
		if out.Expect, err = jsonOf(s.Expect); err != nil {
			wrong("%s: expect: %w", where, err)
		}
		if s.Pause != "" {
			if out.Pause, err = time.ParseDuration(s.Pause); err != nil || out.Pause < 0 {
				wrong("%s: pause %q: want a duration with a unit, such as 200ms", where, s.Pause)
			}
		}
		if s.RPC == "" {
			wrong("%s: rpc is missing", where)
		}
		if out.ExpectCode != "" && !slices.Contains(codeNames, out.ExpectCode) {
			wrong("%s: expect_code %q: want one of %s", where, s.ExpectCode, strings.Join(codeNames, ", "))
		}
		out.Metadata, out.MetadataTold = metadata(where, s.Metadata)
		return out
	}
	for i, s := range f.Setup {
		p.Setup = append(p.Setup, step(fmt.Sprintf("setup[%d]", i), s))
	}
	for i, flow := range f.Flows {
		where := fmt.Sprintf("flows[%d]", i)
		out := plan.Flow{Name: flow.Name, Weight: 1}
		if flow.Weight != nil {
			out.Weight = *flow.Weight
		}
		if !(out.Weight > 0 && out.Weight < 1e12) {
			wrong("%s: weight %v: want a number above 0", where, out.Weight)
		}
		if len(flow.Steps) > 0 && flow.Only.RPC != "" {
			wrong("%s: it has steps and an rpc of its own: want one of them", where)
		}
		if len(flow.Steps) > maxSteps {
			wrong("%s: it has %d steps: want at most %d, as many as request ids tell apart", where, len(flow.Steps),
				maxSteps)
		}
		for k, s := range flow.Steps {
			out.Steps = append(out.Steps, step(fmt.Sprintf("%s.steps[%d]", where, k), s))
		}
		if len(flow.Steps) == 0 {
			out.Steps = []plan.Step{step(where, flow.Only)}
		}
		if out.Name == "" {
			out.Name = out.Steps[0].RPC
		}
		if slices.ContainsFunc(p.Flows, func(other plan.Flow) bool { return other.Name == out.Name }) {
			wrong("%s: there is a flow %s already: name gives it another", where, out.Name)
		}
		p.Flows = append(p.Flows, out)
	}
	if len(f.Flows) == 0 {
		wrong("it has no flows")
	}
	return problems
}

// jsonOf is a value of YAML as JSON; of a string that is JSON already, or @FILE, what it stands for.
func jsonOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		text, err := readText("data", v, strings.NewReader(""))
		if err != nil {
			return "", err
		}
		if !json.Valid(text) && !strings.ContainsAny(string(text), "{[") {
			return "", errors.New("want an object, or JSON")
		}
		return string(text), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write it as JSON: %w", err)
	}
	return string(text), nil
}
