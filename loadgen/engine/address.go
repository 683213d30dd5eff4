package engine

import "grpcbench/loadgen/transport"

// Address is one that calls went to: over how many connections, how often one was made anew in place of a lost one, and
// what became of the measured calls.
type Address struct {
	Addr                         string
	Conns                        int
	Reconnects                   int64
	Sent, OK, Failed, Unfinished int64
}

// addresses sums the connections up by whom they are to. One that there were too few connections for is among them.
func (r *run) addresses() []Address {
	all := make([]Address, len(r.cfg.Addrs))
	for i, addr := range r.cfg.Addrs {
		all[i].Addr = addr
	}
	for i, e := range r.ends {
		a := &all[i%len(r.cfg.Addrs)]
		a.Conns++
		if c, ok := r.conns[i].(transport.Reconnecter); ok {
			a.Reconnects += c.Reconnects()
		}
		a.Sent += e.OK + e.Failed + e.Unfinished // what became of each is known
		a.OK += e.OK
		a.Failed += e.Failed
		a.Unfinished += e.Unfinished
	}
	return all
}
