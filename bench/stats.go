package bench

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	"grpcbench/pb/person"
)

// statsHandler measures a stats handler alone: the events of a call with one
// message each way, as grpc-go tells them, on either side.
func statsHandler(b *testing.B, h stats.Handler, client, stream bool) {
	b.ReportAllocs()
	method := "/person.SearchService/Search"
	if stream {
		method += "IO"
	}
	msg, md := &person.PersonReq{}, metadata.MD{}
	ctx := metadata.NewIncomingContext(context.Background(), md)
	if client {
		ctx = metadata.NewOutgoingContext(context.Background(), md)
	}
	begun := time.Now()
	events := []stats.RPCStats{
		&stats.Begin{Client: client, BeginTime: begun, IsClientStream: stream, IsServerStream: stream},
		&stats.InHeader{FullMethod: method, Header: md},
		&stats.InPayload{Payload: msg, Length: 2, WireLength: 7, RecvTime: begun},
		&stats.OutHeader{FullMethod: method, Header: md},
		&stats.OutPayload{Payload: msg, Length: 2, WireLength: 7, SentTime: begun},
		&stats.OutTrailer{Trailer: md},
		&stats.End{BeginTime: begun, EndTime: begun},
	}
	if client {
		events = []stats.RPCStats{
			events[0],
			&stats.OutHeader{Client: true, FullMethod: method, Header: md},
			&stats.OutPayload{Client: true, Payload: msg, Length: 2, WireLength: 7, SentTime: begun},
			&stats.InHeader{Client: true, Header: md},
			&stats.InPayload{Client: true, Payload: msg, Length: 2, WireLength: 7, RecvTime: begun},
			&stats.InTrailer{Client: true, Trailer: md},
			&stats.End{Client: true, BeginTime: begun, EndTime: begun},
		}
	}
	tag := &stats.RPCTagInfo{FullMethodName: method}
	for b.Loop() {
		tagged := h.TagRPC(ctx, tag)
		for _, e := range events {
			h.HandleRPC(tagged, e)
		}
	}
}
