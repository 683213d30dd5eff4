package flags

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/schedule"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/verdict"
)

// resolve fills in what depends on which flags were given.
func resolve(p *plan.Plan, given map[string]bool) {
	if given["total"] && !given["duration"] {
		p.D = 0
	}
	if p.Messages == 0 { // streams as long as the run: nothing of them is warm-up
		if !given["timeout"] {
			p.Timeout = 0
		}
		if !given["warmup"] {
			p.Warmup = 0
		}
	}
	resolveTLS(p, given)
	resolveServiceConfig(p)
	if p.EndsWithFeed() && !given["warmup"] { // its rows are for calls that are measured
		p.Warmup = 0
	}
	if p.OTLP == "" && !given["trace-ratio"] {
		p.TraceRatio = 0
	}
	if stages, err := schedule.ParseStages(p.Stages); err == nil && p.Stages != "" && !given["duration"] {
		p.D = schedule.Length(stages)
	}
	if p.Quiet && !given["format"] {
		p.Format = plan.Silent
	}
	if n := strings.Count(p.Addr, ",") + 1; n > 1 && !given["conns"] {
		p.Conns = min(n, p.Workers) // one to each
	}
	p.HTTPMethod = strings.ToUpper(p.HTTPMethod)
	if p.Transport != transport.GRPC && !given["client-interceptors"] {
		p.ClientInterceptors = nil // they are grpc-go's; the others send the request id themselves
	}
}

// resolveTLS turns TLS on where a flag is about nothing else.
func resolveTLS(p *plan.Plan, given map[string]bool) {
	if given["cacert"] || given["cert"] || given["insecure-skip-verify"] {
		p.TLS.On = true
	}
}

// problemsOf names everything that is wrong with the plan, as far as that can be said before its RPC is known.
func problemsOf(p *plan.Plan, given map[string]bool) (all []error) {
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	for _, flag := range []string{
		"rpc", "data", "expect", "expect-code", "messages", "size", "http-rule",
		"http-method",
	} {
		if p.File != "" && given[flag] {
			wrong("-%s and -f: the file says what is called", flag)
		}
	}
	if p.Messages == 0 && p.Warmup > 0 {
		wrong("-warmup %v: with -messages 0 the streams of the warm-up would last to the end, and nothing be measured",
			p.Warmup)
	}
	all = append(all, limits(p, given)...)
	all = append(all, choices(p, given)...)
	all = append(all, connection(p)...)
	all = append(all, openLoop(p, given)...)
	all = append(all, interchange(p)...)
	all = append(all, metadataProblems(p)...)
	all = append(all, schemaProblems(&p.Schema, p.Addr)...)
	all = append(all, turnProblems(p)...)
	all = append(all, dataProblems(p)...)
	all = append(all, shardProblems(p)...)
	objectives, err := verdict.ParseSLO(p.SLO)
	if err == nil && p.File == "" {
		err = verdict.CheckNames(objectives, nil)
	}
	if err != nil {
		wrong("-slo: %w", err)
	}
	limits, err := verdict.ParseSLO(p.AbortOn)
	if err == nil && p.File == "" {
		err = verdict.CheckNames(limits, nil)
	}
	if err != nil {
		wrong("-abort-on: %w", err)
	}
	return all
}

// interchange checks where the run's figures and traces go.
func interchange(p *plan.Plan) (all []error) {
	for _, f := range []struct {
		name, addr string
		least      uint64 // port 0 is any that is free
	}{{"metrics", p.Metrics, 0}, {"otlp", p.OTLP, 1}} {
		_, port, err := net.SplitHostPort(f.addr)
		if n, portErr := strconv.ParseUint(port, 10, 16); f.addr != "" &&
			(err != nil || portErr != nil || n < f.least) {
			all = append(all, fmt.Errorf("-%s %q: want host:port, such as 127.0.0.1:9095", f.name, f.addr))
		}
	}
	for i := 0; i < len(p.Metadata) && p.OTLP != ""; i += 2 {
		if p.Metadata[i] == requestid.TraceparentKey {
			all = append(all, errors.New("-H traceparent: with -otlp each call has one of its own"))
		}
	}
	switch {
	case !(p.TraceRatio >= 0 && p.TraceRatio <= 1):
		all = append(all, fmt.Errorf("-trace-ratio %v: want a share between 0 and 1", p.TraceRatio))
	case p.OTLP == "" && p.TraceRatio > 0:
		all = append(all, errors.New("-trace-ratio says how many calls -otlp gets, which is not there"))
	}
	return all
}

// connection checks what every subcommand that connects has.
func connection(p *plan.Plan) (all []error) {
	if p.Addr != "" {
		for addr := range strings.SplitSeq(p.Addr, ",") {
			a, err := transport.ParseAddress(addr)
			switch {
			case err != nil:
				all = append(all, fmt.Errorf("-addr %s: %w", addr, err))
			case a.Scheme != "" && p.Transport != transport.GRPC:
				all = append(all, fmt.Errorf("-addr %s: only -transport grpc resolves %s:// addresses", addr, a.Scheme))
			}
		}
	}
	if (p.TLS.Cert == "") != (p.TLS.Key == "") {
		all = append(all, errors.New("-cert and -key go together"))
	}
	if !p.Embedded() && len(p.Target) > 0 {
		all = append(all, fmt.Errorf("-target %q: with -addr no target is started", strings.Join(p.Target, " ")))
	}
	if p.Timeout < 0 {
		all = append(all, fmt.Errorf("-timeout %v: want a positive duration", p.Timeout))
	}
	if p.MaxMessage < 1 || p.MaxMessage > math.MaxInt32 {
		all = append(all, fmt.Errorf("-max-message %d: want 1 to %d bytes", p.MaxMessage, math.MaxInt32))
	}
	if p.ConnectTimeout <= 0 {
		all = append(all, fmt.Errorf("-connect-timeout %v: want a positive duration", p.ConnectTimeout))
	}
	return all
}

