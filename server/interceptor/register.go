package interceptor

import "fmt"

// Builder makes an interceptor of what a chain's configuration says. The interceptor's Name is filled in by [New].
type Builder func(Config) (Interceptor, error)

// registered are the interceptors of other packages, in the order in which they were registered.
var registered []registration

type registration struct {
	name  string
	build Builder
}

// Register makes an interceptor of another package known by a name, which "all" leaves out. It is called when that
// package is initialised, and not concurrently. It panics where the name is taken.
func Register(name string, build Builder) {
	if isKnown(name) {
		panic(fmt.Sprintf("the name %q of an interceptor is taken", name))
	}
	registered = append(registered, registration{name, build})
}

// Registered returns the names of the interceptors of other packages.
func Registered() (names []string) {
	for _, r := range registered {
		names = append(names, r.name)
	}
	return names
}
