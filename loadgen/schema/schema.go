// Package schema knows methods and their types: from .proto files, descriptor
// sets and a server's reflection. It is the only package that knows the
// libraries for these.
//
// The sources add up: what files say comes first, and a server is asked for
// what is missing. Nothing that happens to be linked into this binary counts.
package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Config says where descriptors come from.
type Config struct {
	// Protos are .proto files, Imports the folders that they and their imports are looked for in: DIR, or PREFIX=DIR
	// for the imports below PREFIX.
	Protos, Imports []string
	// Sets are files of descriptor sets.
	Sets []string
	// Server is asked by reflection for what the files do not have; nil asks nobody. Metadata goes with that, key and
	// value by turns.
	Server   grpc.ClientConnInterface
	Metadata []string
}

// Schema finds methods and types. Its methods may be called concurrently.
type Schema struct {
	files  *protoregistry.Files // from files, and their imports
	server *reflection          // nil without one
	notes  []string
}

// Open reads the files; a server is asked only once something is looked for. An error says which file is wrong, and
// what the person can do.
func Open(ctx context.Context, c Config) (*Schema, error) {
	s := &Schema{files: new(protoregistry.Files)}
	if len(c.Sets) > 0 {
		if err := s.readSets(c.Sets); err != nil {
			return nil, err
		}
	}
	if len(c.Protos) > 0 {
		if err := s.compile(ctx, c.Protos, c.Imports); err != nil {
			return nil, err
		}
	}
	if c.Server != nil {
		s.server = reflect(ctx, c.Server, c.Metadata, s.files)
	}
	return s, nil
}

// Close ends what a server is asked by.
func (s *Schema) Close() {
	if s.server != nil {
		s.server.close()
	}
}

// Notes say what was left out of the sources, and does not matter unless somebody looks for it.
func (s *Schema) Notes() []string { return s.notes }

// add takes a file and what it imports.
func (s *Schema) add(f protoreflect.FileDescriptor) error {
	if _, err := s.files.FindFileByPath(f.Path()); err == nil {
		return nil
	}
	for imports, i := f.Imports(), 0; i < imports.Len(); i++ {
		if imported := imports.Get(i).FileDescriptor; !imported.IsPlaceholder() {
			if err := s.add(imported); err != nil {
				return err
			}
		}
	}
	if err := s.files.RegisterFile(f); err != nil {
		return fmt.Errorf("%s: %w", f.Path(), err)
	}
	return nil
}

// Services are the full names of all services, those of files first, each sorted.
func (s *Schema) Services() ([]string, error) {
	var all []string
	s.files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			all = append(all, string(f.Services().Get(i).FullName()))
		}
		return true
	})
	slices.Sort(all)
	if s.server != nil {
		names, err := s.server.services()
		if err != nil && len(all) == 0 {
			return nil, err
		}
		for _, name := range names {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, nil
}

// Find returns the descriptor of a service, method or type by its full name.
func (s *Schema) Find(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	d, err := s.files.FindDescriptorByName(name)
	if err == nil {
		return d, nil
	}
	if s.server == nil {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return s.server.find(name)
}

// ErrNotFound says that no source has what was looked for.
var ErrNotFound = errors.New("not found")

// Method finds the method that name means: pkg.Service/Method, pkg.Service.Method, Service/Method, or Method where
// there is one alone. An error names the nearest that there are.
func (s *Schema) Method(name string) (protoreflect.MethodDescriptor, error) {
	name = strings.TrimPrefix(name, "/")
	service, method, slash := strings.Cut(name, "/")
	if !slash {
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			service, method = name[:i], name[i+1:]
		} else {
			service, method = "", name
		}
	}
	if service != "" && protoreflect.FullName(service).IsValid() {
		// Asked for first, so that a server with many services need not tell them all.
		d, err := s.Find(protoreflect.FullName(service))
		if sd, ok := d.(protoreflect.ServiceDescriptor); ok && err == nil {
			if md := sd.Methods().ByName(protoreflect.Name(method)); md != nil {
				return md, s.whole(md)
			}
		} else if err != nil && !errors.Is(err, ErrNotFound) && strings.Contains(service, ".") {
			return nil, err
		}
	}
	return s.search(name, service, method)
}

// search looks a method up by a part of its name.
func (s *Schema) search(name, service, method string) (protoreflect.MethodDescriptor, error) {
	services, err := s.Services()
	if err != nil {
		return nil, err
	}
	var found []protoreflect.MethodDescriptor
	var all []string
	for _, full := range services {
		d, err := s.Find(protoreflect.FullName(full))
		sd, ok := d.(protoreflect.ServiceDescriptor)
		if err != nil || !ok {
			continue // it is listed, and the server does not know more of it
		}
		for i := range sd.Methods().Len() {
			md := sd.Methods().Get(i)
			all = append(all, Name(md))
			if strings.EqualFold(string(md.Name()), method) &&
				(service == "" || full == service || strings.HasSuffix(full, "."+service)) {
				found = append(found, md)
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], s.whole(found[0])
	case len(found) > 1:
		names := make([]string, len(found))
		for i, md := range found {
			names[i] = Name(md)
		}
		return nil, fmt.Errorf("%q is %d methods: %s", name, len(found), strings.Join(names, ", "))
	case len(all) == 0:
		return nil, fmt.Errorf("%q: %w: there is no service at all", name, ErrNotFound)
	default:
		return nil, fmt.Errorf("%q: %w: did you mean %s?", name, ErrNotFound, strings.Join(nearest(name, all, 5), ", "))
	}
}

// Name is a method's as -rpc takes it: pkg.Service/Method.
func Name(md protoreflect.MethodDescriptor) string {
	return string(md.Parent().FullName()) + "/" + string(md.Name())
}

// whole says which types of a method no source has.
func (s *Schema) whole(md protoreflect.MethodDescriptor) error {
	seen := map[protoreflect.FullName]bool{}
	var lacking []string
	var walk func(m protoreflect.MessageDescriptor, in string)
	walk = func(m protoreflect.MessageDescriptor, in string) {
		if m.IsPlaceholder() {
			if text := fmt.Sprintf("%s (for %s)", m.FullName(), in); !slices.Contains(lacking, text) {
				lacking = append(lacking, text)
			}
			return
		}
		if seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if f.Message() != nil {
				walk(f.Message(), string(f.FullName()))
			}
			if e := f.Enum(); e != nil && e.IsPlaceholder() {
				lacking = append(lacking, fmt.Sprintf("%s (for %s)", e.FullName(), f.FullName()))
			}
		}
	}
	walk(md.Input(), Name(md))
	walk(md.Output(), Name(md))
	if len(lacking) == 0 {
		return nil
	}
	why := ""
	if len(s.notes) > 0 {
		why = "; " + strings.Join(s.notes, "; ")
	}
	return fmt.Errorf("%s: types without a definition: %s%s: give the files that have them, by -proto, -I or -protoset",
		Name(md), strings.Join(lacking, ", "), why)
}
