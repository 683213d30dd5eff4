package interceptor

import (
	"context"
	"crypto/rand"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"grpcbench/server/contract"
)

// maxIDLen is the longest id taken from a caller: OpenMetrics allows an exemplar 128 characters of labels.
const maxIDLen = 128 - len(exemplarLabel)

type idKey struct{}

// IDFromContext returns the request id that the requestid interceptor put
// there, or an empty string.
func IDFromContext(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

// idOf is the call's id also outside the requestid interceptor: then it is the caller's.
func idOf(ctx context.Context) string {
	if id := IDFromContext(ctx); id != "" {
		return id
	}
	if ids := metadata.ValueFromIncomingContext(ctx, contract.RequestIDKey); len(ids) > 0 && len(ids[0]) <= maxIDLen &&
		utf8.ValidString(ids[0]) {
		return ids[0]
	}
	return ""
}

// newRequestID takes the caller's request id or makes one, puts it into the
// context and sends it back in the header.
func newRequestID() Interceptor {
	return Interceptor{
		Unary: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			ctx, id := withID(ctx)
			if err := grpc.SetHeader(ctx, metadata.Pairs(contract.RequestIDKey, id)); err != nil {
				return nil, err
			}
			return handler(ctx, req)
		},
		Stream: func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			ctx, id := withID(ss.Context())
			if err := ss.SetHeader(metadata.Pairs(contract.RequestIDKey, id)); err != nil {
				return err
			}
			return handler(srv, &contextStream{ServerStream: ss, ctx: ctx})
		},
	}
}

func withID(ctx context.Context) (context.Context, string) {
	id := idOf(ctx)
	if id == "" {
		id = rand.Text()
	}
	return context.WithValue(ctx, idKey{}, id), id
}
