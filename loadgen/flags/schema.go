package flags

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport"
)

// schemaFlags say where methods and types come from.
func schemaFlags(fs *flag.FlagSet, s *plan.Schema) {
	fs.Var((*eachFlag)(&s.Protos), "proto",
		"`.proto` file of the service; repeatable. Without -proto and -protoset the server is asked, by reflection")
	fs.Var((*eachFlag)(&s.Imports), "I", "`folder` of .proto files and their imports, or PREFIX=DIR; repeatable")
	fs.Var((*eachFlag)(&s.Sets), "protoset",
		"`file` of a descriptor set (protoc --include_imports --descriptor_set_out, buf build -o); repeatable")
	fs.StringVar(&s.ReflectAddr, "reflect-addr", "", "`address` to ask by reflection, where that is another")
}

// eachFlag is a list that takes a value each time.
type eachFlag []string

func (e *eachFlag) String() string { return strings.Join(*e, ",") }

func (e *eachFlag) Set(s string) error {
	if s == "" {
		return errors.New("want a name")
	}
	*e = append(*e, s)
	return nil
}

// schemaProblems are those of a schema's flags.
func schemaProblems(s *plan.Schema, addr string) (all []error) {
	if len(s.Imports) > 0 && len(s.Protos) == 0 {
		all = append(all, fmt.Errorf("-I %s: it is for -proto, which is not there", strings.Join(s.Imports, ", ")))
	}
	if s.ReflectAddr != "" {
		if _, err := transport.ParseAddress(s.ReflectAddr); err != nil {
			all = append(all, fmt.Errorf("-reflect-addr %s: %w", s.ReflectAddr, err))
		}
		if addr == "" {
			all = append(all, errors.New("-reflect-addr: without -addr the target is the own one"))
		}
	}
	return all
}

// turnProblems checks -stream, -receive and -receive-for.
func turnProblems(p *plan.Plan) (all []error) {
	if p.Turns != "" && !slices.Contains(transport.TurnsNames, p.Turns) {
		all = append(all, oneOf("stream", p.Turns, transport.TurnsNames))
	}
	if p.Receive < 0 {
		all = append(all, fmt.Errorf("-receive %d: want 0 or more", p.Receive))
	}
	if p.ReceiveFor < 0 {
		all = append(all, fmt.Errorf("-receive-for %v: want a positive duration", p.ReceiveFor))
	}
	return all
}
