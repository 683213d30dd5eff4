package metrics_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/metrics"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/verdict"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a scraper asks for.
const (
	textForm    = "text/plain;version=0.0.4"
	openMetrics = "application/openmetrics-text;version=1.0.0"
	protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

func listen(t *testing.T) *metrics.Server {
	t.Helper()
	s, err := metrics.Listen(t.Context(), "127.0.0.1:0", map[string]string{"run_id": "0badcafe", "rpc": "Search"},
		[]string{"Search"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// get scrapes once, over a connection of its own.
func get(addr, accept string) (body, contentType string, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	req, err := http.NewRequest(http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Accept", accept)
	res, err := client.Do(req)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, b)
	}
	return string(b), res.Header.Get("Content-Type"), err
}

func scrape(t *testing.T, s *metrics.Server, accept string) string {
	t.Helper()
	body, contentType, err := get(s.Addr, accept)
	if err != nil {
		t.Fatalf("scrape: %v", err)
	}
	if form, _, _ := strings.Cut(accept, ";"); !strings.HasPrefix(contentType, form) {
		t.Fatalf("asked for %s, got %s", accept, contentType)
	}
	return body
}

type families map[string]*dto.MetricFamily

func asText(t *testing.T, s *metrics.Server) families {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	f, err := parser.TextToMetricFamilies(strings.NewReader(scrape(t, s, textForm)))
	if err != nil {
		t.Fatalf("the text form does not parse: %v", err)
	}
	return f
}

func asProtobuf(t *testing.T, s *metrics.Server) families {
	t.Helper()
	all := families{}
	d := expfmt.NewDecoder(strings.NewReader(scrape(t, s, protobuf)), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		f := &dto.MetricFamily{}
		if err := d.Decode(f); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("the protobuf form does not parse: %v", err)
		}
		all[f.GetName()] = f
	}
}

// value is that of the metric with these labels, key and value by turns.
func (f families) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	for _, m := range f[name].GetMetric() {
		var got []string
		for _, l := range m.GetLabel() {
			got = append(got, l.GetName(), l.GetValue())
		}
		if slices.Equal(got, labels) {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() // one of them is nil
		}
	}
	t.Errorf("there is no %s%q", name, labels)
	return math.NaN()
}

func (f families) histogram(t *testing.T, name string) *dto.Histogram {
	t.Helper()
	if len(f[name].GetMetric()) != 1 || f[name].GetMetric()[0].GetHistogram() == nil {
		t.Fatalf("there is no histogram %s", name)
	}
	return f[name].GetMetric()[0].GetHistogram()
}

// recording is a recorder of which each flush is told to a server.
type recording struct {
	*recorder.Recorder

	lane *recorder.Lane
	seq  uint64
	now  int64
}

func record(t *testing.T, s *metrics.Server, cfg recorder.Config) *recording {
	t.Helper()
	r := &recording{}
	cfg.Sink = func(iv *recorder.Snapshot) error {
		var examples []metrics.Example
		for _, x := range r.Total().Slowest() {
			examples = append(examples, metrics.Example{
				RequestID: requestid.ID{Run: 0x0badcafe, Worker: x.Worker, Seq: x.Seq}.String(),
				Seconds:   float64(x.Response) / 1e9, At: time.Unix(1_700_000_000, 5e8),
			})
		}
		return s.Add(metrics.Second{Snapshot: iv, Examples: examples, InFlight: 7, Verdict: verdict.Suspect})
	}
	r.Recorder = recorder.New(cfg)
	r.lane = r.NewLane()
	return r
}

// call is one that took so long.
func (r *recording) call(ns int64, code codes.Code) {
	r.lane.Due(0)
	r.lane.Call(&recorder.Sample{
		Worker: uint16(r.seq % 3), Seq: r.seq, Done: ns, Code: code,
		MessagesSent: 1, MessagesReceived: 2, BytesSent: 10, BytesReceived: 20,
	})
	r.seq++
}

func (r *recording) flush(t *testing.T) {
	t.Helper()
	r.lane.Swap(0, 0)
	r.Add(r.lane)
	if err := r.Flush(r.now, r.now+1e9); err != nil {
		t.Fatal(err)
	}
	r.now += 1e9
}

// populations are latencies of all sorts.
func populations() map[string][]int64 {
	random := rand.New(rand.NewPCG(1, 2))
	all := map[string][]int64{
		"one call":              {1_234_567},
		"all alike":             slices.Repeat([]int64{1_000_000}, 1000),
		"zero":                  {0, 0, 1},
		"nanoseconds":           {1, 2, 3, 4, 5, 1000},
		"at the classic bounds": nil,
		"an hour":               {3_600_000_000_000, 1_000_000},
		"past every bound":      {110e9, 1e9, 200e9},
	}
	for ns := int64(1 << 10); ns <= 1<<36; ns *= 2 {
		all["at the classic bounds"] = append(all["at the classic bounds"], ns-1, ns, ns+1, ns+ns/2)
	}
	for range 20_000 {
		all["log-normal"] = append(all["log-normal"], int64(300_000*math.Exp(random.NormFloat64())))
		all["over seven decades"] = append(all["over seven decades"], int64(math.Pow(10, 3+7*random.Float64())))
	}
	return all
}

// Before the first second is over there is a valid answer, of nothing.
func TestBeforeTheFirstSecond(t *testing.T) {
	s := listen(t)
	for _, f := range []families{asText(t, s), asProtobuf(t, s)} {
		if n := f.value(t, "grpcbench_calls_total", "code", "OK", "step", "Search"); n != 0 {
			t.Errorf("%v calls before any", n)
		}
		if n := f.value(t, "grpcbench_run_info", "rpc", "Search", "run_id", "0badcafe"); n != 1 {
			t.Errorf("run_info is %v", n)
		}
		if f["go_goroutines"] == nil || f["process_cpu_seconds_total"] == nil {
			t.Error("nothing is said of the process")
		}
		for name := range f {
			if strings.HasSuffix(name, "_seconds") && !strings.Contains(name, "_waiting_") &&
				strings.HasPrefix(name, "grpcbench_") {
				t.Errorf("there is a %s already", name)
			}
		}
	}
	wellFormed(t, scrape(t, s, openMetrics))
}

func TestCounts(t *testing.T) {
	s := listen(t)
	r := record(t, s, recorder.Config{OpenLoop: true})
	for second := range 3 {
		for range 10 {
			r.call(1000, codes.OK)
		}
		r.call(1000, codes.Unavailable)
		r.call(1000, codes.Canceled)
		r.lane.Due(0)
		r.lane.Due(0)
		r.lane.NeverSent(0, 1)
		r.lane.Due(0)
		r.lane.Call(&recorder.Sample{Unfinished: true, Code: codes.Canceled})
		r.flush(t)
		for name, f := range map[string]families{"text": asText(t, s), "protobuf": asProtobuf(t, s)} {
			got, want := map[string]float64{}, map[string]float64{}
			for _, row := range []struct {
				metric string
				labels []string
				want   int
			}{
				{"grpcbench_calls_total", []string{"code", "OK", "step", "Search"}, 10},
				{"grpcbench_calls_total", []string{"code", "UNAVAILABLE", "step", "Search"}, 1},
				// as result.json spells it
				{"grpcbench_calls_total", []string{"code", "CANCELLED", "step", "Search"}, 1},
				{"grpcbench_calls_due_total", []string{"step", "Search"}, 15},
				{"grpcbench_calls_lost_total", []string{"step", "Search", "why", "never_sent"}, 1},
				{"grpcbench_calls_lost_total", []string{"step", "Search", "why", "unfinished"}, 1},
				{"grpcbench_messages_total", []string{"direction", "sent", "step", "Search"}, 12},
				{"grpcbench_messages_total", []string{"direction", "received", "step", "Search"}, 24},
				{"grpcbench_message_bytes_total", []string{"direction", "sent", "step", "Search"}, 120},
				{"grpcbench_message_bytes_total", []string{"direction", "received", "step", "Search"}, 240},
			} {
				key := row.metric + strings.Join(row.labels, "=")
				got[key], want[key] = f.value(t, row.metric, row.labels...), float64(row.want*(second+1))
			}
			for status, holds := range map[string]float64{"valid": 0, "suspect": 1, "invalid": 0} {
				got[status], want[status] = f.value(t, "grpcbench_verdict", "status", status), holds
			}
			got["flying"], want["flying"] = f.value(t, "grpcbench_calls_in_flight"), 7
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s after second %d (-want +got):\n%s", name, second, diff)
			}
			if n := len(f["grpcbench_calls_total"].GetMetric()); n != 3 {
				t.Errorf("%d codes, want those that happened", n)
			}
		}
	}
}

