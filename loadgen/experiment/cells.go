package experiment

import (
	"slices"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// The behaviours of a server.
const (
	honours     = "honours"
	ignores     = "ignores"
	interceptor = "timeout interceptor"
	recvTimeout = "RecvMsg timeout"
)

// cell is one combination of the matrix.
type cell struct {
	transport, kind, behaviour string
	rpc                        string
	deadline, delay            time.Duration
	extra                      []string // flags of the server
}

// late says whether the cell's calls come to their deadline.
func (c cell) late() bool { return c.delay > c.deadline || c.behaviour == recvTimeout }

// caller is the caller's own deadline: far away where the server's is measured.
func (c cell) caller() time.Duration {
	if c.behaviour == interceptor || c.behaviour == recvTimeout {
		return 20*c.deadline + time.Second
	}
	return c.deadline
}

// longest is how long a call or its handler can take.
func (c cell) longest() time.Duration { return max(c.deadline, c.delay) }

// kinds of calls by the RPC that stands for them.
var kinds = []struct{ name, rpc string }{
	{"unary", "Search"}, {"client stream", "SearchIn"}, {"server stream", "SearchOut"}, {"bidi", "SearchIO"},
}

// cells are the whole matrix: over each transport and kind, calls that are in time, calls that are late at a server
// that honours its context and at one that does not, and the two limits that the server has of its own.
func cells(p plan.Timeouts) (all []cell) {
	for _, name := range p.Transports {
		for _, kind := range kinds {
			def, err := scenario.Find(kind.rpc)
			if err != nil || !slices.Contains(def.Transports(), name) {
				continue
			}
			for _, d := range p.Deadlines {
				c := cell{transport: name, kind: kind.name, rpc: kind.rpc, deadline: d}
				for _, b := range []struct {
					behaviour string
					delay     time.Duration
				}{{honours, d / 5}, {honours, 3 * d}, {ignores, 3 * d}, {interceptor, 3 * d}, {recvTimeout, 0}} {
					streams := def.Kind&transport.ClientStream != 0
					if b.behaviour == interceptor && def.Kind != transport.Unary || b.behaviour == recvTimeout &&
						!streams {
						continue // it bounds unary handlers alone, or messages that a client sends
					}
					c.behaviour, c.delay = b.behaviour, b.delay
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// flags are those of the server for a cell.
func (c cell) flags() []string {
	flags := []string{"-interceptors=recovery,requestid", "-allow-inject", "-observe"}
	if c.behaviour == interceptor || c.behaviour == recvTimeout {
		flags[0] += ",timeout"
		flags = append(flags, "-unary-timeout="+c.deadline.String(), "-recv-timeout="+c.deadline.String())
	}
	return append(flags, c.extra...)
}

// options are those of its calls.
func (c cell) options() scenario.Options {
	o := scenario.Options{Transport: c.transport, HTTPMethod: "GET", Messages: 2, Timeout: c.caller()}
	if c.behaviour == recvTimeout {
		o.Interval = 4 * c.deadline // it is silent for too long
	}
	if c.delay == 0 {
		return o
	}
	faults := "delay=" + c.delay.String()
	if c.behaviour == ignores || c.behaviour == interceptor {
		faults += ",deaf"
	}
	o.Metadata = []string{contract.InjectKey, faults}
	return o
}
