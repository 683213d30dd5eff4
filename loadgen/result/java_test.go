package result_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
)

// TestJavaReadsTheLog (HD-3) compares what Go reads from a real run's log with
// what Java's HistogramLogProcessor 2.1.11 printed of it:
//
//	java -cp hdrhistogram.jar org.HdrHistogram.HistogramLogProcessor -outputValueUnitRatio 1 [-tag TAG] -i java.hlog
func TestJavaReadsTheLog(t *testing.T) {
	log, err := os.ReadFile("testdata/java.hlog")
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range []string{"total", "message_rtt"} {
		t.Run(series, func(t *testing.T) {
			total := recorder.NewHistogram()
			err := result.ReadHlog(bytes.NewReader(log), func(h *hdrhistogram.Histogram) error {
				name, _, _ := strings.Cut(h.Tag(), "@")
				if name == "" {
					name = "total"
				}
				if name == series {
					total.Merge(h)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			java, err := os.ReadFile("testdata/java-" + series + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			for line := range strings.Lines(string(java)) {
				var value, quantile float64
				var count int64
				if n, _ := fmt.Sscan(line, &value, &quantile, &count); n < 3 {
					continue
				}
				rows++
				// Java rounds a rank up, Go to the nearest: they may differ by one value, so both neighbours do.
				rank := float64(count)
				low := float64(total.ValueAtPercentile(100 * math.Max(rank-1, 1) / float64(total.TotalCount())))
				high := float64(total.ValueAtPercentile(100 * math.Min(rank+1,
					float64(total.TotalCount())) / float64(total.TotalCount())))
				if value < low*0.999 || value > high*1.001 {
					t.Errorf("quantile %v (rank %v): Java says %v, Go %v to %v", quantile, rank, value, low, high)
				}
				if quantile == 1 && count != total.TotalCount() {
					t.Errorf("Java counts %d, Go %d", count, total.TotalCount())
				}
			}
			if rows < 20 {
				t.Errorf("only %d rows in Java's table", rows)
			}
		})
	}
}
