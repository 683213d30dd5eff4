package run

import (
	"strings"
	"testing"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/plan"
)

// What is uneven is told, and only that.
func TestNotesOfAddresses(t *testing.T) {
	for _, tt := range []struct {
		reason string
		conns  int
		sent   []int64
		says   []string
	}{
		{"one address", 1, []int64{1000}, nil},
		{"as even as calls are", 2, []int64{1000, 900}, nil},
		{"a slow one of two", 2, []int64{1000, 700}, []string{"from 700 to 1000"}},
		{"too few calls to tell", 2, []int64{10, 1}, nil},
		{
			"three connections to two", 3,
			[]int64{1000, 500},
			[]string{"3 connections cannot be spread evenly over 2", "from 500 to 1000"},
		},
		{
			"an address without a connection", 2,
			[]int64{1000, 1000, 0},
			[]string{"2 connections cannot be spread evenly over 3", "from 0 to 1000"},
		},
	} {
		var o engine.Outcome
		for _, n := range tt.sent {
			o.Addresses = append(o.Addresses, engine.Address{Addr: "x:1", Sent: n, OK: n})
		}
		all, notes := byAddress(plan.Plan{Conns: tt.conns}, o)
		ok := len(notes) == len(tt.says) && len(all) == len(tt.sent)
		for i := range notes {
			ok = ok && i < len(tt.says) && strings.Contains(notes[i], tt.says[i])
		}
		if !ok {
			t.Errorf("%s: %d addresses, notes %q, want %q", tt.reason, len(all), notes, tt.says)
		}
	}
}
