package recorder_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
)

func TestByCode(t *testing.T) {
	for _, open := range []bool{false, true} {
		r := recorder.New(recorder.Config{OpenLoop: open})
		lanes := []*recorder.Lane{r.NewLane(), r.NewLane()}
		for i, c := range []recorder.Sample{
			{Done: 1_000_000},
			{Intended: 5, Sent: 10, Done: 1010, Code: codes.Unavailable},
			{Intended: 5, Sent: 10, Done: 2010, Code: codes.Unavailable},
			{Intended: 5, Sent: 10, Done: 1510, Code: codes.NotFound},
			{Done: 77, Code: codes.Canceled, Unfinished: true},
			{Done: 99, Code: 1000},
			{Done: 98, Code: codes.Unknown},
		} {
			lanes[i%2].Call(&c)
		}
		flush(t, r, 1, 2, lanes...)
		type figures struct{ count, least, largest int64 }
		got := map[codes.Code]figures{}
		for code, l := range r.Total().ByCode {
			if l != nil {
				got[codes.Code(code)] = figures{l.Count(), l.Min, l.Max}
			}
		}
		want := map[codes.Code]figures{
			codes.Unavailable: {2, 1000, 2000}, codes.NotFound: {1, 1500, 1500},
			codes.Unknown: {2, 98, 99},
		}
		if open {
			want[codes.Unavailable], want[codes.NotFound] = figures{2, 1005, 2005}, figures{1, 1505, 1505}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(figures{})); diff != "" {
			t.Errorf("open loop %v (-want +got):\n%s", open, diff)
		}
	}
}

// Each worker's own distribution, and all of them together the run's.
func TestByWorker(t *testing.T) {
	r := recorder.New(recorder.Config{PerWorker: true})
	lanes := []*recorder.Lane{r.NewLane(), r.NewLane()}
	for worker := range 6 {
		for i := range worker + 1 {
			c := recorder.Sample{Worker: uint16(worker), Done: int64(100*worker + i)}
			if i == 0 {
				c.Code = codes.Internal // a failure has a time too
			}
			lanes[worker%2].Call(&c)
		}
	}
	lanes[1].Call(&recorder.Sample{Worker: 5, Unfinished: true, Done: 505}) // which counts with its age
	flush(t, r, 1, 2, lanes...)
	byWorker := r.Total().Workers
	if len(byWorker) != 6 {
		t.Errorf("%d workers, want 6", len(byWorker))
	}
	all := recorder.NewPacked()
	for worker := range 6 {
		h := byWorker[uint16(worker)]
		calls := int64(worker + 1)
		if worker == 5 {
			calls++
		}
		if h.TotalCount() != calls || h.Min() != int64(100*worker) || h.Max() != int64(100*worker+worker) {
			t.Errorf("worker %d: %d calls, %d to %d", worker, h.TotalCount(), h.Min(), h.Max())
		}
		all.Merge(h)
	}
	if diff := cmp.Diff(buckets(r.Total().Headline().Histogram), buckets(all)); diff != "" {
		t.Errorf("the workers together (-want +got):\n%s", diff)
	}
}

func TestByWorkerIsChosen(t *testing.T) {
	r := recorder.New(recorder.Config{})
	s := r.NewLane()
	s.Call(&recorder.Sample{Worker: 3, Done: 1})
	if got := r.Total().Workers; len(got) != 0 {
		t.Errorf("without PerWorker there are histograms of %d workers", len(got))
	}
}
