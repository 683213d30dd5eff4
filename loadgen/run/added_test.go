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
			reason: "never late", wait: zero, pacing: zero, service: func(i int64) int64 { return 1000*us + i },
			noticed: zero,
		},
		{
			reason: "a core that wakes up: any client has that", wait: zero, pacing: zero, service: flat(1000 * us),
			noticed: flat(50 * us), most: 5 * us,
		},
		{
			reason: "two calls of a hundred are late by much", wait: zero,
			pacing: func(i int64) int64 { return i % 50 / 49 * 10_000 * us }, service: flat(1000 * us),
			noticed: zero, least: 9_900 * us, most: 11_100 * us,
		},
		{
			reason: "one call of a thousand is", wait: zero,
			pacing: func(i int64) int64 { return i % 1000 / 999 * 10_000 * us }, service: flat(1000 * us),
			noticed: zero, most: 100 * us,
		},
		{
			reason: "answers are noticed late, one of ten", wait: zero, pacing: zero,
			service: func(i int64) int64 { return 1000*us + i%10/9*4000*us },
			noticed: func(i int64) int64 { return i % 10 / 9 * 4000 * us }, least: 3_900 * us, most: 5_100 * us,
		},
		{
			reason: "calls wait for a server that is slow", wait: flat(500_000 * us), pacing: zero,
			service: flat(5000 * us), noticed: flat(60 * us), most: 50 * us,
		},
		{
			reason: "calls wait for workers who notice answers late", wait: flat(500_000 * us), pacing: zero,
			service: flat(5000 * us), noticed: func(i int64) int64 { return i % 4 * 1000 * us },
			least: 500_000 * us, most: 506_000 * us,
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
