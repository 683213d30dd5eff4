package run

import (
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
)

// How much of p99 may be the load generator's own, for what it may have done to a call.
func TestAdded(t *testing.T) {
	const us = int64(time.Microsecond)
	for _, tt := range []struct {
		reason string
		// of the i-th of 10,000 calls: how long it waited for a worker, how late it then went out, how long it took;
		// and how late the i-th of 1,000 looks woke.
		wait, pacing, service, noticed func(i int64) int64
		least, most                    int64 // of what is told of p99
	}{
		{
			"never late", zero, zero, func(i int64) int64 { return 1000*us + i }, zero, 0, 0,
		},
		{
			"a core that wakes up: any client has that", zero, zero, flat(1000 * us), flat(50 * us), 0, 5 * us,
		},
		{
			"two calls of a hundred are late by much", zero, func(i int64) int64 { return i % 50 / 49 * 10_000 * us },
			flat(1000 * us), zero, 9_900 * us, 11_100 * us,
		},
		{
			"one call of a thousand is", zero, func(i int64) int64 { return i % 1000 / 999 * 10_000 * us },
			flat(1000 * us), zero, 0, 100 * us,
		},
		{
			"answers are noticed late, one of ten", zero, zero,
			func(i int64) int64 { return 1000*us + i%10/9*4000*us },
			func(i int64) int64 { return i % 10 / 9 * 4000 * us }, 3_900 * us, 5_100 * us,
		},
		{
			"calls wait for a server that is slow", flat(500_000 * us), zero, flat(5000 * us), flat(60 * us), 0,
			50 * us,
		},
		{
			"calls wait for workers who notice answers late", flat(500_000 * us), zero, flat(5000 * us),
			func(i int64) int64 { return i % 4 * 1000 * us }, 500_000 * us, 506_000 * us,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			rec := recorder.New(recorder.Config{OpenLoop: true})
			lane := rec.NewLane()
			for i := range int64(10_000) {
				intended := i * 100 * us
				free := intended + tt.wait(i)
				sent := free + tt.pacing(i)
				lane.Call(&recorder.Sample{Intended: intended, Free: free, Sent: sent, Done: sent + tt.service(i)})
			}
			lane.Swap(0, 0)
			rec.Add(lane)
			if err := rec.Flush(0, int64(time.Second)); err != nil {
				t.Fatal(err)
			}
			noticed := recorder.NewHistogram()
			for i := range int64(1000) {
				if err := noticed.RecordValue(tt.noticed(i)); err != nil {
					t.Fatal(err)
				}
			}
			for _, a := range added(rec.Total(), noticed) {
				if a.P == 99 && (a.Ns < tt.least || a.Ns > tt.most) {
					t.Errorf("%v added to p99 at most, want %v to %v", time.Duration(a.Ns), time.Duration(tt.least),
						time.Duration(tt.most))
				}
			}
		})
	}
	if got := added(recorder.New(recorder.Config{}).Total(), (*hdrhistogram.Histogram)(nil)); len(got) > 0 {
		t.Errorf("of no call %v is told", got)
	}
}

func zero(int64) int64 { return 0 }

func flat(ns int64) func(int64) int64 { return func(int64) int64 { return ns } }
