package contract

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/server/meter"
)

// Other people's scripts read these lines.
func TestLinesAreSpelledSo(t *testing.T) {
	for _, tt := range []struct {
		line any
		want string
	}{
		{Config{Args: []string{"-drain=1s"}}, `{"args":["-drain=1s"]}`},
		{
			Ready{Addr: "127.0.0.1:1", HTTP: "127.0.0.1:2", PID: 3, Interceptors: []string{"a"}},
			`{"addr":"127.0.0.1:1","http":"127.0.0.1:2","pid":3,"interceptors":["a"]}`,
		},
		{Mark{Mark: MarkStart}, `{"mark":"start","seq":0}`},
		{Mark{Mark: MarkStop}, `{"mark":"stop","seq":0}`},
		{
			meter.Usage{CPUSeconds: 1.5, MaxRSSBytes: 2},
			`{"cpu_seconds":1.5,"user_seconds":0,"max_rss_bytes":2,"alloc_objects":0,"alloc_bytes":0,"gc_pauses_ns":0,"gc_pause_max_ns":0,"gc_cpu_seconds":0,"sched_latency_p99_ns":0}`,
		},
	} {
		got, err := json.Marshal(tt.line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", tt.line, diff)
		}
	}
}
