// Package recipe prints how engines run one load in several processes: a manifest, or a script, that works as it is.
package recipe

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
)

//go:embed kubernetes.yaml.tmpl
var kubernetes string

//go:embed slurm.sh.tmpl
var slurm string

//go:embed parallel.sh.tmpl
var parallel string

// job is what the templates are filled with.
type job struct {
	flags.Recipe
	Line     string   // the run's flags, as a shell reads them
	Argv     []string // the same, for a manifest
	Deadline int      // seconds
	Files    []file
	Env      []variable
	Token    string // in base64, as a manifest has it
}

// Minutes is the deadline as Slurm has it.
func (j job) Minutes() int { return (j.Deadline + 59) / 60 }

// ParallelLine is what parallel runs: the shell that it starts expands the variables.
func (j job) ParallelLine() string {
	return fmt.Sprintf(`"$LOADGEN" %s -shard auto/%d -meet 127.0.0.1:%d -meet-token '$MEET_TOKEN' -o "$OUT"`, j.Line,
		j.Count, j.Port)
}

// file is one that the run reads, by its name in the manifest.
type file struct{ Name, Base64 string }

// variable is a secret of the environment.
type variable struct{ Name, Base64 string }

// Write writes the recipe of r.
func Write(w io.Writer, r flags.Recipe) error {
	j := job{Recipe: r, Line: plan.QuoteArgs(r.Args), Deadline: deadline(r.Plan)}
	text := slurm
	switch r.Engine {
	case "parallel":
		text = parallel
	case "kubernetes":
		text = kubernetes
		if err := j.pack(); err != nil {
			return err
		}
	}
	t, err := template.New(r.Engine).Funcs(template.FuncMap{
		"quote": strconv.Quote,
		"shell": func(s string) string { return plan.QuoteArgs([]string{s}) },
	}).Parse(text)
	if err != nil {
		return fmt.Errorf("read the recipe: %w", err)
	}
	if err := t.Execute(w, j); err != nil {
		return fmt.Errorf("write the recipe: %w", err)
	}
	return nil
}

// deadline is how long all may take, in seconds: what is planned, and time to meet and to end.
func deadline(p plan.Plan) int {
	planned := p.Warmup + max(p.D, p.Scheduled()) + p.Drain + p.Shard.Timeout
	return int((planned + 5*time.Minute).Seconds())
}

// fileFlags are those that name a file that is read; before some there is more.
var fileFlags = map[string]bool{
	"f": true, "protoset": true, "feed": true, "data": true, "expect": true,
	"service-config": true, "cacert": true, "cert": true, "key": true,
}

// pack puts what the run reads into the manifest, and has the flags name it there.
func (j *job) pack() error {
	token := make([]byte, 16)
	_, _ = rand.Read(token) // never fails, by its documentation
	j.Token = base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(token)))
	for i := 0; i < len(j.Args); i++ {
		flag, value, joined := strings.Cut(j.Args[i], "=")
		name := strings.TrimLeft(flag, "-")
		if !strings.HasPrefix(flag, "-") {
			j.Argv = append(j.Argv, j.Args[i])
			continue
		}
		if !fileFlags[name] && name != "H" && name != "proto" && name != "I" && name != "o" {
			j.Argv = append(j.Argv, j.Args[i])
			continue
		}
		if !joined {
			i++
			if i == len(j.Args) {
				return errors.New("-" + name + " has no value")
			}
			value = j.Args[i]
		}
		switch name {
		case "proto", "I":
			return errors.New("-proto: a manifest carries no folders of .proto files; make a descriptor set of them " +
				"(buf build -o set.binpb, or protoc --include_imports -o set.binpb) and give -protoset")
		case "o":
			return errors.New("-o: in a pod results are below /results")
		case "H":
			j.secret(value)
		default:
			var err error
			if value, err = j.carry(name, value); err != nil {
				return err
			}
		}
		j.Argv = append(j.Argv, "-"+name, value)
	}
	return nil
}

// carry puts the file that a flag's value names among those of the manifest, and returns the value that names it there.
func (j *job) carry(name, value string) (string, error) {
	before, path, after := "", value, ""
	switch name {
	case "data", "expect", "service-config":
		if !strings.HasPrefix(value, "@") {
			return value, nil
		}
		before, path = "@", value[1:]
	case "feed":
		if key, rest, named := strings.Cut(value, "="); named {
			before, path = key+"=", rest
		}
		if file, order, ordered := strings.Cut(path, ","); ordered {
			path, after = file, ","+order
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("-%s: %w", name, err)
	}
	key := filepath.Base(path)
	for n := 2; slices.ContainsFunc(j.Files, func(f file) bool { return f.Name == key }); n++ {
		key = fmt.Sprintf("%d-%s", n, filepath.Base(path))
	}
	j.Files = append(j.Files, file{key, base64.StdEncoding.EncodeToString(content)})
	if name == "f" { // what the scenario reads lies beside it
		for _, feed := range j.Plan.Feeds {
			f := plan.ParseFeed(feed)
			beside, err := os.ReadFile(f.File)
			if err != nil {
				return "", fmt.Errorf("-f: %w", err)
			}
			if filepath.Dir(f.File) != filepath.Dir(path) {
				return "", fmt.Errorf("-f: the feed %s does not lie beside the scenario, as it is to in a manifest",
					f.File)
			}
			j.Files = append(j.Files, file{filepath.Base(f.File), base64.StdEncoding.EncodeToString(beside)})
		}
	}
	return before + "/config/" + key + after, nil
}

// secret passes on what metadata take from the environment.
func (j *job) secret(value string) {
	_, name, ok := strings.Cut(value, "$")
	if !ok || strings.HasPrefix(name, "{") {
		return
	}
	if text, there := os.LookupEnv(name); there {
		j.Env = append(j.Env, variable{name, base64.StdEncoding.EncodeToString([]byte(text))})
	}
}
