package grpcbench_test

import (
	"testing"

	"grpcbench/bench"
)

// Benchmark makes `go test -bench ./bench`, typed at the root, run the suite:
// Go reads ./bench as a pattern, any benchmark with a part named bench.
func Benchmark(b *testing.B) { b.Run("bench", bench.Suite) }