// Every series that the run has is there, and no other: a closed loop has no intended times.
func TestSeries(t *testing.T) {
	for _, tt := range []struct {
		reason string
		cfg    recorder.Config
		want   []string
	}{
		{"a closed loop's response is its service", recorder.Config{}, []string{"response", "service"}},
		{"an open loop", recorder.Config{OpenLoop: true}, []string{"lag", "pacing", "response", "service"}},
		{
			"streams",
			recorder.Config{Messages: []series.Series{series.MessageRTT, series.FirstMessage}},
			[]string{"first_message", "message_rtt", "response", "service"},
		},
	} {
		s := listen(t)
		r := record(t, s, tt.cfg)
		r.call(5000, codes.OK)
		r.flush(t)
		var got []string
		for name, f := range asProtobuf(t, s) {
			if f.GetType() == dto.MetricType_HISTOGRAM && strings.HasPrefix(name, "grpcbench_") {
				got = append(got, strings.TrimSuffix(strings.TrimPrefix(name, "grpcbench_"), "_seconds"))
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

func TestHistograms(t *testing.T) {
	for name, values := range populations() {
		t.Run(name, func(t *testing.T) {
			s := listen(t)
			r := record(t, s, recorder.Config{})
			sum := 0.0
			for i, ns := range values {
				r.call(ns, codes.OK)
				sum += float64(ns) / 1e9
				if i%1000 == 999 {
					r.flush(t)
				}
			}
			r.flush(t)
			slices.Sort(values)
			text, proto := asText(t, s).histogram(t, "grpcbench_response_seconds"),
				asProtobuf(t, s).histogram(t, "grpcbench_response_seconds")
			for form, h := range map[string]*dto.Histogram{"text": text, "protobuf": proto} {
				if h.GetSampleCount() != uint64(len(values)) || math.Abs(h.GetSampleSum()-sum) > 1e-9*sum {
					t.Errorf("%s: count %d and sum %v, want %d and %v", form, h.GetSampleCount(), h.GetSampleSum(),
						len(values), sum)
				}
				classic(t, form, h.GetBucket(), values)
			}
			if last := text.GetBucket()[len(text.GetBucket())-1]; !math.IsInf(last.GetUpperBound(), 1) ||
				last.GetCumulativeCount() != uint64(len(values)) {
				t.Errorf("the text form's last bucket is %v, want +Inf with all", last)
			}
			native(t, proto, values)
		})
	}
}

// classic holds cumulative buckets to the values that were recorded, to the histogram's 0.1 %.
func classic(t *testing.T, form string, buckets []*dto.Bucket, sorted []int64) {
	t.Helper()
	if len(buckets) < 10 {
		t.Fatalf("%s: %d classic buckets", form, len(buckets))
	}
	upTo := func(ns float64) uint64 {
		i, _ := slices.BinarySearchFunc(sorted, ns, func(v int64, most float64) int {
			if float64(v) <= most {
				return -1
			}
			return 1
		})
		return uint64(i)
	}
	lower, below := math.Inf(-1), uint64(0)
	for _, b := range buckets {
		if b.GetUpperBound() <= lower || b.GetCumulativeCount() < below {
			t.Errorf("%s: the bucket up to %v holds %d, after one up to %v of %d", form, b.GetUpperBound(),
				b.GetCumulativeCount(), lower, below)
		}
		// A value is known to 0.1 %, or to a nanosecond.
		low, high := upTo(b.GetUpperBound()*1e9/1.001-1.5), upTo(b.GetUpperBound()*1e9*1.001+1.5)
		if n := b.GetCumulativeCount(); n < low || n > high {
			t.Errorf("%s: %d values up to %v, want %d to %d", form, n, b.GetUpperBound(), low, high)
		}
		if x := b.GetExemplar(); x != nil && (x.GetValue() <= lower || x.GetValue() > b.GetUpperBound()) {
			t.Errorf("%s: the bucket from %v to %v has the exemplar %v", form, lower, b.GetUpperBound(), x.GetValue())
		}
		lower, below = b.GetUpperBound(), b.GetCumulativeCount()
	}
}

// native holds the sparse buckets to the values that were recorded: their count, and the quantiles they give.
func native(t *testing.T, h *dto.Histogram, sorted []int64) {
	t.Helper()
	if len(h.GetNegativeSpan()) > 0 {
		t.Errorf("there are negative buckets: %v", h.GetNegativeSpan())
	}
	base := math.Pow(2, math.Pow(2, -float64(h.GetSchema())))
	if base > 1.1 {
		t.Errorf("a bucket is %v times as wide as its lower bound", base-1)
	}
	seen := h.GetZeroCount()
	if want, _ := slices.BinarySearch(sorted, 1); seen != uint64(want) {
		t.Errorf("%d values are zero, want %d", seen, want)
	}
	rank := func(q float64) int { return max(1, int(math.Ceil(q*float64(len(sorted))))) }
	quantiles := []float64{0.01, 0.5, 0.9, 0.99, 0.999, 1}
	for len(quantiles) > 0 && uint64(rank(quantiles[0])) <= seen {
		quantiles = quantiles[1:]
	}
	index, count, delta := int32(0), int64(0), 0
	for _, span := range h.GetPositiveSpan() {
		index += span.GetOffset()
		for range span.GetLength() {
			count += h.GetPositiveDelta()[delta]
			delta++
			if count < 0 {
				t.Fatalf("bucket %d holds %d", index, count)
			}
			seen += uint64(count)
			low, high := math.Pow(base, float64(index-1))*1e9, math.Pow(base, float64(index))*1e9
			for len(quantiles) > 0 && seen >= uint64(rank(quantiles[0])) {
				want := float64(sorted[rank(quantiles[0])-1])
				if want < low/1.001-1 || want > high*1.001+1 {
					t.Errorf("quantile %v is %v, and lies in the native bucket from %v to %v", quantiles[0], want, low,
						high)
				}
				quantiles = quantiles[1:]
			}
			index++
		}
	}
	if seen != h.GetSampleCount() || delta != len(h.GetPositiveDelta()) || len(quantiles) > 0 {
		t.Errorf("the native buckets hold %d of %d values in %d of %d buckets; no quantiles %v", seen,
			h.GetSampleCount(), delta, len(h.GetPositiveDelta()), quantiles)
	}
}

// The slowest call of each half-octave is there by its request id, and the slowest of a bucket is the one that stands
// for it.
func TestExemplars(t *testing.T) {
	s := listen(t)
	r := record(t, s, recorder.Config{})
	slowest := map[string]int64{} // by bucket's bound
	all := map[string]int64{}
	values := populations()["over seven decades"]
	for i, ns := range values {
		all[requestid.ID{Run: 0x0badcafe, Worker: uint16(i % 3), Seq: uint64(i)}.String()] = ns
		r.call(ns, codes.OK)
	}
	r.flush(t)
	h := asProtobuf(t, s).histogram(t, "grpcbench_response_seconds")
	for _, b := range h.GetBucket() {
		for _, ns := range values {
			if float64(ns)/1e9 < b.GetUpperBound() { // the recorder's half-octaves end before their bounds
				slowest[fmt.Sprint(b.GetUpperBound())] = max(slowest[fmt.Sprint(b.GetUpperBound())], ns)
			}
		}
	}
	below, exemplars := uint64(0), 0
	for _, b := range h.GetBucket() {
		x := b.GetExemplar()
		if x == nil {
			if b.GetCumulativeCount() > below {
				t.Errorf("the bucket up to %v has %d calls and no exemplar", b.GetUpperBound(),
					b.GetCumulativeCount()-below)
			}
			continue
		}
		exemplars++
		if len(x.GetLabel()) != 1 || x.GetLabel()[0].GetName() != "request_id" {
			t.Fatalf("the exemplar's labels are %v", x.GetLabel())
		}
		id := x.GetLabel()[0].GetValue()
		if ns, ok := all[id]; !ok || x.GetValue() != float64(ns)/1e9 {
			t.Errorf("exemplar %s took %v, want %d ns (known: %v)", id, x.GetValue(), ns, ok)
		}
		if want := float64(slowest[fmt.Sprint(b.GetUpperBound())]) / 1e9; x.GetValue() != want {
			t.Errorf("the bucket up to %v has an exemplar of %v; its slowest call took %v", b.GetUpperBound(),
				x.GetValue(), want)
		}
		if !x.GetTimestamp().AsTime().Equal(time.Unix(1_700_000_000, 5e8)) {
			t.Errorf("the exemplar's time is %v", x.GetTimestamp().AsTime())
		}
		below = b.GetCumulativeCount()
	}
	if exemplars < 40 {
		t.Errorf("%d exemplars of latencies over seven decades", exemplars)
	}
}

// The calls past the last bound are the slowest of all: of all calls they need a name.
func TestTheSlowestCallsHaveAnExemplar(t *testing.T) {
	s := listen(t)
	r := record(t, s, recorder.Config{})
	for _, ns := range []int64{1e6, 120e9} {
		r.call(ns, codes.OK)
	}
	r.flush(t)
	if text := scrape(t, s, openMetrics); !regexp.MustCompile(
		`(?m)^grpcbench_response_seconds_bucket\{step="Search",le="\+Inf"\} 2 # \{request_id="0badcafe-0001-000000000001"\} 120`).MatchString(text) {
		t.Error("the bucket +Inf has no exemplar of the call that took 120 s")
	}
}

// EX-5: OpenMetrics as its grammar has it, of which this is what a run says.
func TestOpenMetrics(t *testing.T) {
	for name, values := range populations() {
		s := listen(t)
		r := record(t, s, recorder.Config{OpenLoop: true})
		for _, ns := range values {
			r.call(ns, codes.OK)
		}
		r.flush(t)
		if exemplars := wellFormed(t, scrape(t, s, openMetrics)); exemplars == 0 {
			t.Errorf("%s: no exemplar", name)
		}
	}
}

const (
	labelSet = `\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*"(?:,|\}))*`
	number   = `(?:[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?|Inf)|NaN)`
)

var (
	metadataLine = regexp.MustCompile(`^# (TYPE|HELP|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$`)
	sampleLine   = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(` + labelSet + `)? (` + number + `)(?: # (` +
		labelSet + `) (` + number + `)(?: (` + number + `))?)?$`)
	label    = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"`)
	suffixes = map[string][]string{
		"counter": {"_total", "_created"}, "gauge": {""}, "histogram": {"_bucket", "_sum", "_count", "_created"},
		"summary": {"", "_sum", "_count", "_created"}, "unknown": {""}, "info": {"_info"},
	}
)

// wellFormed holds text to OpenMetrics 1.0, and counts its exemplars.
func wellFormed(t *testing.T, text string) (exemplars int) {
	t.Helper()
	if !strings.HasSuffix(text, "\n# EOF\n") || strings.Count(text, "# EOF") != 1 {
		t.Errorf("the text does not end in # EOF, or more than once: %q", text[max(0, len(text)-50):])
	}
	kinds, seen, samples := map[string]string{}, map[string]bool{}, map[string]bool{}
	family, bound := "", math.Inf(-1)
	lines := bufio.NewScanner(strings.NewReader(strings.TrimSuffix(text, "# EOF\n")))
	for lines.Scan() {
		line := lines.Text()
		if m := metadataLine.FindStringSubmatch(line); m != nil {
			if m[2] != family && seen[m[2]] {
				t.Errorf("the family %s is split: %s", m[2], line)
			}
			family, bound = m[2], math.Inf(-1)
			seen[family] = true
			if m[1] == "TYPE" {
				kinds[family] = m[3]
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no line of OpenMetrics: %s", line)
			continue
		}
		suffix, of := strings.CutPrefix(m[1], family)
		if !of || !slices.Contains(suffixes[kinds[family]], suffix) || samples[m[1]+m[2]] {
			t.Errorf("a sample that does not belong to the %s %s, or is there twice: %s", kinds[family], family, line)
		}
		samples[m[1]+m[2]] = true
		lower := bound
		if suffix == "_bucket" {
			all := label.FindAllStringSubmatch(m[2], -1)
			le := all[len(all)-1]
			var err error
			if bound, err = strconv.ParseFloat(le[2], 64); err != nil || le[1] != "le" || bound <= lower {
				t.Errorf("a bucket after that up to %v: %s", lower, line)
			}
		}
		if m[4] == "" {
			continue
		}
		exemplars++
		runes := 0
		for _, l := range label.FindAllStringSubmatch(m[4], -1) {
			runes += utf8.RuneCountInString(l[1] + l[2])
		}
		value, err := strconv.ParseFloat(m[5], 64)
		if suffix != "_bucket" || runes == 0 || runes > 128 || m[6] == "" || err != nil || value <= lower ||
			value > bound {
			t.Errorf("an exemplar with %d characters of labels, in the bucket from %v to %v: %s", runes, lower, bound,
				line)
		}
	}
	return exemplars
}

// Scrapes come when they like. The race detector looks on; and no scrape sees half a second.
func TestScrapesWhileTheRunGoesOn(t *testing.T) {
	s := listen(t)
	r := record(t, s, recorder.Config{OpenLoop: true})
	done := make(chan struct{})
	var wait sync.WaitGroup
	for _, accept := range []string{textForm, openMetrics, protobuf} {
		for range 2 {
			wait.Go(func() {
				last := 0.0
				for again := true; again; {
					select {
					case <-done:
						again = false
					default:
					}
					body, _, err := get(s.Addr, accept)
					if err != nil {
						t.Errorf("scrape: %v", err)
						return
					}
					if accept != textForm {
						continue
					}
					parser := expfmt.NewTextParser(model.LegacyValidation)
					parsed, err := parser.TextToMetricFamilies(strings.NewReader(body))
					if err != nil {
						t.Errorf("scrape: %v", err)
						return
					}
					f := families(parsed)
					n := f.value(t, "grpcbench_calls_total", "code", "OK", "step", "Search")
					if n < last || f.value(t, "grpcbench_calls_due_total", "step", "Search") != n || n > 0 &&
						f.histogram(t, "grpcbench_response_seconds").GetSampleCount() != uint64(n) {
						t.Errorf("a scrape has %v calls, after %v, and %v due", n, last,
							f.value(t, "grpcbench_calls_due_total", "step", "Search"))
					}
					last = n
				}
			})
		}
	}
	for second := range int64(30) {
		for i := range int64(100) {
			r.call(1000*(second+1)*(i+1), codes.OK)
		}
		r.flush(t)
		time.Sleep(10 * time.Millisecond)
	}
	close(done)
	wait.Wait()
	if n := asText(t, s).value(t, "grpcbench_calls_total", "code", "OK", "step", "Search"); n != 3000 {
		t.Errorf("at the end there are %v calls", n)
	}
}

// Tell keeps nothing of its interval: the recorder uses it again for the next second.
func TestTellKeepsNothing(t *testing.T) {
	s := listen(t)
	r := record(t, s, recorder.Config{})
	r.call(1_000_000, codes.OK)
	r.flush(t)
	before := asProtobuf(t, s).histogram(t, "grpcbench_response_seconds").String()
	r.call(2_000_000, codes.OK)
	r.lane.Swap(0, 0)
	r.Add(r.lane) // told to nobody yet
	if after := asProtobuf(t, s).histogram(t, "grpcbench_response_seconds").String(); after != before {
		t.Errorf("before it was told: %s\nwant %s", after, before)
	}
}

func TestListenRefuses(t *testing.T) {
	s := listen(t)
	for _, tt := range []struct{ reason, addr, name string }{
		{"the port is in use", s.Addr, s.Addr},
		{"no port", "127.0.0.1", "127.0.0.1"},
		{"a port that is none", "127.0.0.1:no-such-service", "no-such-service"},
		{"too large a port", "127.0.0.1:99999", "99999"},
		{"an address of another machine", "192.0.2.1:0", "192.0.2.1"},
	} {
		other, err := metrics.Listen(t.Context(), tt.addr, nil, nil, nil)
		if err == nil {
			other.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "-metrics") || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("%s: %v: want an error that names -metrics and %s", tt.reason, err, tt.name)
		}
	}
}

// A run's port is free for the next one at once, also with a scraper that keeps its connection.
func TestCloseFreesThePort(t *testing.T) {
	addr := "127.0.0.1:0"
	keep := &http.Transport{}
	defer keep.CloseIdleConnections()
	for range 5 {
		s, err := metrics.Listen(t.Context(), addr, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		addr = s.Addr
		res, err := (&http.Client{Transport: keep}).Get("http://" + addr + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body) // so that the connection is kept
		res.Body.Close()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, _, err := get(addr, textForm); err == nil {
			t.Error("it is served after Close")
		}
	}
}

// It serves figures, not the process: no profiles, and nothing at other paths.
func TestOtherPaths(t *testing.T) {
	s := listen(t)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, path := range []string{"/", "/debug/pprof/", "/metrics/"} {
		res, err := client.Get("http://" + s.Addr + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

// Each of several steps has figures of its own, and so has each flow of several: a sum over the steps is of all calls.
func TestSteps(t *testing.T) {
	s, err := metrics.Listen(t.Context(), "127.0.0.1:0", nil, []string{"Search", "Pay"}, []string{"browse", "buy"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rec := recorder.New(recorder.Config{
		Steps: make([][]series.Series, 2), Flows: []bool{false, true},
		Sink: func(iv *recorder.Snapshot) error {
			return s.Add(metrics.Second{
				Snapshot: iv,
				Examples: []metrics.Example{{
					Step: 1, RequestID: "pay", Seconds: 2e-3,
					At: time.Unix(1_700_000_000, 0),
				}},
			})
		},
	})
	l := rec.NewLane()
	for i := range 30 {
		l.Due(i % 2)
		l.Call(&recorder.Sample{Step: i % 2, Done: int64(1+i%2) * 1e6})
	}
	l.FlowDue(1)
	l.Flow(1, &recorder.Sample{Done: 5e6, Code: codes.NotFound})
	l.Swap(0, 0)
	rec.Add(l)
	if err := rec.Flush(0, 1e9); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]families{"text": asText(t, s), "protobuf": asProtobuf(t, s)} {
		got := []float64{
			f.value(t, "grpcbench_calls_total", "code", "OK", "step", "Search"),
			f.value(t, "grpcbench_calls_total", "code", "OK", "step", "Pay"),
			f.value(t, "grpcbench_calls_due_total", "step", "Pay"),
			f.value(t, "grpcbench_flows_total", "code", "NOT_FOUND", "flow", "buy"),
			f.value(t, "grpcbench_flows_due_total", "flow", "buy"),
		}
		if want := []float64{15, 15, 15, 1, 1}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		for _, m := range f["grpcbench_response_seconds"].GetMetric() {
			var exemplars int
			for _, b := range m.GetHistogram().GetBucket() {
				if b.GetExemplar() != nil {
					exemplars++
				}
			}
			step, want := m.GetLabel()[0].GetValue(), 0
			if step == "Pay" && name == "protobuf" { // which the text form does not carry
				want = 1
			}
			if n := m.GetHistogram().GetSampleCount(); n != 15 || exemplars != want {
				t.Errorf("%s: %s has %d calls, %d with an exemplar; want 15 and %d", name, step, n, exemplars, want)
			}
		}
		if n := len(f["grpcbench_flow_response_seconds"].GetMetric()); n != 1 {
			t.Errorf("%s: %d flows have response times, want that of several steps", name, n)
		}
	}
}
