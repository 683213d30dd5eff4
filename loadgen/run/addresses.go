package run

import (
	"context"
	"fmt"
	"net"
	"strings"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/transport"
)

// spread is whom the run's connections go to. A name with several addresses is all of them where there are connections
// for more than one; the name is then what the servers hear, and what their certificates are for.
func (r *run) spread(ctx context.Context) (addrs []string) {
	addrs = strings.Split(r.target.Addr, ",")
	r.authority = r.plan.Authority
	if len(addrs) > 1 || r.plan.Conns < 2 {
		return addrs
	}
	a, err := transport.ParseAddress(addrs[0])
	if err != nil || a.Network != "tcp" || net.ParseIP(a.Host) != nil || a.Host == "" || a.Host == "localhost" {
		return addrs
	}
	ips, err := net.DefaultResolver.LookupHost(ctx, a.Host)
	if err != nil || len(ips) < 2 {
		return addrs // who dials will say what is wrong with the name
	}
	_, port, _ := net.SplitHostPort(a.Dial) // ParseAddress has
	for i := range ips {
		ips[i] = net.JoinHostPort(ips[i], port)
	}
	if r.authority == "" {
		r.authority = a.Authority
	}
	return ips
}

// byAddress is what became of the calls of each address, and what there is to say of it.
func byAddress(p plan.Plan, o engine.Outcome) (all []result.Address, notes []string) {
	var most, least int64
	for i, a := range o.Addresses {
		all = append(all, result.Address{
			Addr: a.Addr, Conns: a.Conns, Reconnects: a.Reconnects,
			Counts: result.AddressCounts{
				Sent: a.Sent, OK: a.OK, Failed: a.Failed, Unfinished: a.Unfinished,
			},
		})
		most = max(most, a.Sent)
		if i == 0 || a.Sent < least {
			least = a.Sent
		}
	}
	if p.Conns%max(len(all), 1) != 0 {
		notes = append(notes, fmt.Sprintf("%d connections cannot be spread evenly over %d addresses", p.Conns,
			len(all)))
	}
	if len(all) > 1 && most > 100 && float64(least) < 0.8*float64(most) {
		notes = append(notes, fmt.Sprintf("the calls are not spread evenly over the addresses: from %d to %d", least,
			most))
	}
	return all, notes
}
