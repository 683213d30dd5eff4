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

func TestReadOverhead(t *testing.T) {
	got, err := flags.ReadOverhead(strings.Fields("-interceptors logging,otel -kinds unary -sides server -budget 60s "+
		"-seed 7 -slo overhead(logging)<5us -o dir -q"), io.Discard)
	want := plan.Overhead{
		Interceptors: []string{"logging", "otel"}, Kinds: []string{"unary"}, Sides: []string{"server"},
		Budget: time.Minute, Seed: 7, SLO: "overhead(logging)<5us", Out: "dir", Format: plan.Silent, Quiet: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	all, err := flags.ReadOverhead(nil, io.Discard)
	if err != nil || len(all.Interceptors) != len(plan.OverheadInterceptors) || all.Budget != 2*time.Minute ||
		all.Format != "text" {
		t.Errorf("the defaults are %+v, %v", all, err)
	}
	if _, err := flags.ReadOverhead([]string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

// All that is wrong is named at once.
func TestReadOverheadRefuses(t *testing.T) {
	_, err := flags.ReadOverhead(strings.Fields("-interceptors loging,otel,otel -kinds bidi -sides none -budget 0s "+
		"-slo p99<5ms -format csv stray"), io.Discard)
	if _, ok := errors.AsType[*plan.UsageError](err); !ok {
		t.Fatalf("%v, want a usage error", err)
	}
	for _, says := range []string{
		`unknown "loging", want some of recovery`, "otel named twice", `unknown "bidi"`,
		"-sides: want some of server,client", "-budget 0s", "-slo: objective", `-format "csv"`, `"stray"`,
	} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not in\n%v", says, err)
		}
	}
}
