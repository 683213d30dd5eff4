package plan

import (
	"flag"
	"io"
	"slices"
	"strings"

	"grpcbench/loadgen/scenario"
)

// Again is the command line that makes the same run once more: its flags, but
// for those that say where the result goes.
func (p Plan) Again() []string {
	return append([]string{"loadgen"}, p.args(func(string) bool { return true })...)
}

// loadFlags say what load is made; the others, to whom, how long, and what becomes of it.
var loadFlags = []string{
	"transport", "http-method", "http-rule", "data", "stream", "receive", "receive-for", "c", "conns", "rate", "arrival", "stages", "messages", "interval", "message-rate", "size", "client-interceptors",
}

// Load is the part of the command line that says what load is made: runs that share it repeat each other.
func (p Plan) Load() string {
	args := p.args(func(name string) bool { return slices.Contains(loadFlags, name) })
	return Line(args[1:])
}

// args are the flags that are not at their defaults, -rpc first, and of those the ones to keep.
func (p Plan) args(keep func(name string) bool) []string {
	var q Plan
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	common(fs, &q)
	load(fs, &q)
	defaults := q
	q = p // the flags now tell p's values
	args := []string{"-rpc", p.RPC}
	fs.VisitAll(func(f *flag.Flag) {
		if !keep(f.Name) {
			return
		}
		value := f.Value.String()
		switch f.Name {
		case "rpc", "o", "force", "q", "format", "concurrency", "duration", "total", "insecure":
			return
		case "H":
			for i := 0; i+1 < len(p.MetadataTold); i += 2 {
				args = append(args, "-H", p.MetadataTold[i]+": "+p.MetadataTold[i+1])
			}
			return
		case "proto", "I", "protoset":
			for _, v := range map[string][]string{"proto": p.Schema.Protos, "I": p.Schema.Imports, "protoset": p.Schema.Sets}[f.Name] {
				args = append(args, "-"+f.Name, v)
			}
			return
		case "target":
			if len(p.Target) > 0 {
				args = append(args, "-target", Line(p.Target))
			}
			return
		case "messages":
			if d, err := scenario.Find(p.RPC); err == nil && p.Own() && !d.Streams() || p.Messages == ByData {
				return
			}
		case "client-interceptors":
			if slices.Equal(p.ClientInterceptors, defaults.ClientInterceptors) || p.Transport != defaults.Transport && len(p.ClientInterceptors) == 0 {
				return
			}
			if value == "" {
				value = "none"
			}
		case "http-method":
			if p.HTTPMethod == "" || p.HTTPMethod == defaults.HTTPMethod {
				return
			}
		case "max-message":
			if p.MaxMessage == 0 { // of a run that was made before there was a choice
				return
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
		if value == f.DefValue && !p.dependent(f.Name) {
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
func (p Plan) dependent(name string) bool {
	switch name {
	case "d":
		return p.Total > 0
	case "timeout", "warmup":
		return p.Messages == 0
	default:
		return false
	}
}

// Line writes arguments as a shell reads them.
func Line(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=%@+") != "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}
