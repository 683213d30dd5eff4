package service_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"grpcbench/pb/person"
	"grpcbench/server/service"
	"grpcbench/server/testkit"
)

func TestSearch(t *testing.T) {
	client := person.NewSearchServiceClient(serve(t, handlers{}))
	for _, tt := range []struct {
		reason string
		req    *person.PersonReq
		want   *person.PersonRes
	}{
		{
			"the name comes between the fixed words, age and body come back",
			&person.PersonReq{Name: "qm", Age: 36, Body: &person.Mbody{Name: "hello"}},
			&person.PersonRes{Name: "我收到了qm的信息", Age: 36, Body: &person.Mbody{Name: "hello"}},
		},
		{
			"an empty request has an answer too, without a body",
			&person.PersonReq{},
			&person.PersonRes{Name: "我收到了的信息"},
		},
		{
			"an empty body is a body, a negative age an age, and names need no ASCII",
			&person.PersonReq{Name: "小明", Age: -1, Body: &person.Mbody{}},
			&person.PersonRes{Name: "我收到了小明的信息", Age: -1, Body: &person.Mbody{}},
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := client.Search(testkit.Context(t), tt.req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSearchIn(t *testing.T) {
	client := person.NewSearchServiceClient(serve(t, handlers{}))
	for _, tt := range []struct {
		reason   string
		messages int
	}{
		{"a stream without messages is counted too", 0},
		{"one message", 1},
		{"more messages than fit into one flow-control window of tiny frames", 2000},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			stream, err := client.SearchIn(testkit.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			sendAll(t, stream, slices.Repeat([]*person.PersonReq{{Name: "qm", Age: 7}}, tt.messages))
			got, err := stream.CloseAndRecv()
			if err != nil {
				t.Fatal(err)
			}
			want := &person.PersonRes{Name: "success", Age: int32(tt.messages)}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSearchOut(t *testing.T) {
	for _, tt := range []struct {
		reason string
		count  int
	}{
		{"the default", 11},
		{"a single answer", 1},
		{"none: the stream just ends", 0},
		{"more than one window holds", 5000},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			client := person.NewSearchServiceClient(serve(t, handlers{person: &service.Person{OutCount: tt.count}}))
			stream, err := client.SearchOut(testkit.Context(t), &person.PersonReq{Name: "qm"})
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Repeat([]*person.PersonRes{{Name: "I got itqm"}}, tt.count)
			if diff := cmp.Diff(want, recvAll(t, stream), protocmp.Transform()); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSearchOutIsSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		stream := &fakeStream[person.PersonReq, person.PersonRes]{
			ctx:  t.Context(),
			send: func(*person.PersonRes) error { at = append(at, time.Since(start)); return nil },
		}
		p := &service.Person{OutCount: 4, OutInterval: time.Second}
		if err := p.SearchOut(&person.PersonReq{}, stream); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("answers sent at (-want +got):\n%s", diff)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v: no interval stands after the last answer", took)
		}
	})
}

func TestSearchOutStopsBetweenAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		sent := 0
		stream := &fakeStream[person.PersonReq, person.PersonRes]{
			ctx: ctx, send: func(*person.PersonRes) error { sent++; return nil },
		}
		p := &service.Person{OutCount: 11, OutInterval: time.Minute}
		start := time.Now()
		err := p.SearchOut(&person.PersonReq{}, stream)
		if got := status.Code(err); got != codes.DeadlineExceeded {
			t.Errorf("code %v, want DeadlineExceeded", got)
		}
		if took := time.Since(start); took != 90*time.Second || sent != 2 {
			t.Errorf("ended after %v with %d answers, want after 1m30s with 2", took, sent)
		}
	})
}

func TestSearchIO(t *testing.T) {
	client := person.NewSearchServiceClient(serve(t, handlers{}))
	stream, err := client.SearchIO(testkit.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 { // in lockstep: an answer comes before the next message is sent
		name := fmt.Sprintf("qm%d", i)
		if err := stream.Send(&person.PersonReq{Name: name}); err != nil {
			t.Fatal(err)
		}
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&person.PersonRes{Name: "I got it" + name}, got, protocmp.Transform()); diff != "" {
			t.Errorf("answer %d (-want +got):\n%s", i, diff)
		}
	}
	// the tutorial's word for the end is a name like any other
	sendAll(t, stream, []*person.PersonReq{{Name: "exit"}, {Name: ""}})
	want := []*person.PersonRes{{Name: "I got itexit"}, {Name: "I got it"}}
	if diff := cmp.Diff(want, recvAll(t, stream), protocmp.Transform()); diff != "" {
		t.Errorf("answers up to the half-close (-want +got):\n%s", diff)
	}
}
