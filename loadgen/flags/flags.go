// Package flags turns a command line into a plan: every setting of a run, resolved, and checked as far as that needs no
// schema. It is the only reader of flags.
package flags

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport"
	"grpcbench/server/flagset"
)

// Run reads the command line of `loadgen run`, and what its flags name: files, and stdin for -data @-. Its errors are
// flag.ErrHelp, once the usage is written to usage, and *UsageError.
func Run(args []string, stdin io.Reader, usage io.Writer) (plan.Plan, error) {
	p, fs, problems := read("run", args, func(fs *flag.FlagSet, p *plan.Plan) { common(fs, p); load(fs, p) })
	if isHelp(problems) {
		printUsage(usage, "loadgen [run] -rpc NAME [flags]", fs)
		return p, flag.ErrHelp
	}
	err := complete(&p, givenFlags(fs), problems, stdin)
	return p, err
}

// complete makes a plan of what the flags say: what they name is read, what depends on others filled in, and all of it
// checked. The problems so far are told with its own.
func complete(p *plan.Plan, given map[string]bool, problems []error, stdin io.Reader) error {
	flagsAlone := *p
	resolve(&flagsAlone, given)
	p.Command = again(&flagsAlone) // the file says the rest again
	problems = append(problems, readFile(p, given)...)
	resolve(p, given)
	problems = append(problems, problemsOf(p, given)...)
	return plan.NewUsageError(append(problems, readData(p, stdin)...)...)
}

// read parses args into a new Plan with the flags that define adds.
func read(name string, args []string, define func(*flag.FlagSet, *plan.Plan)) (plan.Plan, *flag.FlagSet, []error) {
	var p plan.Plan
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the caller says what is wrong, all at once
	define(fs, &p)
	problems := flagset.ParseFlags(fs, args)
	return p, fs, problems
}

func isHelp(problems []error) bool {
	return len(problems) > 0 && errors.Is(problems[len(problems)-1], flag.ErrHelp)
}

// common are the flags of every subcommand that makes calls.
func common(fs *flag.FlagSet, p *plan.Plan) {
	fs.StringVar(&p.RPC, "rpc", "", "the RPC `name`: pkg.Service/Method of any service, or a part of it that is one "+
		"alone; loadgen list shows the target's own")
	schemaFlags(fs, &p.Schema)
	fs.StringVar(&p.File, "f", "", "a scenario `file`, YAML or JSON: several methods by weight, and flows of steps, "+
		"in place of -rpc; of what is a flag too the flag wins")
	fs.StringVar(&p.Addr, "addr", "",
		"`address`: host:port, unix:path or dns:///name:port, several with commas; empty starts an embedded target")
	flagset.DurationVar(fs, &p.Timeout, "timeout", 20*time.Second, "deadline of each call")
	flagset.DurationVar(fs, &p.ConnectTimeout, "connect-timeout", 10*time.Second, "longest wait for a connection")
	fs.Var(metadataFlag{&p.Metadata, &p.MetadataTold}, "H", "metadata `'key: value'` of each call; repeatable. A "+
		"value @FILE or $NAME is read from there, and is in no file that is written")
	fs.BoolVar(&p.TLS.On, "tls", false, "connect with TLS")
	fs.StringVar(&p.TLS.CA, "cacert", "", "PEM `file` of the CA to trust; default the system's")
	fs.StringVar(&p.TLS.Cert, "cert", "", "PEM `file` of the client's certificate (mTLS)")
	fs.StringVar(&p.TLS.Key, "key", "", "PEM `file` of the client's key")
	fs.BoolVar(&p.TLS.SkipVerify, "insecure-skip-verify", false, "with TLS, accept any certificate")
	flagset.SizeVar(fs, &p.MaxMessage, "max-message", 4<<20,
		"largest answer that is taken, a `size`; the server has a limit of its own")
	fs.StringVar(&p.Authority, "authority", "", "`name` for the :authority header, and to verify over TLS")
	fs.Var((*fieldsFlag)(&p.Target), "target",
		"`flags` of the embedded target, as in '-interceptors=none -inject=delay=5ms'")
	fs.BoolFunc("insecure", "", func(string) error {
		return errors.New("it means different things to different tools: plaintext is the default here, and -tls " +
			"-insecure-skip-verify accepts any certificate")
	})
}

