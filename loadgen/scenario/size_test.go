package scenario_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"grpcbench/loadgen/scenario"
	"grpcbench/pb/person"
	"grpcbench/pb/repo"
	"grpcbench/pb/users"
)

// carried is the length of a message's payload.
func carried(t *testing.T, m proto.Message) int {
	t.Helper()
	switch m := m.(type) {
	case *person.PersonReq:
		return len(m.GetName())
	case *repo.RepoCreateRequest:
		return len(m.GetData())
	case *users.UserGetRequest:
		return len(m.GetId())
	case *users.UserHelpRequest:
		return len(m.GetRequest())
	default:
		t.Fatalf("%T carries nothing", m)
		return 0
	}
}

func TestSizeIsCarried(t *testing.T) {
	for _, d := range scenario.All() {
		if !d.Sized {
			continue
		}
		for _, tt := range []struct{ size, want int }{
			{0, d.DefaultSize},
			{d.MinSize, d.MinSize},
			{17, 17},
			{127, 127},
			{128, 128},
			{1 << 10, 1 << 10},
			{1 << 20, 1 << 20},
		} {
			c, _ := makeCall(t, d, options(3, tt.size), 1<<40-1)
			requests := c.requests
			if d.Name == "CreateRepo" {
				requests = requests[1:] // after the context
			}
			for i, m := range requests {
				if got := carried(t, m); got != tt.want {
					t.Errorf("%s -size %d: message %d carries %d bytes, want %d", d.Name, tt.size, i, got, tt.want)
				}
			}
		}
	}
}

// No default is below what an RPC needs, and each passes its own check.
func TestDefaultSizes(t *testing.T) {
	for _, d := range scenario.All() {
		if d.Sized != (d.DefaultSize > 0) || d.DefaultSize < d.MinSize {
			t.Errorf("%s: sized %v, by default %d, at least %d", d.Name, d.Sized, d.DefaultSize, d.MinSize)
		}
		if problems := d.Check(options(1, d.DefaultSize)); len(problems) > 0 {
			t.Errorf("%s: its own default is refused: %v", d.Name, problems)
		}
	}
}

// A call's messages are encoded while the load runs: that may cost no allocation.
func TestAppendAllocatesNothing(t *testing.T) {
	for _, d := range scenario.All() {
		_, src, err := d.Build(options(3, 0))
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, 0, 1<<17)
		if n := testing.AllocsPerRun(100, func() { dst, _ = src.Append(dst[:0], 1, 2) }); n != 0 {
			t.Errorf("%s: %v allocations a message, want none", d.Name, n)
		}
	}
}
