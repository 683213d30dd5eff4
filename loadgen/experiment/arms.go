package experiment

import (
	"slices"
	"strings"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/transport/grpcconn"
)

// Busy is the known cost of the control, in nanoseconds.
const Busy = 2000

// subject is what a cost is of: a difference to the bare arm of its side.
type subject struct {
	result.Subject
	target []string // flags of its server
	client []string // client interceptors
}

// bare is what the others are compared to.
func bare(side string) subject {
	return subject{Subject: result.Subject{Name: "none", Group: "bare", Side: side}, target: noChain}
}

// noChain are the flags of a target with nothing in the way of a call.
var noChain = []string{"-interceptors=none", "-server-time=false"}

// empty is the interceptor that does nothing, which the control is compared to:
// the first of a chain costs something by itself, and that is not the control's.
const empty = "does nothing"

// subjectsOf lists what is measured on a side, of the chosen interceptors: the
// checks, each alone, and the chain as it grows.
func subjectsOf(side string, chosen []string) []subject {
	all := []subject{{Subject: result.Subject{Name: "nothing", Group: "A/A", Side: side}, target: noChain}}
	if side == "client" {
		for _, name := range slices.Concat(grpcconn.Names, grpcconn.Registered()) {
			if slices.Contains(chosen, name) {
				all = append(all, subject{Subject: result.Subject{
					Name: name, Group: "alone", Side: side,
					Chain: []string{name},
				}, target: noChain, client: []string{name}})
			}
		}
		return all
	}
	known := int64(Busy)
	all = append(all,
		subject{
			Subject: result.Subject{Name: empty, Group: "empty", Side: side},
			target:  append(slices.Clone(noChain), "-busy=1ns"),
		},
		subject{
			Subject: result.Subject{
				Name: "busy-wait of 2 µs", Group: "control", Side: side, Over: empty,
				KnownNs: &known,
			},
			target: append(slices.Clone(noChain), "-busy=2us"),
		},
	)
	with := func(group, name string, chain ...string) subject {
		flags := []string{"-interceptors=" + strings.Join(chain, ","), "-server-time=false"}
		if slices.Contains(chain, "inject") {
			flags = append(flags, "-allow-inject") // it looks at each call, and finds nothing to do
		}
		return subject{Subject: result.Subject{Name: name, Group: group, Side: side, Chain: chain}, target: flags}
	}
	var chain []string
	for _, name := range plan.OwnInterceptors {
		if slices.Contains(chosen, name) {
			all = append(all, with("alone", name, name))
			chain = append(chain, name)
		}
	}
	for n := 2; n <= len(chain); n++ {
		all = append(all, with("chain", "+"+chain[n-1], chain[:n]...))
	}
	for _, name := range plan.EcosystemInterceptors {
		if slices.Contains(chosen, name) {
			all = append(all, with("ecosystem", name, name))
		}
	}
	if slices.Contains(chosen, "server-time") {
		all = append(all, subject{
			Subject: result.Subject{Name: "server-time", Group: "alone", Side: side, Chain: []string{"server-time"}},
			target:  []string{"-interceptors=none"},
		})
	}
	return all
}
