package plan_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"grpcbench/loadgen/plan"
)

// What a shell makes of a line are the arguments that it was written from.
func TestLineIsReadByAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	lines := [][]string{
		{""},
		{"", " ", "a b"},
		{"'", "''", "a'b'c", `'\''`},
		{`"`, "$HOME", "$(echo x)", "`echo x`", `\`, `\n`},
		{"*", "?", "[a]", "{a,b}", "~", "!", "#x", "a#b"},
		{"a;b", "a&b", "a|b", "<a", ">b", "(", ")"},
		{"\t", "a\nb", "\n", "ü", "\x01\xff", "%s", "%"},
		{"A=b", "-a=b", "--", "-", "a@b+c", "a,b:c/d.e_f"},
	}
	var every []string // character of ASCII that an argument may have
	for c := rune(1); c < 128; c++ {
		every = append(every, "a"+string(c)+"b")
	}
	lines = append(lines, every)
	for _, want := range lines {
		// Each argument with a byte behind it that none has: a line break may be part of one.
		out, err := exec.CommandContext(t.Context(), sh, "-c", `printf '%s\001\002' `+plan.QuoteArgs(want)).Output()
		got := strings.Split(strings.TrimSuffix(string(out), "\x01\x02"), "\x01\x02")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is written %s, which a shell reads as %q (%v)", want, plan.QuoteArgs(want), got, err)
		}
	}
}

// A line is easy to read where nothing needs quotes.
func TestLine(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{
			[]string{"loadgen", "-rpc", "Search", "-stages", "10s:100,30s:100..1000"},
			"loadgen -rpc Search -stages 10s:100,30s:100..1000",
		},
		{[]string{"-slo", "p99<10ms"}, "-slo 'p99<10ms'"},
		{[]string{"-name", "it's", ""}, `-name 'it'\''s' ''`},
	} {
		if got := plan.QuoteArgs(tt.args); got != tt.want {
			t.Errorf("%q is written %s, want %s", tt.args, got, tt.want)
		}
	}
}
