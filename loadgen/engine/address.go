package engine

// Address is one that calls went to.
type Address struct {
	Addr                   string
	Conns                  int
	OK, Failed, Unfinished int64
}

// addresses sums the connections up by whom they are to.
func (r *run) addresses() []Address {
	all := make([]Address, min(len(r.cfg.Addrs), r.cfg.Conns))
	for i, e := range r.ends {
		a := &all[i%len(r.cfg.Addrs)]
		a.Addr = r.cfg.Addrs[i%len(r.cfg.Addrs)]
		a.Conns++
		a.OK += e.OK
		a.Failed += e.Failed
		a.Unfinished += e.Unfinished
	}
	return all
}
