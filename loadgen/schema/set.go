package schema

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// readSets reads files as `protoc --include_imports --descriptor_set_out` and `buf build -o` write them: binary, JSON
// (.json) or text (.txtpb), in gzip (.gz) or zstd (.zst) or not.
func (s *Schema) readSets(paths []string) error {
	all := &descriptorpb.FileDescriptorSet{}
	for _, path := range paths {
		set, err := readSet(path)
		if err != nil {
			return fmt.Errorf("-protoset %s: %w", path, err)
		}
		for _, f := range set.GetFile() {
			if !slices.ContainsFunc(all.GetFile(),
				func(g *descriptorpb.FileDescriptorProto) bool { return g.GetName() == f.GetName() }) {
				all.File = append(all.File, f)
			}
		}
	}
	lacking := s.complete(all)
	files, err := protodesc.FileOptions{AllowUnresolvable: len(lacking) > 0}.NewFiles(all)
	if err != nil {
		return fmt.Errorf("-protoset %s: %w", strings.Join(paths, ", "), err)
	}
	for _, f := range all.GetFile() {
		d, err := files.FindFileByPath(f.GetName())
		if err == nil {
			err = s.add(d)
		}
		if err != nil {
			return fmt.Errorf("-protoset %s: %w", strings.Join(paths, ", "), err)
		}
	}
	if len(lacking) > 0 {
		s.notes = append(s.notes, fmt.Sprintf("the descriptor set lacks %s, which it imports (protoc "+
			"--include_imports puts them in)", strings.Join(lacking, ", ")))
	}
	return nil
}

func readSet(path string) (*descriptorpb.FileDescriptorSet, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file
	}
	name := strings.ToLower(path)
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			data, err = io.ReadAll(r)
		}
		if err != nil {
			return nil, fmt.Errorf("unzip it: %w", err)
		}
		name = strings.TrimSuffix(name, ".gz")
	}
	if bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1))
		if err == nil {
			data, err = io.ReadAll(r)
			r.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("unpack its zstd: %w", err)
		}
		name = strings.TrimSuffix(name, ".zst")
	}
	set := &descriptorpb.FileDescriptorSet{}
	switch {
	case strings.HasSuffix(name, ".json"):
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, set) // buf's images say more
	case strings.HasSuffix(name, ".txtpb"), strings.HasSuffix(name, ".textproto"):
		err = prototext.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, set)
	default:
		err = proto.Unmarshal(data, set)
	}
	if err != nil || len(set.GetFile()) == 0 {
		return nil, fmt.Errorf("it is no descriptor set: make one by `protoc --include_imports "+
			"--descriptor_set_out=FILE` or `buf build -o FILE`: %w", err)
	}
	return set, nil
}

// complete puts well-known files into a set that lacks them, takes out imports that nobody has, and says which these
// are.
func (s *Schema) complete(set *descriptorpb.FileDescriptorSet) (lacking []string) {
	there := map[string]bool{}
	for _, f := range set.GetFile() {
		there[f.GetName()] = true
	}
	for i := range len(set.GetFile()) { // it grows
		f := set.GetFile()[i]
		var kept []string
		var public []int32
		for j, name := range f.GetDependency() {
			if !there[name] {
				known, err := wellKnown.FindFileByPath(name)
				if err != nil {
					if !slices.Contains(lacking, name) {
						lacking = append(lacking, name)
					}
					continue
				}
				there[name] = true
				set.File = append(set.File, protodesc.ToFileDescriptorProto(known))
			}
			if slices.Contains(f.GetPublicDependency(), int32(j)) { //nolint:gosec // a file has few imports
				public = append(public, int32(len(kept))) //nolint:gosec // as above
			}
			kept = append(kept, name)
		}
		f.Dependency, f.PublicDependency, f.WeakDependency = kept, public, nil
	}
	return lacking
}