// load are the flags of a load run.
func load(fs *flag.FlagSet, p *plan.Plan) {
	fs.StringVar(&p.Transport, "transport", transport.GRPC, "how calls travel: `grpc|wire|rest`")
	fs.StringVar(&p.Data, "data", "", "what to send, as `JSON` with slots such as ${seq}, @FILE or @-: a message; "+
		"for streams an array, or messages one after the other, of which the last is sent again and again. Without "+
		"it the empty message, or the RPC's own")
	fs.Var((*eachFlag)(&p.Feeds), "feed", "`FILE[,ORDER]` that ${row.COLUMN} in data draws from, or "+
		"NAME=FILE[,ORDER] for ${NAME.COLUMN}; repeatable. CSV with a header, JSON lines, or messages in their "+
		"lengths; the order is loop, once, random or shuffle")
	fs.StringVar(&p.Expect, "expect", "", "what answers hold, as `JSON` or @FILE; its slots mean what the request "+
		"had. Another answer is a failed call, DATA_LOSS")
	fs.StringVar(&p.ExpectCode, "expect-code", "", "the `code` of a call that succeeds, as NOT_FOUND; default OK")
	fs.StringVar(&p.Turns, "stream", "", "on a bidi stream, who speaks when: `lockstep|free|half`; default lockstep "+
		"for the target's own RPCs, free for others")
	flagset.NumberVar(fs, &p.Receive, "receive", 0,
		"end a server's stream from this side after so many `answers`, as a success; 0 leaves it to the server")
	flagset.DurationVar(fs, &p.ReceiveFor, "receive-for", 0,
		"end a server's stream from this side after so long, as a success")
	fs.StringVar(&p.HTTPMethod, "http-method", "", "with -transport rest, the route's `method`: GET, POST, PUT, "+
		"PATCH or DELETE; without it the first route that fits")
	flagset.NumberVar(fs, &p.HTTPRule, "http-rule", 0, "with -transport rest, the `number` of the route among those "+
		"of the method's google.api.http option, from 1; 0 is the first that fits")
	for _, name := range []string{"c", "concurrency"} {
		flagset.NumberVar(fs, &p.Workers, name, 50, "workers, each with one call in flight")
	}
	flagset.NumberVar(fs, &p.Conns, "conns", 1, "connections that the workers share")
	for _, name := range []string{"d", "duration"} {
		flagset.DurationVar(fs, &p.D, name, 10*time.Second, "measured time")
	}
	for _, name := range []string{"n", "total"} {
		flagset.NumberVar(fs, &p.Total, name, 0, "measured calls; with -n alone there is no -d")
	}
	flagset.NumberVar(fs, &p.Rate, "rate", 0,
		"calls per second, all workers together: an open loop; 0 is a closed loop")
	fs.StringVar(&p.Arrival, "arrival", plan.Uniform, "open loop: `uniform|poisson`")
	fs.StringVar(&p.Stages, "stages", "",
		"open loop in `stages`: 10s:100,30s:100..1000 is a step, then a ramp; it sets the duration")
	flagset.NumberVar(fs, &p.Seed, "seed", 1, "of random data and of -arrival poisson: the same seed gives the same")
	fs.BoolVar(&p.Spin, "spin", false, "open loop: spin for the last 60 us of a wait; precise, and takes a core")
	flagset.DurationVar(fs, &p.Warmup, "warmup", time.Second,
		"load before the measured time, not recorded; none with -messages 0")
	flagset.DurationVar(fs, &p.Drain, "drain", 5*time.Second,
		"at the end, wait this long for calls in flight; the rest count as unfinished")
	flagset.NumberVar(fs, &p.Messages, "messages", plan.ByData,
		"messages a client's stream carries, 0 until the run ends; by default as many as -data has, 100 of the "+
			"target's own")
	flagset.DurationVar(fs, &p.Interval, "interval", 0, "least time between two messages of a stream")
	flagset.NumberVar(fs, &p.MessageRate, "message-rate", 0,
		"messages per second that clients' streams send, all together, at intended times")
	flagset.SizeVar(fs, &p.Size, "size", 0, "payload of a message, a `size`; 0 is the RPC's own")
	fs.BoolVar(&p.Gzip, "gzip", false, "compress what is sent; over rest a gateway would not understand it")
	flagset.DurationVar(fs, &p.Keepalive, "keepalive", 0, "ask a server that was silent for so long whether it is "+
		"there, and give its connection up where it is silent for as long again; 0 never asks")
	fs.StringVar(&p.ServiceConfig, "service-config", "",
		"over grpc, grpc-go's service config: `JSON` or @FILE, for retries, hedging, load balancing")
	fs.BoolVar(&p.PerWorker, "per-worker", false, "keep a histogram of each worker too, in latency.hlog")
	p.ClientInterceptors = []string{"requestid"}
	fs.Var((*listFlag)(&p.ClientInterceptors), "client-interceptors",
		"`list` of requestid, metrics, logging, outermost first; or none")
	fs.StringVar(&p.Metrics, "metrics", "", "serve the run's own figures to Prometheus at `address`/metrics while it "+
		"lasts, as 127.0.0.1:9095, or :9095 for all to see")
	fs.StringVar(&p.OTLP, "otlp", "",
		"send traces of calls to the OpenTelemetry collector at `host:port` (OTLP over gRPC, plaintext)")
	flagset.NumberVar(fs, &p.TraceRatio, "trace-ratio", 0.01,
		"with -otlp, the share of calls that are sampled; the others' traceparent tells the server not to")
	fs.StringVar(&p.SLO, "slo", "",
		"`limits` to keep, as in 'p99<10ms,p99.9(service)<50ms,errors<0.1%,achieved>99%'; missed is exit code 3")
	fs.StringVar(&p.AbortOn, "abort-on", "",
		"`limits` that end the run once they are passed, as in 'errors>20%,p99>5s'; exit code 3")
	shardFlags(fs, &p.Shard)
	outFlags(fs, &p.Out, &p.Force, "default results/<utc>-<rpc>")
	fs.StringVar(&p.Name, "name", "", "a `label` for the run")
	fs.StringVar(&p.Format, "format", "text", "what goes to the terminal at the end: `text|json|md|csv`")
	fs.BoolVar(&p.Quiet, "q", false, "write nothing but errors and, with -format, the result")
}

