package schema

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// compile reads .proto files. Options other than those of google.api are nobody's business here, so they are left out,
// and with them the imports that only they need: most of these are nowhere on the machine.
func (s *Schema) compile(ctx context.Context, protos, imports []string) error {
	src := &sources{files: s.files}
	for _, dir := range imports {
		prefix, rest, mapped := strings.Cut(dir, "=")
		if !mapped {
			prefix, rest = "", dir
		}
		if info, err := os.Stat(rest); err != nil || !info.IsDir() {
			return fmt.Errorf("-I %s: there is no folder %s", dir, rest)
		}
		src.roots = append(src.roots, root{strings.Trim(prefix, "/"), rest})
	}
	names := make([]string, len(protos))
	for i, file := range protos {
		var err error
		if names[i], err = src.name(file); err != nil {
			return fmt.Errorf("-proto %s: %w", file, err)
		}
	}
	compiler := protocompile.Compiler{Resolver: src, SourceInfoMode: protocompile.SourceInfoStandard}
	files, err := compiler.Compile(ctx, names...)
	if err != nil {
		return src.explain(err, protos)
	}
	for _, f := range files {
		if err := s.add(f); err != nil {
			return err
		}
	}
	if len(src.lacking) > 0 {
		slices.Sort(src.lacking)
		s.notes = append(s.notes, "imports that are nowhere below -I, and not needed so far: "+strings.Join(
			src.lacking, ", "))
	}
	return nil
}

// root is a folder of imports, whose names begin with prefix.
type root struct{ prefix, dir string }

// sources finds files for the compiler, from several goroutines.
type sources struct {
	roots []root
	files *protoregistry.Files

	mu      sync.Mutex
	lacking []string
}

// name is what a file given on the command line is called by others' imports: its path below a root. Where it lies
// below none, its own folder becomes one.
func (s *sources) name(file string) (string, error) {
	for _, r := range s.roots { // as protoc takes it
		if rest, ok := r.below(file); ok {
			if _, err := os.Stat(filepath.Join(r.dir, rest)); err == nil {
				return file, nil
			}
		}
	}
	if _, err := os.Stat(file); err != nil {
		if errors.Is(err, fs.ErrNotExist) && len(s.roots) > 0 {
			return "", errors.New("there is no such file, neither here nor below a folder of -I")
		}
		return "", err //nolint:wrapcheck // it names the file
	}
	for _, r := range s.roots {
		if rel, err := filepath.Rel(r.dir, file); err == nil && filepath.IsLocal(rel) {
			return path.Join(r.prefix, filepath.ToSlash(rel)), nil
		}
	}
	s.roots = append(s.roots, root{"", filepath.Dir(file)})
	return filepath.Base(file), nil
}

// below is the part of an import's name that is within the root.
func (r root) below(name string) (string, bool) {
	if r.prefix == "" {
		return name, filepath.IsLocal(name)
	}
	rest, ok := strings.CutPrefix(name, r.prefix+"/")
	return rest, ok && filepath.IsLocal(rest)
}

// read returns the text of an import; fs.ErrNotExist where no root has it.
func (s *sources) read(name string) ([]byte, error) {
	for _, r := range s.roots {
		if rest, ok := r.below(name); ok {
			data, err := os.ReadFile(filepath.Join(r.dir, rest))
			if err == nil || !errors.Is(err, fs.ErrNotExist) {
				return data, err //nolint:wrapcheck // it names the file
			}
		}
	}
	return nil, fs.ErrNotExist
}

// there says whether an import can be found.
func (s *sources) there(name string) bool {
	if _, err := (fallback{s.files, wellKnown}).FindFileByPath(name); err == nil {
		return true
	}
	for _, r := range s.roots {
		if rest, ok := r.below(name); ok {
			if _, err := os.Stat(filepath.Join(r.dir, rest)); err == nil {
				return true
			}
		}
	}
	return false
}

// FindFileByPath implements protocompile.Resolver.
func (s *sources) FindFileByPath(name string) (protocompile.SearchResult, error) {
	text, err := s.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err := fallback{s.files, wellKnown}.FindFileByPath(name)
		if err != nil {
			return protocompile.SearchResult{}, err
		}
		return protocompile.SearchResult{Proto: protodesc.ToFileDescriptorProto(f)}, nil
	}
	if err != nil {
		return protocompile.SearchResult{}, err
	}
	handler := reporter.NewHandler(nil)
	node, err := parser.Parse(name, bytes.NewReader(text), handler)
	if err != nil {
		return protocompile.SearchResult{}, err //nolint:wrapcheck // it has the file, the line, and what is wrong there
	}
	parsed, err := parser.ResultFromAST(node, true, handler)
	if err != nil {
		return protocompile.SearchResult{}, err //nolint:wrapcheck // as above
	}
	f := parsed.FileDescriptorProto()
	withoutOptions(f)
	s.withoutMissing(f)
	return protocompile.SearchResult{ParseResult: parsed}, nil
}

