package run_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport/grpcconn"
)

// What the command line takes is what can be built: plan must not import a transport, so the names stand in both.
func TestClientInterceptorNamesAgree(t *testing.T) {
	if diff := cmp.Diff(grpcconn.Names, plan.ClientInterceptors); diff != "" {
		t.Errorf("client interceptors (-grpcconn +plan):\n%s", diff)
	}
}
