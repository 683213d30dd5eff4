package service

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// NewHealth returns grpc's standard health service, SERVING for the empty name
// and for each service registered on s so far. Its Shutdown turns all of them
// to NOT_SERVING; a name it does not know is NOT_FOUND.
func NewHealth(s *grpc.Server) *health.Server {
	h := health.NewServer()
	for name := range s.GetServiceInfo() {
		h.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	return h
}
