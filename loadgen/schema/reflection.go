package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jhump/protoreflect/v2/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// reflection is a server that is asked. It asks for what is looked for and nothing else: no extensions are enumerated,
// which some servers answer with an error.
type reflection struct{ client *grpcreflect.Client }

// reflect asks over cc, first as v1 and then as v1alpha. Of files that the server does not have, those that this side
// knows are taken, and those that only options need are done without.
func reflect(ctx context.Context, cc grpc.ClientConnInterface, md []string, files *protoregistry.Files) *reflection {
	if len(md) > 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, md...)
	}
	return &reflection{grpcreflect.NewClientAuto(ctx, cc,
		grpcreflect.WithAllowMissingFileDescriptors(),
		grpcreflect.WithFallbackResolvers(fallback{files, wellKnown}, nil),
	)}
}

// services are the names of the server's, its own reflection left out.
func (r *reflection) services() ([]string, error) {
	names, err := r.client.ListServices()
	if err != nil {
		return nil, explain(err)
	}
	var all []string
	for _, name := range names {
		if !strings.HasPrefix(string(name), "grpc.reflection.") {
			all = append(all, string(name))
		}
	}
	return all, nil
}

func (r *reflection) find(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	file, err := r.client.FileContainingSymbol(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, explain(err))
	}
	if d := find(file, name); d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("%s: %w: the server answers with %s, which has no such name", name, ErrNotFound, file.Path())
}

// find looks a name up within a file.
func find(f protoreflect.FileDescriptor, name protoreflect.FullName) protoreflect.Descriptor {
	files := new(protoregistry.Files)
	if err := files.RegisterFile(f); err != nil {
		return nil
	}
	d, err := files.FindDescriptorByName(name)
	if err != nil {
		return nil
	}
	return d
}

// close ends the stream to the server.
func (r *reflection) close() { r.client.Reset() }

// ErrNotAsked is that the server did not answer as reflection does, or not at all: the names may be right.
var ErrNotAsked = errors.New("ask the server by reflection")

// explain says what the person can do about an error of reflection.
func explain(err error) error {
	if grpcreflect.IsElementNotFoundError(err) {
		return fmt.Errorf("%w by the server's reflection (%s)", ErrNotFound,
			strings.ReplaceAll(err.Error(), "\n", ", "))
	}
	st, ok := status.FromError(err)
	if !ok {
		return fmt.Errorf("%w: %w; -proto or -protoset do without", ErrNotAsked, err)
	}
	switch st.Code() {
	case codes.Unimplemented:
		return fmt.Errorf("the server has no reflection: give -proto FILE or -protoset FILE (%w)", err)
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("the server's reflection wants to know who asks: -H goes with it too (%w)", err)
	default:
		return fmt.Errorf("%w: %w; -proto or -protoset do without, -reflect-addr asks another", ErrNotAsked, err)
	}
}

// fallback looks into several registries, one after the other.
type fallback []*protoregistry.Files

func (f fallback) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	for _, files := range f {
		if d, err := files.FindFileByPath(path); err == nil {
			return d, nil
		}
	}
	return nil, protoregistry.NotFound
}

func (f fallback) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	for _, files := range f {
		if d, err := files.FindDescriptorByName(name); err == nil {
			return d, nil
		}
	}
	return nil, protoregistry.NotFound
}