// limits checks the numbers.
func limits(p *plan.Plan, given map[string]bool) (all []error) {
	if p.Workers < 1 || p.Workers > requestid.MaxWorkers {
		all = append(all, fmt.Errorf("-c %d: want 1 to %d workers", p.Workers, requestid.MaxWorkers))
	}
	if p.Conns < 1 || p.Conns > max(p.Workers, 1) {
		all = append(all, fmt.Errorf("-conns %d: want 1 to -c connections (%d)", p.Conns, p.Workers))
	}
	for _, n := range []struct {
		flag  string
		value int64
	}{
		{"n", p.Total},
		{"messages", int64(p.Messages)},
	} {
		if n.value < 0 && (n.flag != "messages" || given["messages"]) {
			all = append(all, fmt.Errorf("-%s %d: want 0 or more", n.flag, n.value))
		}
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"d", p.D},
		{"warmup", p.Warmup},
		{"drain", p.Drain},
		{"interval", p.Interval},
	} {
		if d.value < 0 {
			all = append(all, fmt.Errorf("-%s %v: want a positive duration", d.flag, d.value))
		}
	}
	if p.D == 0 && p.Total == 0 {
		all = append(all, errors.New("the run has no end: give -d or -n"))
	}
	return all
}

// openLoop checks what makes calls and messages start on time.
func openLoop(p *plan.Plan, given map[string]bool) (all []error) {
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	for _, r := range []struct {
		flag string
		rate float64
	}{{"rate", p.Rate}, {"message-rate", p.MessageRate}} {
		if _, err := schedule.ParseRate(strconv.FormatFloat(r.rate, 'g', -1, 64)); err != nil {
			wrong("-%s %v: want 0.001 to %.0f per second, or 0", r.flag, r.rate, schedule.MaxRate)
		}
	}
	if p.Stages != "" {
		stages, err := schedule.ParseStages(p.Stages)
		switch {
		case err != nil:
			wrong("-stages: %w", err)
		case given["duration"] && p.D != schedule.Length(stages):
			wrong("-d %v: -stages take %v", p.D, schedule.Length(stages))
		}
		if p.Rate > 0 {
			wrong("-rate and -stages: give one of them")
		}
	}
	if err := oneOf("arrival", p.Arrival, []string{plan.Uniform, plan.Poisson}); err != nil {
		all = append(all, err)
	}
	for _, flag := range []string{"arrival", "spin"} {
		if given[flag] && !p.Open() {
			wrong("-%s is for an open loop: give -rate or -stages", flag)
		}
	}
	if p.MessageRate > 0 && p.Interval > 0 {
		wrong("-message-rate and -interval: give one of them")
	}
	return all
}

// choices checks the words.
func choices(p *plan.Plan, given map[string]bool) (all []error) {
	all = append(all, oneOf("transport", p.Transport, transport.Names))
	if p.Format != plan.Silent {
		all = append(all, oneOf("format", p.Format, plan.Formats))
	}
	if p.Gzip && p.Transport == transport.REST {
		all = append(all, errors.New(
			"-gzip: a gateway does not understand compressed requests; it is for -transport grpc and wire"))
	}
	all = append(all, serviceConfig(p), keepalive(p))
	if p.Out == "-" {
		all = append(all, errors.New(
			"-o -: a run has several files; for the result alone on the terminal, -q -format json"))
	}
	if p.Transport == transport.REST && p.HTTPMethod != "" {
		all = append(all, oneOf("http-method", p.HTTPMethod, plan.HTTPMethods))
	}
	if p.HTTPRule < 0 {
		all = append(all, fmt.Errorf("-http-rule %d: want 1 or more", p.HTTPRule))
	}
	for _, name := range []string{"http-method", "http-rule"} {
		if given[name] && p.Transport != transport.REST {
			all = append(all, fmt.Errorf("-%s is for -transport rest", name))
		}
	}
	if p.Transport != transport.GRPC && len(p.ClientInterceptors) > 0 {
		all = append(all, errors.New("-client-interceptors are for -transport grpc"))
	}
	for i, name := range p.ClientInterceptors {
		if !slices.Contains(plan.ClientInterceptors, name) {
			all = append(all, fmt.Errorf("-client-interceptors: unknown %q, want some of %s", name,
				strings.Join(plan.ClientInterceptors, ",")))
		} else if slices.Contains(p.ClientInterceptors[:i], name) {
			all = append(all, fmt.Errorf("-client-interceptors: %q named twice", name))
		}
	}
	return slices.DeleteFunc(all, func(err error) bool { return err == nil })
}

// oneOf says which values a flag takes.
func oneOf(flag, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("-%s %q: want one of %s", flag, value, strings.Join(known, ", "))
}
