package schema

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Types finds the types that data names by itself, of an Any or an extension, in all sources of the schema.
func (s *Schema) Types() *Types { return &Types{s} }

// Types implements protojson's resolver.
type Types struct{ schema *Schema }

// FindMessageByName implements protoregistry.MessageTypeResolver.
func (t *Types) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	d, err := t.find(name)
	if err != nil {
		return nil, err
	}
	if m, ok := d.(protoreflect.MessageDescriptor); ok {
		return dynamicpb.NewMessageType(m), nil
	}
	return nil, protoregistry.NotFound
}

// FindMessageByURL implements protoregistry.MessageTypeResolver.
func (t *Types) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return t.FindMessageByName(protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:]))
}

// FindExtensionByName implements protoregistry.ExtensionTypeResolver.
func (t *Types) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	d, err := t.find(name)
	if err != nil {
		return nil, err
	}
	if x, ok := d.(protoreflect.ExtensionDescriptor); ok && x.IsExtension() {
		return dynamicpb.NewExtensionType(x), nil
	}
	return nil, protoregistry.NotFound
}

// FindExtensionByNumber implements protoregistry.ExtensionTypeResolver. No server is asked for a number: many answer
// that with an error.
func (t *Types) FindExtensionByNumber(message protoreflect.FullName,
	field protoreflect.FieldNumber,
) (protoreflect.ExtensionType, error) {
	// it is compared with NotFound
	return dynamicpb.NewTypes(t.schema.files).FindExtensionByNumber(message, field) //nolint:wrapcheck
}

// find looks in all sources, and among the well-known types.
func (t *Types) find(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := t.schema.Find(name); err == nil {
		return d, nil
	}
	return wellKnown.FindDescriptorByName(name) //nolint:wrapcheck // it is compared with NotFound
}
