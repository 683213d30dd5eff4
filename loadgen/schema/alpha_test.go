package schema_test

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

// registerAlpha registers reflection of the old version alone.
func registerAlpha(s *grpc.Server) {
	// many servers have no other
	alpha.RegisterServerReflectionServer(s,
		reflection.NewServer(reflection.ServerOptions{Services: s})) //nolint:staticcheck
}
