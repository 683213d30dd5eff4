package bench_test

import (
	"testing"

	"grpcbench/bench"
)

func Benchmark(b *testing.B) { bench.Suite(b) }
