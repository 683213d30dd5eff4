package flags

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport"
	"grpcbench/server/flagset"
)

// Call is one RPC by hand.
type Call struct {
	plan.Plan
	// HasData says that there is -data, else streams read stdin.
	HasData bool
	// HasTimeout says that there is -timeout, else streams, which may be a chat, have no deadline.
	HasTimeout bool
}

// callTarget is the embedded target's chain for a call by hand: no timeout, for a person types slowly.
var callTarget = []string{"-interceptors=recovery,requestid"}

// ReadCall reads the command line of `loadgen call`. Errors are as for [Run].
func ReadCall(args []string, usage io.Writer) (Call, error) {
	var c Call
	p, fs, problems := read("call", args, func(fs *flag.FlagSet, p *plan.Plan) {
		common(fs, p)
		fs.StringVar(&p.Data, "data", "", "request as `JSON`, @FILE or @-; without it, a stream takes one message "+
			"per line of stdin, until a line quit")
	})
	if isHelp(problems) {
		printUsage(usage, "loadgen call -rpc NAME [-data JSON] [flags]", fs)
		return c, flag.ErrHelp
	}
	set := givenFlags(fs)
	c.Plan, c.HasData = p, set["data"]
	c.Transport = transport.GRPC
	resolveTLS(&c.Plan, set)
	c.HasTimeout = set["timeout"]
	if c.Embedded() && !set["target"] {
		c.Target = callTarget
	}
	if strings.Contains(c.Addr, ",") {
		problems = append(problems, fmt.Errorf("-addr %s: one call goes to one address", c.Addr))
	}
	problems = append(problems, schemaProblems(&c.Schema, c.Addr)...)
	return c, plan.NewUsageError(append(append(problems, connection(&c.Plan)...), metadataProblems(&c.Plan)...)...)
}

// Describe is what `loadgen list` and `loadgen describe` look at.
type Describe struct {
	plan.Plan
	// Name is of a service, method or type; empty for all services.
	Name string
}

// ReadDescribe reads the command line of `loadgen list` or `loadgen describe`. Errors are as for [Run].
func ReadDescribe(command string, args []string, usage io.Writer) (Describe, error) {
	var d Describe
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	common(fs, &d.Plan)
	names, problems := flagset.ParseArgs(fs, args)
	if isHelp(problems) {
		printUsage(usage,
			"loadgen "+command+" [NAME] [flags]   (without -addr, -proto and -protoset: the target's own)", fs)
		return d, flag.ErrHelp
	}
	d.Transport = transport.GRPC
	problems = append(problems, readFile(&d.Plan, givenFlags(fs))...)
	resolveTLS(&d.Plan, givenFlags(fs))
	switch {
	case len(names) == 1:
		d.Name = names[0]
	case len(names) > 1:
		problems = append(problems, fmt.Errorf("%s: want one name at most", strings.Join(names, " ")))
	case d.RPC != "":
		d.Name = d.RPC
	}
	problems = append(problems, schemaProblems(&d.Schema, d.Addr)...)
	return d, plan.NewUsageError(append(append(problems, connection(&d.Plan)...), metadataProblems(&d.Plan)...)...)
}

// Report is what `loadgen report` reads and writes.
type Report struct {
	Dirs   []string
	Out    string // empty: the standard output
	Format string
}

// ReadReport reads the command line of `loadgen report`. Errors are as for [Run].
func ReadReport(args []string, usage io.Writer) (Report, error) {
	var r Report
	fs := flag.NewFlagSet("report", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&r.Out, "o", "", "`file` to write; default the terminal")
	fs.StringVar(&r.Format, "format", "md", "`html|md|csv|json|text`")
	dirs, problems := flagset.ParseArgs(fs, args)
	r.Dirs = dirs
	if isHelp(problems) {
		printUsage(usage, "loadgen report [DIR...] [flags]   (default DIR: results)", fs)
		return r, flag.ErrHelp
	}
	if err := oneOf("format", r.Format, append([]string{"html"}, plan.Formats...)); err != nil {
		problems = append(problems, err)
	}
	if len(r.Dirs) == 0 {
		r.Dirs = []string{"results"}
	}
	return r, plan.NewUsageError(problems...)
}

// Data is what `loadgen data` shows: the calls From to To of a run.
type Data struct {
	plan.Plan
	From, To uint64
}

// mostShown bounds how many calls' data are shown.
const mostShown = 1_000_000

// ReadDataCommand reads the command line of `loadgen data`, which has a run's flags. Errors are as for [Run].
func ReadDataCommand(args []string, stdin io.Reader, usage io.Writer) (Data, error) {
	var d Data
	seq := "0"
	p, fs, problems := read("data", args, func(fs *flag.FlagSet, p *plan.Plan) {
		common(fs, p)
		load(fs, p)
		fs.StringVar(&seq, "seq", seq, "`number` of the call, or FROM..TO")
	})
	if isHelp(problems) {
		printUsage(usage, "loadgen data -rpc NAME [-data JSON] [-seq FROM..TO] [flags]", fs)
		return d, flag.ErrHelp
	}
	set := givenFlags(fs)
	d.Plan = p
	problems = append(problems, readFile(&d.Plan, set)...)
	resolve(&d.Plan, set)
	problems = append(append(problems, problemsOf(&d.Plan, set)...), readData(&d.Plan, stdin)...)
	from, to, several := strings.Cut(seq, "..")
	var err error
	if d.From, err = strconv.ParseUint(from, 10, 40); err == nil {
		d.To = d.From
		if several {
			d.To, err = strconv.ParseUint(to, 10, 40)
		}
	}
	if err != nil || d.To < d.From || d.To-d.From >= mostShown {
		problems = append(problems, fmt.Errorf("-seq %s: want a number, or FROM..TO of %d at most", seq, mostShown))
	}
	return d, plan.NewUsageError(problems...)
}
