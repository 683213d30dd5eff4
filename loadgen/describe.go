package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/schema"
	"grpcbench/loadgen/transport"
)

// list writes the services and methods of a server, or of files; without either, the target's own RPCs.
func list(ctx context.Context, args []string, stdout io.Writer) error {
	d, err := flags.ReadDescribe("list", args, stdout)
	if err != nil {
		return err
	}
	if d.Embedded() && !d.Schema.Files() {
		return listOwn(stdout)
	}
	s, done, err := run.OpenSchema(ctx, d.Plan, !d.Embedded())
	if err != nil {
		return err
	}
	defer done()
	services, err := s.Services()
	if err != nil {
		return err
	}
	for _, name := range services {
		if d.Name != "" && !strings.Contains(strings.ToLower(name), strings.ToLower(d.Name)) {
			continue
		}
		found, err := s.Find(protoreflect.FullName(name))
		sd, ok := found.(protoreflect.ServiceDescriptor)
		if err != nil || !ok {
			fmt.Fprintf(stdout, "%s: it is listed, and the server's reflection does not describe it\n",
				report.CleanLine(name))
			continue
		}
		for i := range sd.Methods().Len() {
			fmt.Fprintln(stdout, formatSignature(sd.Methods().Get(i)))
		}
	}
	for _, note := range s.Notes() {
		fmt.Fprintln(stdout, "note:", note)
	}
	return nil
}

// listOwn writes the RPCs of the target.
func listOwn(w io.Writer) error {
	rows := [][]string{{"rpc", "kind", "transports", "method", "what it does"}}
	for _, d := range scenario.All() {
		rows = append(rows, []string{d.Name, d.Kind.String(), strings.Join(d.Transports(), ","), d.Method, d.About})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = cell + strings.Repeat(" ", widths[i]-len(cell))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "  "), " ")); err != nil {
			return fmt.Errorf("write the list: %w", err)
		}
	}
	return nil
}

// formatSignature writes a method on one line.
func formatSignature(md protoreflect.MethodDescriptor) string {
	stream := map[bool]string{true: "stream ", false: ""}
	return fmt.Sprintf("%s (%s%s) returns (%s%s)", schema.Name(md), stream[md.IsStreamingClient()],
		md.Input().FullName(), stream[md.IsStreamingServer()], md.Output().FullName())
}

// describe shows a service, method or type as source, with JSON to fill in.
func describe(ctx context.Context, args []string, stdout io.Writer) error {
	d, err := flags.ReadDescribe("describe", args, stdout)
	if err != nil {
		return err
	}
	if d.File != "" {
		return describeFile(ctx, d.Plan, stdout)
	}
	if d.Name == "" {
		return plan.NewUsageError(errors.New(
			"describe wants a name: of a service, a method or a type; loadgen list shows them"))
	}
	found, done, err := findDescriptor(ctx, d)
	if err != nil {
		return err
	}
	defer done()
	text, err := schema.Source(found)
	if err != nil {
		return err
	}
	var template string
	switch found := found.(type) {
	case protoreflect.MethodDescriptor:
		in, inErr := schema.Source(found.Input())
		out, outErr := schema.Source(found.Output())
		if err := errors.Join(inErr, outErr); err != nil {
			return err
		}
		text += "\n" + in + "\n" + out
		text = "// " + schema.Name(found) + "\n" + text
		template = fmt.Sprintf("\n// -rpc %s -data\n%s\n", schema.Name(found), schema.Template(found.Input()))
	case protoreflect.MessageDescriptor:
		template = "\n// as JSON\n" + schema.Template(found) + "\n"
	}
	_, err = io.WriteString(stdout, text+template)
	return err
}

// describeFile says what a run of a scenario file would do: its flows with their shares, and what each step sends.
func describeFile(ctx context.Context, p plan.Plan, stdout io.Writer) error {
	p.Transport, p.Seed, p.Workers, p.Messages = transport.GRPC, 1, 1, plan.ByData
	_, work, err := run.Define(ctx, p, nil)
	if err != nil {
		return err
	}
	defer work.Close()
	var weights float64
	for _, f := range work.Flows {
		weights += f.Weight
	}
	describeStep := func(s scenario.Step) error {
		spec, _, err := s.Build(s.Options)
		if err != nil {
			return err
		}
		sent, err := s.Sent(s.Options)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "  %s (%v)\n", s.Method, spec.Kind)
		for seq := range uint64(2) {
			if sent.Saved || !sent.Varies && seq > 0 {
				break
			}
			line, err := sent.JSON(seq, 0, 0, nil)
			if err != nil {
				return fmt.Errorf("what call %d sends: %w", seq, err)
			}
			fmt.Fprintf(stdout, "    %s\n", line)
		}
		if sent.Saved {
			fmt.Fprintf(stdout, "    %s\n", s.Data)
		}
		for _, name := range slices.Sorted(maps.Keys(s.Save)) {
			fmt.Fprintf(stdout, "    saves %s as ${%s}\n", s.Save[name], name)
		}
		if s.Pause > 0 {
			fmt.Fprintf(stdout, "    pauses %v\n", s.Pause)
		}
		return nil
	}
	if len(work.Setup) > 0 {
		fmt.Fprintln(stdout, "setup, once before the warm-up")
	}
	for _, s := range work.Setup {
		if err := describeStep(s); err != nil {
			return err
		}
	}
	for _, f := range work.Flows {
		fmt.Fprintf(stdout, "%s: %.3g %% of the arrivals\n", f.Name, 100*f.Weight/weights)
		for _, i := range f.Steps {
			if err := describeStep(work.Steps[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// findDescriptor finds what a name means: a full name first, then a method by a part of it.
func findDescriptor(ctx context.Context, d flags.Describe) (protoreflect.Descriptor, func(), error) {
	full := protoreflect.FullName(strings.ReplaceAll(strings.Trim(d.Name, "/."), "/", "."))
	d.RPC = d.Name
	if d.Embedded() && !d.Schema.Files() {
		if found, err := protoregistry.GlobalFiles.FindDescriptorByName(full); err == nil {
			return found, func() {}, nil
		}
		md, _, done, err := run.FindMethod(ctx, d.Plan)
		return md, done, err
	}
	s, done, err := run.OpenSchema(ctx, d.Plan, !d.Embedded())
	if err != nil {
		return nil, nil, err
	}
	found, err := s.Find(full)
	if err != nil {
		found, err = s.Method(d.Name)
	}
	if err != nil {
		done()
		return nil, nil, run.UsageOf(err)
	}
	return found, done, nil
}
