package flags_test

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
)

func TestReadTimeouts(t *testing.T) {
	got, err := flags.ReadTimeouts(
		strings.Fields("-transports wire,grpc -deadlines 20ms -budget 10s -name x -format json"), io.Discard)
	want := plan.Timeouts{
		Transports: []string{"wire", "grpc"}, Deadlines: []time.Duration{20 * time.Millisecond},
		Budget: 10 * time.Second, Name: "x", Format: "json",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	all, err := flags.ReadTimeouts(nil, io.Discard)
	if err != nil || len(all.Transports) != 3 || len(all.Deadlines) != 2 || all.Budget != time.Minute {
		t.Errorf("the defaults are %+v, %v", all, err)
	}
	if _, err := flags.ReadTimeouts([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: %v", err)
	}
}

func TestReadTimeoutsRefuses(t *testing.T) {
	_, err := flags.ReadTimeouts(
		strings.Fields("-transports http -deadlines 1ms,soon -budget -1s -slo p99<1ms -format html"), io.Discard)
	if _, ok := errors.AsType[*plan.UsageError](err); !ok {
		t.Fatalf("%v, want a usage error", err)
	}
	for _, says := range []string{
		`-transports: unknown "http"`, `-deadlines "1ms"`, `-deadlines "soon"`,
		"-budget -1s", "-slo:", `-format "html"`,
	} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not in\n%v", says, err)
		}
	}
}