// withoutMissing takes out the imports that are nowhere, and notes them.
func (s *sources) withoutMissing(f *descriptorpb.FileDescriptorProto) {
	var kept []string
	var public []int32
	for i, name := range f.GetDependency() {
		if s.there(name) {
			if slices.Contains(f.GetPublicDependency(), int32(i)) { //nolint:gosec // a file has few imports
				public = append(public, int32(len(kept))) //nolint:gosec // as above
			}
			kept = append(kept, name)
			continue
		}
		s.mu.Lock()
		if !slices.Contains(s.lacking, name) {
			s.lacking = append(s.lacking, name)
		}
		s.mu.Unlock()
	}
	f.Dependency, f.PublicDependency, f.WeakDependency = kept, public, nil
}

// explain adds to a compiler's error what the person can do.
func (s *sources) explain(err error, protos []string) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "edition") && strings.Contains(text, "2024"):
		return fmt.Errorf("%w: make a descriptor set, which -protoset reads: `buf build -o set.binpb`, or `protoc "+
			"--include_imports --descriptor_set_out=set.binpb %s`", err, strings.Join(protos, " "))
	case len(s.lacking) > 0:
		slices.Sort(s.lacking)
		return fmt.Errorf("%w: these imports were not found: %s: name the folder that they are in by -I", err,
			strings.Join(s.lacking, ", "))
	default:
		return err
	}
}

// withoutOptions takes out the options that only others read, wherever they stand.
func withoutOptions(f *descriptorpb.FileDescriptorProto) {
	stripOptions(f.GetOptions())
	for _, m := range f.GetMessageType() {
		withoutMessageOptions(m)
	}
	for _, e := range f.GetEnumType() {
		withoutEnumOptions(e)
	}
	f.Extension = slices.DeleteFunc(f.GetExtension(), isOption)
	for _, x := range f.GetExtension() {
		stripOptions(x.GetOptions())
	}
	for _, s := range f.GetService() {
		stripOptions(s.GetOptions())
		for _, m := range s.GetMethod() {
			stripOptions(m.GetOptions())
		}
	}
}

// isOption says whether an extension is of options, which nothing sent carries.
func isOption(x *descriptorpb.FieldDescriptorProto) bool {
	return strings.HasPrefix(strings.TrimPrefix(x.GetExtendee(), "."), "google.protobuf.") &&
		strings.HasSuffix(x.GetExtendee(), "Options")
}

func withoutMessageOptions(m *descriptorpb.DescriptorProto) {
	stripOptions(m.GetOptions())
	m.Extension = slices.DeleteFunc(m.GetExtension(), isOption)
	for _, f := range slices.Concat(m.GetField(), m.GetExtension()) {
		stripOptions(f.GetOptions())
	}
	for _, o := range m.GetOneofDecl() {
		stripOptions(o.GetOptions())
	}
	for _, r := range m.GetExtensionRange() {
		stripOptions(r.GetOptions())
	}
	for _, e := range m.GetEnumType() {
		withoutEnumOptions(e)
	}
	for _, nested := range m.GetNestedType() {
		withoutMessageOptions(nested)
	}
}

func withoutEnumOptions(e *descriptorpb.EnumDescriptorProto) {
	stripOptions(e.GetOptions())
	for _, v := range e.GetValue() {
		stripOptions(v.GetOptions())
	}
}

// stripOptions removes all options but protobuf's own and google.api's; a nil message has none.
func stripOptions(options proto.Message) {
	m := options.ProtoReflect()
	if !m.IsValid() {
		return
	}
	field := m.Descriptor().Fields().ByName("uninterpreted_option")
	var kept []protoreflect.Value
	for list, i := m.Get(field).List(), 0; i < list.Len(); i++ {
		u, _ := list.Get(i).Message().Interface().(*descriptorpb.UninterpretedOption)
		first := u.GetName()[0]
		if !first.GetIsExtension() || strings.HasPrefix(strings.TrimPrefix(first.GetNamePart(), "."), "google.api.") {
			kept = append(kept, list.Get(i))
		}
	}
	m.Clear(field)
	for _, v := range kept {
		m.Mutable(field).List().Append(v)
	}
}
