package flags

import (
	"errors"
	"flag"
	"io"

	"grpcbench/loadgen/plan"
	"grpcbench/server/flagset"
)

// Merge is what `loadgen merge` reads and writes.
type Merge struct {
	Dirs    []string
	Out     string
	Force   bool
	Partial bool
	Format  string
}

// ReadMerge reads the command line of `loadgen merge`. Errors are as for [Run].
func ReadMerge(args []string, usage io.Writer) (Merge, error) {
	var m Merge
	fs := flag.NewFlagSet("merge", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&m.Out, "o", "", "`folder` of the run of all")
	fs.BoolVar(&m.Force, "force", false, "replace what an earlier run wrote to -o")
	fs.BoolVar(&m.Partial, "partial", false, "merge although shards are missing, or did not make all of their part: "+
		"the result is INVALID, and says how much is lost")
	fs.StringVar(&m.Format, "format", "text", "what goes to the terminal: `text|json|md|csv`")
	dirs, problems := flagset.ParseArgs(fs, args)
	if isHelp(problems) {
		printUsage(usage, "loadgen merge DIR... -o DIR [flags]   (the shards' own folders, or one that holds them)", fs)
		return m, flag.ErrHelp
	}
	m.Dirs = dirs
	if len(dirs) == 0 {
		problems = append(problems, errors.New("merge wants the shards' folders: DIR"))
	}
	if m.Out == "" {
		problems = append(problems, errors.New("-o is missing: where the run of all goes"))
	}
	if err := oneOf("format", m.Format, plan.Formats); err != nil {
		problems = append(problems, err)
	}
	return m, plan.NewUsageError(problems...)
}

// Recipe is what `loadgen shards` prints: how an engine runs Args in so many processes.
type Recipe struct {
	Engine string
	Count  int
	Name   string
	Image  string
	Port   int
	CPU    string
	Memory string
	Args   []string
	Plan   plan.Plan // of Args
}

// Engines are those that there is a recipe for.
var Engines = []string{"kubernetes", "slurm", "parallel"}

// ReadRecipe reads the command line of `loadgen shards`. Errors are as for [Run].
func ReadRecipe(args []string, stdin io.Reader, usage io.Writer) (Recipe, error) {
	r := Recipe{}
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		r.Engine, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet("shards", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	flagset.NumberVar(fs, &r.Count, "n", 0, "how many `processes`")
	fs.StringVar(&r.Name, "name", "loadgen", "`name` of the job")
	fs.StringVar(&r.Image, "image", "grpcbench:latest", "for Kubernetes, the `image`: make image makes one")
	flagset.NumberVar(fs, &r.Port, "port", 7411, "where shard 0 is met")
	fs.StringVar(&r.CPU, "cpu", "1", "for Kubernetes, the cores of each, as `1` or 500m")
	fs.StringVar(&r.Memory, "memory", "512Mi", "for Kubernetes, the memory of each")
	var rest []string
	for i, a := range args {
		if a == "--" {
			args, rest = args[:i], args[i+1:]
			break
		}
	}
	problems := flagset.ParseFlags(fs, args)
	if isHelp(problems) {
		printUsage(usage, "loadgen shards kubernetes|slurm|parallel -n 8 -- RUN FLAGS   (prints what runs it there)",
			fs)
		return r, flag.ErrHelp
	}
	if err := oneOf("", r.Engine, Engines); err != nil {
		problems = append(problems, errors.New("shards wants an engine: kubernetes, slurm or parallel"))
	}
	if r.Count < 1 || r.Count > maxShards {
		problems = append(problems, errors.New("-n is missing: how many processes"))
	}
	r.Args = rest
	if len(rest) == 0 {
		problems = append(problems, errors.New("the run's flags are missing: after --"))
		return r, plan.NewUsageError(problems...)
	}
	p, err := Run(rest, stdin, io.Discard)
	if err != nil {
		problems = append(problems, err)
	}
	if p.Shard.On() {
		problems = append(problems, errors.New("-shard, -run and -meet are the recipe's to say"))
	}
	r.Plan = p
	if p.Embedded() {
		problems = append(problems, errors.New("-addr is missing among the run's flags"))
	}
	if p.Workers < r.Count && r.Count > 0 {
		problems = append(problems, errors.New("-c is of all processes together: it must be -n or more"))
	}
	return r, plan.NewUsageError(problems...)
}
