package run_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport/grpcconn"
	_ "grpcbench/loadgen/transport/grpcconn/ecosystem"
	"grpcbench/server/interceptor"
	_ "grpcbench/server/interceptor/ecosystem"
)

// What the command line takes is what can be built: plan must import neither a transport nor the server, so the names
// stand in both.
func TestInterceptorNamesAgree(t *testing.T) {
	own, err := interceptor.Parse("all")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what          string
		built, listed []string
	}{
		{"of loadgen", grpcconn.Names, plan.ClientInterceptors},
		{"of the target", own, plan.OwnInterceptors},
		{"of others", interceptor.Registered(), plan.EcosystemInterceptors},
	} {
		if diff := cmp.Diff(tt.built, tt.listed); diff != "" {
			t.Errorf("interceptors %s (-built +plan):\n%s", tt.what, diff)
		}
	}
	for _, name := range grpcconn.Registered() {
		if !slices.Contains(plan.EcosystemInterceptors, name) {
			t.Errorf("the client's %s is not among those that overhead measures", name)
		}
	}
}
