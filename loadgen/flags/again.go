package flags

import (
	"flag"
	"io"
	"slices"

	"grpcbench/loadgen/plan"
)

// again is the command line that makes the same run once more: its flags that are not at their defaults, -rpc first,
// but for those that say where the result goes.
func again(p *plan.Plan) []string {
	var q plan.Plan
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	common(fs, &q)
	load(fs, &q)
	defaults := q
	q = *p // the flags now tell p's values
	args := []string{"loadgen"}
	if p.File == "" {
		args = append(args, "-rpc", p.RPC)
	}
	fs.VisitAll(func(f *flag.Flag) {
		value := f.Value.String()
		switch f.Name {
		case "shard", "run", "meet", "meet-token", "meet-plaintext", "meet-timeout": // of one process of several
			return
		case "rpc", "o", "force", "q", "format", "concurrency", "duration", "total", "insecure":
			return
		case "H":
			for i := 0; i+1 < len(p.MetadataTold); i += 2 {
				args = append(args, "-H", p.MetadataTold[i]+": "+p.MetadataTold[i+1])
			}
			return
		case "proto", "I", "protoset", "feed":
			for _, v := range map[string][]string{
				"proto": p.Schema.Protos, "I": p.Schema.Imports,
				"protoset": p.Schema.Sets, "feed": p.Feeds,
			}[f.Name] {
				args = append(args, "-"+f.Name, v)
			}
			return
		case "target":
			if len(p.Target) > 0 {
				args = append(args, "-target", plan.QuoteArgs(p.Target))
			}
			return
		case "messages":
			if p.Messages == plan.ByData {
				return
			}
		case "client-interceptors":
			if slices.Equal(p.ClientInterceptors, defaults.ClientInterceptors) || p.Transport != defaults.Transport &&
				len(p.ClientInterceptors) == 0 {
				return
			}
			if value == "" {
				value = "none"
			}
		case "trace-ratio":
			if p.OTLP == "" {
				return
			}
		case "d":
			if p.D == 0 || p.Stages != "" { // the total ends it, or the stages
				return
			}
		}
		if value == f.DefValue && !dependent(p, f.Name) {
			return
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			args = append(args, "-"+f.Name)
			return
		}
		args = append(args, "-"+f.Name, value)
	})
	return args
}

// dependent says that the flag's default is another because of others.
func dependent(p *plan.Plan, name string) bool {
	switch name {
	case "d":
		return p.Total > 0
	case "timeout", "warmup":
		return p.Messages == 0
	default:
		return false
	}
}
