package main

import (
	"strings"
	"testing"

	"grpcbench/loadgen/scenario"
)

func TestListOwn(t *testing.T) {
	var b strings.Builder
	if err := listOwn(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	all := scenario.All()
	if len(lines) != len(all)+1 {
		t.Fatalf("%d lines for %d RPCs and a head:\n%s", len(lines), len(all), b.String())
	}
	method := strings.Index(lines[0], "method")
	for i, d := range all {
		line := lines[i+1]
		for _, want := range []string{d.Kind.String(), strings.Join(d.Transports(), ","), d.About} {
			if !strings.HasPrefix(line, d.Name+" ") || !strings.Contains(line, want) ||
				!strings.HasPrefix(line[method:], d.Method) {
				t.Errorf("%q does not show %s with %q, its method below the head", line, d.Name, want)
			}
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("%q ends in spaces", line)
		}
	}
}
