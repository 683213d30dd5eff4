package service_test

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"grpcbench/pb/person"
	"grpcbench/pb/users"
	"grpcbench/server/service"
)

func TestNewHealth(t *testing.T) {
	s := grpc.NewServer()
	person.RegisterSearchServiceServer(s, &service.Person{})
	users.RegisterUsersServer(s, &service.Users{})
	h := service.NewHealth(s)

	const serving, notServing = healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING
	for _, tt := range []struct{ reason, name string }{
		{"the server as a whole", ""},
		{"a service in a package", "person.SearchService"},
		{"a service without a package", "Users"},
	} {
		if got, err := h.Check(t.Context(), &healthpb.HealthCheckRequest{Service: tt.name}); err != nil ||
			got.GetStatus() != serving {
			t.Errorf("%s: Check(%q) = %v, %v, want SERVING", tt.reason, tt.name, got, err)
		}
	}
	for _, tt := range []struct{ reason, name string }{
		{"never registered", "Repo"},
		{"not how a service is spelled", "/person.SearchService/"},
	} {
		_, err := h.Check(t.Context(), &healthpb.HealthCheckRequest{Service: tt.name})
		if got := status.Convert(err); got.Code() != codes.NotFound || got.Message() != "unknown service" {
			t.Errorf("%s: Check(%q): %v, want NotFound: unknown service", tt.reason, tt.name, err)
		}
	}
	h.Shutdown()
	for _, name := range []string{"", "person.SearchService", "Users"} {
		if got, err := h.Check(t.Context(), &healthpb.HealthCheckRequest{Service: name}); err != nil ||
			got.GetStatus() != notServing {
			t.Errorf("after Shutdown: Check(%q) = %v, %v, want NOT_SERVING", name, got, err)
		}
	}
}
