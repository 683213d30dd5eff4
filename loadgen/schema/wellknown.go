package schema

import (
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/apipb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/sourcecontextpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// wellKnown are the files that people import and servers and sets often lack. They are listed here by name: what else
// is linked into this binary is nobody's schema.
var wellKnown = func() *protoregistry.Files {
	known := new(protoregistry.Files)
	for _, f := range []protoreflect.FileDescriptor{
		descriptorpb.File_google_protobuf_descriptor_proto, anypb.File_google_protobuf_any_proto,
		sourcecontextpb.File_google_protobuf_source_context_proto, typepb.File_google_protobuf_type_proto,
		apipb.File_google_protobuf_api_proto,
		durationpb.File_google_protobuf_duration_proto, emptypb.File_google_protobuf_empty_proto,
		fieldmaskpb.File_google_protobuf_field_mask_proto, structpb.File_google_protobuf_struct_proto,
		timestamppb.File_google_protobuf_timestamp_proto, wrapperspb.File_google_protobuf_wrappers_proto,
		annotations.File_google_api_http_proto, annotations.File_google_api_annotations_proto,
		annotations.File_google_api_field_behavior_proto,
		annotations.File_google_api_resource_proto, httpbody.File_google_api_httpbody_proto,
		code.File_google_rpc_code_proto, status.File_google_rpc_status_proto,
		errdetails.File_google_rpc_error_details_proto,
	} {
		if err := known.RegisterFile(f); err != nil {
			// a test has seen that they do not
			panic("schema: the well-known files contradict each other: " + err.Error())
		}
	}
	return known
}()