// outFlags say where files go.
func outFlags(fs *flag.FlagSet, out *string, force *bool, name string) {
	fs.StringVar(out, "o", "", "`folder` of the files, %t in it is the time; "+name)
	fs.BoolVar(force, "force", false, "replace what an earlier run wrote to -o")
}

// givenFlags are the names of the flags on the command line, short forms by their long names' settings.
func givenFlags(fs *flag.FlagSet) map[string]bool {
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) {
		set[f.Name] = true
		if long, ok := map[string]string{"c": "concurrency", "d": "duration", "n": "total"}[f.Name]; ok {
			set[long] = true
		}
	})
	return set
}

// printUsage lists the flags of fs.
func printUsage(w io.Writer, line string, fs *flag.FlagSet) {
	fmt.Fprintf(w, "usage: %s\n\n", line)
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage == "" {
			return // answered with a hint only
		}
		arg, text := flag.UnquoteUsage(f)
		head := strings.TrimSpace("-" + f.Name + " " + arg)
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "false" &&
			f.DefValue != strconv.Itoa(plan.ByData) {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %-28s %s\n", head, text)
	})
}

// listFlag is a comma-separated list, or none.
type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, ",") }

func (l *listFlag) Set(s string) error {
	*l = nil
	if s != "" && s != "none" {
		*l = strings.Split(s, ",")
	}
	return nil
}

// fieldsFlag is a command line of its own.
type fieldsFlag []string

func (f *fieldsFlag) String() string { return plan.QuoteArgs(*f) }

// Set splits the line as a shell does: at blanks, but not within quotes; a backslash takes the next character as it is.
func (f *fieldsFlag) Set(s string) error {
	*f = nil
	var word strings.Builder
	begun, quote := false, rune(0)
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, begun = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && unicode.IsSpace(r):
			if begun {
				*f = append(*f, word.String())
				word.Reset()
			}
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quote != 0 || escaped {
		return fmt.Errorf("a quote without its end in %s", s)
	}
	if begun {
		*f = append(*f, word.String())
	}
	return nil
}
