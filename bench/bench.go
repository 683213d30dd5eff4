// Package bench is the benchmark suite: the hot paths of load generator and
// target. Names are key=value, for benchstat. It may import anything; nothing
// imports it but its tests and the root's.
package bench

import "testing"

// Suite runs every benchmark.
func Suite(b *testing.B) {
	calls(b)
	parts(b)
	serverInterceptors(b)
	clientInterceptors(b)
}
