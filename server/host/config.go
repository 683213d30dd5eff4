package host

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"grpcbench/server/flagset"
	"grpcbench/server/interceptor"
)

// UsageError is a command line that cannot be carried out; it names everything wrong with it.
type UsageError struct{ Problems []string }

func (e *UsageError) Error() string { return strings.Join(e.Problems, "\n") }

// config is the target's command line, resolved.
type config struct {
	listen, http string
	chain        interceptor.Config
	serverTime   bool
	outCount     int
	outInterval  time.Duration
	maxUpload    int64
	maxMessage   int64
	maxStreams   uint // per connection; 0 is no limit
	tls          tlsFiles
	busy         time.Duration
	observe      bool
	drain        time.Duration
	// supervised: the flags come from stdin, and its end ends the target.
	supervised bool
}

const (
	aloneChain    = "recovery,requestid,logging,metrics,timeout"
	embeddedChain = "recovery,requestid,metrics,timeout" // a load run does not write a line per call unless asked
)

// CheckFlags says what is wrong with an embedded target's flags: a [*UsageError], or nil.
func CheckFlags(args []string) error {
	_, err := parse(args, true, io.Discard)
	return err
}

// parse reads args. Usage goes to usage, and then the error is flag.ErrHelp;
// any other error is a *UsageError that names every bad flag.
func parse(args []string, embedded bool, usage io.Writer) (config, error) {
	var c config
	var chain, inject string
	listen, httpAddr, defaultChain := ":50051", ":8090", aloneChain
	if env := os.Getenv("LISTEN_ADDR"); env != "" {
		listen = env
	}
	if embedded {
		listen, httpAddr, defaultChain = "127.0.0.1:0", "127.0.0.1:0", embeddedChain
	}
	fs := flag.NewFlagSet("server", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.listen, "listen", listen,
		"gRPC `address`: host:port or unix:path (or the environment's LISTEN_ADDR)")
	fs.StringVar(&c.http, "http", httpAddr, "`address` of the REST gateway, /healthz and /metrics; empty for none")
	fs.StringVar(&chain, "interceptors", defaultChain, "`list` of interceptors, outermost first, or all, or none")
	fs.StringVar(&inject, "inject", "", interceptor.FaultsUsage)
	fs.BoolVar(&c.chain.AllowInject, "allow-inject", false, "let a call order its own faults by x-inject metadata")
	fs.BoolVar(&c.serverTime, "server-time", true, "return the server's own handling time in an ORCA trailer")
	flagset.NumberVar(fs, &c.outCount, "search-out-count", 11, "answers of SearchOut")
	flagset.DurationVar(fs, &c.outInterval, "search-out-interval", 0, "time between answers of SearchOut")
	flagset.SizeVar(fs, &c.maxUpload, "max-upload", 64<<20, "largest CreateRepo upload, a `size`")
	flagset.SizeVar(fs, &c.maxMessage, "max-message", 4<<20, "largest message that is taken, a `size`")
	flagset.NumberVar(fs, &c.maxStreams, "max-streams", 0,
		"calls at a time on one connection (MAX_CONCURRENT_STREAMS); 0 for no limit")
	flagset.DurationVar(fs, &c.chain.UnaryTimeout, "unary-timeout", 300*time.Millisecond,
		"the timeout interceptor's limit for a unary handler")
	flagset.DurationVar(fs, &c.chain.RecvTimeout, "recv-timeout", 500*time.Millisecond,
		"the timeout interceptor's limit for each RecvMsg of a stream")
	fs.StringVar(&c.tls.cert, "tls-cert", "", "PEM `file` of the server's certificate; with -tls-key turns TLS on")
	fs.StringVar(&c.tls.key, "tls-key", "", "PEM `file` of the server's key")
	fs.StringVar(&c.tls.clientCA, "client-ca", "",
		"PEM `file` of the CA that clients' certificates must come from (mTLS)")
	fs.BoolVar(&c.observe, "observe", false,
		"with -supervised, keep what became of each call's deadline and handler for the parent")
	flagset.DurationVar(fs, &c.busy, "busy", 0, "keep a core busy for so long in each call, or for each message a "+
		"stream receives: a known cost, to check measurements of cost with")
	flagset.DurationVar(fs, &c.drain, "drain", 10*time.Second, "on SIGTERM, wait this long for calls in flight")
	fs.BoolVar(&c.supervised, "supervised", false,
		"read the flags from stdin as JSON, and end when stdin does (what loadgen does)")

	problems := flagset.ParseFlags(fs, args)
	for _, p := range problems {
		if errors.Is(p, flag.ErrHelp) {
			fs.SetOutput(usage)
			fmt.Fprintln(usage, "usage: server [flags]   (also: loadgen target [flags])")
			fs.PrintDefaults()
			return c, flag.ErrHelp
		}
	}
	var err error
	if c.chain.Names, err = interceptor.Parse(chain); err != nil {
		problems = append(problems, fmt.Errorf("-interceptors %s: %w", chain, err))
	}
	if c.chain.Faults, err = interceptor.ParseFaults(inject); err != nil {
		problems = append(problems, fmt.Errorf("-inject %s: %w", inject, err))
	}
	problems = append(problems, c.check()...)
	if len(problems) > 0 {
		var e UsageError
		for _, p := range problems {
			e.Problems = append(e.Problems, p.Error())
		}
		return c, &e
	}
	return c, nil
}

func (c *config) check() (problems []error) {
	if (c.tls.cert == "") != (c.tls.key == "") {
		problems = append(problems, errors.New("-tls-cert and -tls-key go together"))
	}
	if c.tls.clientCA != "" && c.tls.cert == "" {
		problems = append(problems, errors.New("-client-ca needs -tls-cert and -tls-key"))
	}
	if c.outCount < 0 {
		problems = append(problems, fmt.Errorf("-search-out-count %d: want 0 or more", c.outCount))
	}
	if c.maxUpload < 0 || c.maxUpload > math.MaxInt32 {
		problems = append(problems, fmt.Errorf(
			"-max-upload %d: want 0 to %d bytes, for the answer tells the size in 32 bits", c.maxUpload, math.MaxInt32))
	}
	if c.maxMessage < 1 || c.maxMessage > math.MaxInt32 {
		problems = append(problems, fmt.Errorf("-max-message %d: want 1 to %d bytes", c.maxMessage, math.MaxInt32))
	}
	if c.maxStreams > math.MaxUint32 {
		problems = append(problems, fmt.Errorf("-max-streams %d: want at most %d", c.maxStreams,
			uint32(math.MaxUint32)))
	}
	for _, d := range []struct {
		flag     string
		value    time.Duration
		positive bool
	}{
		{"search-out-interval", c.outInterval, false},
		{"drain", c.drain, false},
		{"busy", c.busy, false},
		{"unary-timeout", c.chain.UnaryTimeout, true},
		{"recv-timeout", c.chain.RecvTimeout, true},
	} {
		if d.value < 0 || d.positive && d.value == 0 {
			problems = append(problems, fmt.Errorf("-%s %v: want a positive duration", d.flag, d.value))
		}
	}
	return problems
}
