package dial_test

import (
	"testing"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/dial"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/loadgen/transport/rest"
	"grpcbench/loadgen/transport/wire"
)

// Each name is its own transport's, and REST alone goes to the gateway.
func TestNew(t *testing.T) {
	is := map[string]func(transport.Dialer) bool{
		transport.GRPC: func(d transport.Dialer) bool { _, ok := d.(grpcconn.Dialer); return ok },
		transport.Wire: func(d transport.Dialer) bool { _, ok := d.(*wire.Dialer); return ok },
		transport.REST: func(d transport.Dialer) bool { _, ok := d.(rest.Dialer); return ok },
	}
	for _, name := range transport.Names {
		d, http := dial.New(name, dial.Options{})
		if !is[name](d) || http != (name == transport.REST) {
			t.Errorf("%s is a %T, over HTTP: %v", name, d, http)
		}
	}
}
