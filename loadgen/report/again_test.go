package report_test

import (
	"strings"
	"testing"
)

// The command that makes a run again is the command, whatever its label holds: nothing is escaped that a shell reads,
// and no fence ends early.
func TestMarkdownCommandIsTheCommand(t *testing.T) {
	for _, tt := range []struct{ reason, name, want string }{
		{"quotes and markup", "it's <b>", `-name 'it'\''s <b>'`},
		{"an ampersand", "a & b", "-name 'a & b'"},
		{"a fence of its own", "```` x", "-name '```` x'"},
	} {
		d := unary()
		d.Plan.Command = []string{"loadgen", "-rpc", "Search", "-name", tt.name}
		text := string(shown(t, "md", d))
		_, after, _ := strings.Cut(text, "To run it again:\n\n")
		head, rest, _ := strings.Cut(after, "sh\n")
		command, _, closed := strings.Cut(rest, "\n"+head+"\n")
		if strings.Trim(head, "`") != "" || !closed || !strings.Contains(command, tt.want) ||
			strings.Contains(command, "\n") {
			t.Errorf("%s: the command is %q in a fence %q, want one line with %s", tt.reason, command, head, tt.want)
		}
	}
}
