package flags

import (
	"flag"
	"os"
	"strings"
	"testing"

	"grpcbench/loadgen/plan"
)

// Every flag of a run stands in loadgen's README, with its default.
func TestEveryFlagIsInTheReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // by flag
	for row := range strings.Lines(string(text)) {
		if !strings.HasPrefix(row, "| `-") {
			continue
		}
		row = strings.ReplaceAll(row, `\|`, "/")
		for _, word := range strings.FieldsFunc(strings.SplitN(row, "|", 3)[1],
			func(r rune) bool { return strings.ContainsRune(" `,", r) }) {
			if name, ok := strings.CutPrefix(word, "-"); ok && rows[name] == "" {
				rows[name] = row
			}
		}
	}
	var p plan.Plan
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	common(fs, &p)
	load(fs, &p)
	// What the table says of these depends on the RPC, or is said in other words.
	other := map[string]bool{"messages": true, "o": true, "rpc": true, "http-method": true, "reflect-addr": true}
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage == "" {
			return // it is answered with a hint only
		}
		row, ok := rows[f.Name]
		if !ok {
			t.Errorf("-%s is not in the table", f.Name)
			return
		}
		switch f.DefValue {
		case "", "0", "0s", "false", "-1":
			return
		}
		if cells := strings.Split(row, "|"); !other[f.Name] && !strings.Contains(cells[2], f.DefValue) &&
			!strings.Contains(cells[2], strings.TrimSuffix(f.DefValue, "0s")) {
			t.Errorf("-%s is %s by default, and the table says %q", f.Name, f.DefValue, cells[2])
		}
	})
}
