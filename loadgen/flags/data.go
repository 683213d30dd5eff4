package flags

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"grpcbench/loadgen/plan"
)

// codeNames are those that -expect-code takes: what a call can fail with.
var codeNames = []string{
	"CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED",
}

// dataProblems checks what is sent and expected, as far as that needs no schema.
func dataProblems(p *plan.Plan) (all []error) {
	var names []string
	for _, text := range p.Feeds {
		f := plan.ParseFeed(text)
		switch {
		case f.File == "":
			all = append(all, fmt.Errorf("-feed %s: want FILE[,ORDER] or NAME=FILE[,ORDER]", text))
		case slices.Contains(names, f.Name):
			all = append(all, fmt.Errorf("-feed %s: there is a feed %s already: NAME=FILE names another", text, f.Name))
		case strings.ContainsAny(f.Name, ".:(){}$ "):
			all = append(all, fmt.Errorf("-feed %s: %q cannot be a feed's name", text, f.Name))
		}
		names = append(names, f.Name)
	}
	if p.EndsWithFeed() && p.Warmup > 0 {
		all = append(all, fmt.Errorf("-warmup %v: it would use up rows of a feed that is gone through once", p.Warmup))
	}
	p.ExpectCode = strings.ToUpper(p.ExpectCode)
	switch {
	case p.ExpectCode == "" || p.ExpectCode == "OK":
		p.ExpectCode = ""
	case !slices.Contains(codeNames, p.ExpectCode):
		all = append(all, oneOf("expect-code", p.ExpectCode, codeNames))
	case p.Expect != "":
		all = append(all, errors.New("-expect and -expect-code: a call that is to fail has no answer"))
	}
	return all
}

// readData reads what the plan's -data and -expect stand for.
func readData(p *plan.Plan, stdin io.Reader) (problems []error) {
	for _, d := range []struct {
		flag, value string
		text        *[]byte
	}{{"data", p.Data, &p.DataText}, {"expect", p.Expect, &p.ExpectText}} {
		if d.value == "" {
			continue
		}
		var err error
		if *d.text, err = readText(d.flag, d.value, stdin); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// ReadData reads what -data stands for: itself, @FILE, or @- for stdin.
func ReadData(data string, stdin io.Reader) ([]byte, error) { return readText("data", data, stdin) }

func readText(flag, value string, stdin io.Reader) ([]byte, error) {
	file, ok := strings.CutPrefix(value, "@")
	switch {
	case !ok:
		return []byte(value), nil
	case file == "-":
		text, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("-%s @-: read stdin: %w", flag, err)
		}
		return text, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", flag, err)
	}
	return text, nil
}
