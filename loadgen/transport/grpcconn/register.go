package grpcconn

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// registered are the client interceptors of other packages, in the order in which they were registered.
var registered []registration

type registration struct {
	name  string
	build func(*slog.Logger) (Interceptor, error)
}

// Register makes a client interceptor of another package known by a name. It is called when that package is
// initialised, and not concurrently. It panics where the name is taken.
func Register(name string, build func(*slog.Logger) (Interceptor, error)) {
	if slices.Contains(slices.Concat(Names, Registered()), name) {
		panic(fmt.Sprintf("the name %q of a client interceptor is taken", name))
	}
	registered = append(registered, registration{name, build})
}

// Registered returns the names of the client interceptors of other packages.
func Registered() (names []string) {
	for _, r := range registered {
		names = append(names, r.name)
	}
	return names
}

func buildRegistered(name string, logger *slog.Logger) (Interceptor, error) {
	for _, r := range registered {
		if r.name == name {
			return r.build(logger)
		}
	}
	return Interceptor{}, fmt.Errorf("unknown client interceptor %q: the client interceptors are %s", name,
		strings.Join(slices.Concat(Names, Registered()), ","))
}
