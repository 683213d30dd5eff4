package plan

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"grpcbench/loadgen/scenario"
	"grpcbench/server/contract"
)

// Call is one RPC by hand.
type Call struct {
	Plan
	// Data is the request as JSON; HasData says that there is one, else streams read stdin.
	Data    string
	HasData bool
}

// callTarget is the embedded target's chain for a call by hand: no timeout, for a person types slowly.
var callTarget = []string{"-interceptors=recovery,requestid"}

// ReadCall reads the command line of `loadgen call`. Errors are as for [Run].
func ReadCall(args []string, usage io.Writer) (Call, error) {
	var c Call
	p, fs, problems := read("call", args, func(fs *flag.FlagSet, p *Plan) {
		common(fs, p)
		fs.StringVar(&c.Data, "data", "", "request as `JSON`; without it, a stream takes one message per line of stdin, until a line quit")
	})
	if help(problems) {
		printUsage(usage, "loadgen call -rpc NAME [-data JSON] [flags]", fs)
		return c, flag.ErrHelp
	}
	set := given(fs)
	c.Plan, c.HasData = p, set["data"]
	c.Transport = scenario.GRPC
	c.resolveTLS(set)
	d, err := c.findRPC()
	if err != nil {
		problems = append(problems, err)
	} else if d.Kind != 0 && !set["timeout"] {
		c.Timeout = 0 // a chat has no deadline
	}
	if c.Embedded() && !set["target"] {
		c.Target = callTarget
	}
	if strings.Contains(c.Addr, ",") {
		problems = append(problems, fmt.Errorf("-addr %s: one call goes to one address", c.Addr))
	}
	return c, Usage(append(append(problems, c.connection()...), c.metadataProblems()...)...)
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
	dirs, problems := contract.ParseArgs(fs, args)
	r.Dirs = dirs
	if help(problems) {
		printUsage(usage, "loadgen report [DIR...] [flags]   (default DIR: results)", fs)
		return r, flag.ErrHelp
	}
	if err := oneOf("format", r.Format, append([]string{"html"}, Formats...)); err != nil {
		problems = append(problems, err)
	}
	if len(r.Dirs) == 0 {
		r.Dirs = []string{"results"}
	}
	return r, Usage(problems...)
}
