package result

import (
	"fmt"
	"slices"
	"strings"

	"grpcbench/loadgen/plan"
)

// Load says what load the run made, as the part of its command line that does: runs that share it repeat each other. To
// whom, how long, and what became of it are left out.
func (d *Document) Load() string {
	p := d.Plan
	args := []string{p.RPC}
	if p.File != "" {
		args = []string{"-f", p.File}
	}
	add := func(flag, value string, usual ...string) {
		if value != "" && !slices.Contains(usual, value) {
			args = append(args, "-"+flag, value)
		}
	}
	text := func(v any) string { return fmt.Sprint(v) }
	add("arrival", p.Arrival, plan.Uniform)
	add("c", text(p.Workers), "50")
	add("client-interceptors", strings.Join(p.ClientInterceptors, ","), "requestid")
	add("conns", text(p.Conns), "1")
	add("data", p.Data)
	add("expect", p.Expect)
	add("expect-code", p.ExpectCode)
	for _, feed := range p.Feeds {
		if p.File == "" { // which names its own
			add("feed", feed)
		}
	}
	add("http-method", p.HTTPMethod, "GET") // which runs had of themselves once
	add("http-rule", text(p.HTTPRule), "0")
	add("interval", text(p.Interval), "0s")
	add("message-rate", text(p.MessageRate), "0")
	if unary := d.Kind == "unary" || d.Kind == "" && p.Messages == 1; !unary {
		add("messages", text(p.Messages), "100")
	}
	add("rate", text(p.Rate), "0")
	add("receive", text(p.Receive), "0")
	add("receive-for", text(p.ReceiveFor), "0s")
	add("size", text(p.Size), "0")
	add("stages", p.Stages)
	add("stream", p.Turns)
	add("transport", p.Transport, "grpc")
	if len(p.ClientInterceptors) == 0 && p.Transport == "grpc" {
		args = append(args, "-client-interceptors", "none")
	}
	return plan.QuoteArgs(args)
}
