package flags

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport"
)

// resolveServiceConfig reads the service config out of its file, so that the plan says what was used, whatever becomes
// of the file. A file that cannot be read stays named, for serviceConfig to say why.
func resolveServiceConfig(p *plan.Plan) {
	if file, ok := strings.CutPrefix(p.ServiceConfig, "@"); ok {
		if text, err := os.ReadFile(file); err == nil {
			p.ServiceConfig = strings.TrimSpace(string(text))
		}
	}
}

// serviceConfig asks grpc-go, which alone knows, whether it takes the service config.
func serviceConfig(p *plan.Plan) error {
	if p.ServiceConfig == "" {
		return nil
	}
	if p.Transport != transport.GRPC {
		return errors.New("-service-config is grpc-go's: it is for -transport grpc")
	}
	if file, ok := strings.CutPrefix(p.ServiceConfig, "@"); ok {
		if _, err := os.ReadFile(file); err != nil {
			return fmt.Errorf("-service-config: %w", err)
		}
		return fmt.Errorf("-service-config: want JSON, not the name of a further file, %s", file)
	}
	// Nothing is connected to before a call.
	cc, err := grpc.NewClient("passthrough:///check", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(p.ServiceConfig))
	if err != nil {
		return fmt.Errorf("-service-config: %w", err)
	}
	return cc.Close()
}

// leastKeepalive is grpc-go's: it asks no oftener, whatever it is told, and servers hang up on who does.
const leastKeepalive = 10 * time.Second

// keepalive checks how often a silent server is asked.
func keepalive(p *plan.Plan) error {
	switch {
	case p.Keepalive == 0:
		return nil
	case p.Transport == transport.REST:
		return errors.New("-keepalive: HTTP/1.1 has no PING; it is for -transport grpc and wire")
	case p.Keepalive < leastKeepalive:
		return fmt.Errorf("-keepalive %v: want %v or more, for grpc-go and many servers take no less", p.Keepalive,
			leastKeepalive)
	}
	return nil
}
