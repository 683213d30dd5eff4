package interceptor

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"grpcbench/pb/person"
	"grpcbench/server/contract"
	"grpcbench/server/testkit"
)

// A stub whose handlers tell the request id that they find in their context.
func idTeller(told *string) *stub {
	return &stub{
		unary: func(ctx context.Context) error { *told = IDFromContext(ctx); return nil },
		bidi: func(s grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error {
			*told = IDFromContext(s.Context())
			return nil
		},
	}
}

func TestRequestID(t *testing.T) {
	longest := strings.Repeat("x", 118) // with the label's name the 128 characters that OpenMetrics allows
	for _, tt := range []struct {
		reason string
		sent   []string
		taken  bool
	}{
		{"the load generator's form is taken as it is", []string{"0badcafe-0001-00000000002a"}, true},
		{"another form too", []string{"trace/7 of 9"}, true},
		{"the longest that an exemplar can carry", []string{longest}, true},
		{"the first of two", []string{"first", "second"}, true},
		{"none: one is made", nil, false},
		{"an empty one is none", []string{""}, false},
		{"one that is too long for an exemplar is replaced", []string{longest + "x"}, false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			var told string
			chain, _ := chainOf(t, Config{Names: []string{RequestID}})
			client := serve(t, chain, idTeller(&told))
			ctx := testkit.Context(t)
			for _, id := range tt.sent {
				ctx = metadata.AppendToOutgoingContext(ctx, contract.RequestIDKey, id)
			}
			check := func(kind string, header metadata.MD) {
				t.Helper()
				got := header.Get(contract.RequestIDKey)
				if len(got) != 1 || got[0] == "" || got[0] != told {
					t.Errorf("%s: the header's ids are %q and the context's is %q, want one and the same", kind, got,
						told)
				}
				if tt.taken && told != tt.sent[0] || !tt.taken && len(tt.sent) > 0 && told == tt.sent[0] {
					t.Errorf("%s: the id is %q; sent was %q, to be taken: %t", kind, told, tt.sent, tt.taken)
				}
			}

			var header metadata.MD
			if _, err := client.Search(ctx, &person.PersonReq{}, grpc.Header(&header)); err != nil {
				t.Fatal(err)
			}
			check("unary", header)

			stream, err := client.SearchIO(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if header, err = stream.Header(); err != nil {
				t.Fatal(err)
			}
			check("stream", header)
		})
	}
}

func TestRequestIDsMadeAreUnique(t *testing.T) {
	var told string
	chain, _ := chainOf(t, Config{Names: []string{RequestID}})
	seen := map[string]bool{}
	for range 1000 {
		if _, err := unary(t.Context(), chain, func(ctx context.Context, _ any) (any, error) {
			told = IDFromContext(ctx)
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		if seen[told] {
			t.Fatalf("%q was made twice", told)
		}
		seen[told] = true
	}
}

func TestRequestIDComesWithErrorsToo(t *testing.T) {
	chain, _ := chainOf(t, Config{Names: []string{Recovery, RequestID}})
	client := serve(t, chain, &stub{unary: func(context.Context) error { return explode("boom") }})
	var header metadata.MD
	ctx := metadata.AppendToOutgoingContext(testkit.Context(t), contract.RequestIDKey, "id-1")
	_, err := client.Search(ctx, &person.PersonReq{}, grpc.Header(&header))
	wantPanicStatus(t, err)
	if got := header.Get(contract.RequestIDKey); len(got) != 1 || got[0] != "id-1" {
		t.Errorf("the header's ids are %q, want id-1", got)
	}
}

func TestIDFromContextWithoutOne(t *testing.T) {
	if got := IDFromContext(t.Context()); got != "" {
		t.Errorf("got %q out of nothing", got)
	}
}
