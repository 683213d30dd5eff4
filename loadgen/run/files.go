package run

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/report"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
)

// files are what a run writes while it runs.
type files struct {
	folder        result.Folder
	hlogFile      *os.File
	hlog          *result.Hlog
	targetLog     *lazyFile
	clientLog     *lazyFile
	clientMetrics *prometheus.Registry
	points        []result.Point
	seconds       []*kept       // of a session's load
	silent        time.Duration // at the end of what was recorded so far
}

// open makes the folder, before any load: a run that cannot be kept is not made.
func (r *run) open() (err error) {
	now := time.Now()
	if r.host != nil || r.guest != nil {
		if err := r.openShard(); err != nil {
			return err
		}
	}
	if r.folder, err = newFolder(&r.plan, now); err != nil {
		return err
	}
	r.targetLog = &lazyFile{folder: r.folder, name: result.TargetLog}
	r.clientLog = &lazyFile{folder: r.folder, name: result.ClientLog}
	if r.hlogFile, err = r.folder.Create(result.HlogFile); err != nil {
		return errors.Join(err, r.folder.Discard())
	}
	if r.hlog, err = result.NewHlog(r.hlogFile, now); err == nil && (r.host != nil || r.guest != nil) {
		err = r.openLog()
	}
	if err != nil {
		return errors.Join(err, r.hlogFile.Close(), r.folder.Discard())
	}
	return nil
}

// newFolder takes the plan's folder. Where the plan names none, and two runs start within a millisecond, the second
// takes the next.
func newFolder(p *plan.Plan, now time.Time) (result.Folder, error) {
	named := p.Out != ""
	for {
		out := OutFolder(*p, now)
		folder, err := result.NewFolder(out, p.Force)
		if !named && errors.Is(err, result.ErrTaken) {
			now = now.Add(time.Millisecond)
			continue
		}
		p.Out = out
		return folder, err
	}
}

// close ends the target and the files. Of a run of which nothing was measured nothing stays.
func (r *run) close(measured bool) error {
	var err error
	if r.child != nil {
		err = r.child.Stop()
		_ = r.watching.Wait() // it returns no error
	}
	err = errors.Join(err, r.hlogFile.Close(), r.targetLog.Close(), r.clientLog.Close())
	if !measured {
		return errors.Join(err, r.folder.Discard())
	}
	return errors.Join(err, r.folder.Release())
}

// recordInterval takes one interval: a line per series in the log, and a point of the run's course.
func (r *run) recordInterval(iv *recorder.Snapshot) error {
	var cpu time.Duration
	if r.health != nil {
		cpu = r.health.window()
	}
	h := iv.Headline()
	point := result.Point{
		TS:   float64(iv.End-r.rec.Total().Start) / 1e9,
		Sent: iv.Counts.Sent, OK: iv.Counts.OK, Failed: iv.Counts.Failed,
		P50Ns: min(h.Histogram.ValueAtPercentile(50), h.Max), P99Ns: min(h.Histogram.ValueAtPercentile(99), h.Max),
		MaxNs:      h.Max,
		Unfinished: iv.Counts.Unfinished, Censored: h.CensoredCount(), Waiting: iv.Waiting, OldestNs: iv.Oldest,
		ClientCPUNs: int64(cpu),
	}
	if !r.settling {
		r.points = append(r.points, point)
		r.trackSilence(iv)
		r.showInterval(point, iv)
	}
	if r.hlog == nil {
		return r.keepInterval(iv)
	}
	if r.round != nil && r.log == nil { // what all made
		if err := r.keepInterval(iv); err != nil {
			return err
		}
	}
	err := errors.Join(r.tellMetrics(iv),
		r.hlog.Interval(iv, r.prefix(), r.wallOf(iv.Start), r.wallOf(iv.End),
			slices.Concat(r.stepNames(), r.flowNames())...))
	r.checkAbort()
	return errors.Join(err, r.share(iv))
}

// keepInterval keeps an interval of a trial.
func (r *run) keepInterval(iv *recorder.Snapshot) error {
	k := &kept{}
	k.Steps, k.Flows = make([]*recorder.Part, len(iv.Steps)), make([]*recorder.Part, len(iv.Flows))
	for i := range k.Steps {
		k.Steps[i] = &recorder.Part{}
	}
	for i := range k.Flows {
		if iv.Flows[i] != nil {
			k.Flows[i] = &recorder.Part{}
		}
	}
	r.seconds = append(r.seconds, k)
	return k.Merge(iv)
}

// write writes what is known at the run's end; of a trial nothing.
func (r *run) write(doc *result.Document) error {
	if r.hlog == nil {
		return nil
	}
	total := r.rec.Total()
	byWorker := total.Workers
	for _, w := range slices.Sorted(maps.Keys(byWorker)) {
		prefix := requestid.ID{Run: r.id, Worker: w}.WorkerPrefix()
		if err := r.hlog.Worker(byWorker[w], prefix, r.wallOf(total.Start), r.wallOf(total.End)); err != nil {
			return err
		}
	}
	if slices.Contains(r.plan.ClientInterceptors, "metrics") {
		if err := r.folder.Write(result.ClientProm, r.writeMetrics); err != nil {
			return err
		}
	}
	return errors.Join(
		r.folder.WriteDocument(doc),
		r.folder.Write(result.BenchFile, doc.WriteBench),
		r.folder.Write(result.ReportFile, func(w io.Writer) error { return report.Markdown(w, doc) }),
	)
}

// writeMetrics writes what the metrics client interceptor counted, in Prometheus' text format.
func (r *run) writeMetrics(w io.Writer) error {
	families, err := r.clientMetrics.Gather()
	if err != nil {
		return fmt.Errorf("gather the client metrics: %w", err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return fmt.Errorf("write the client metrics: %w", err)
		}
	}
	return nil
}

// lazyFile is a log of the run's folder that exists once something is written to it.
type lazyFile struct {
	folder result.Folder
	name   string

	mu   sync.Mutex
	file *os.File
	buf  *bufio.Writer
}

func (l *lazyFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf == nil {
		file, err := l.folder.Create(l.name)
		if err != nil {
			return 0, err
		}
		l.file, l.buf = file, bufio.NewWriterSize(file, 64<<10)
	}
	return l.buf.Write(p)
}

// Close ends the log; nothing was written where it does not exist.
func (l *lazyFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return errors.Join(l.buf.Flush(), l.file.Close())
}
