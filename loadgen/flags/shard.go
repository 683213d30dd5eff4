package flags

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/server/flagset"
)

// shardFlags are those of a run that several processes make together.
func shardFlags(fs *flag.FlagSet, s *plan.Shard) {
	fs.Var(shardFlag{s}, "shard", "this process makes part `i/n` of the run, from 0/n on, together with the others; "+
		"-rate, -c, -n, stages and feeds are the whole run's. auto, or auto/n where the engine does not tell n, "+
		"reads the environment of Slurm, a Kubernetes Indexed Job, GNU parallel, AWS Batch or Cloud Run")
	fs.StringVar(&s.Run, "run", s.Run, "with -shard, the run's `name`, the same for all")
	fs.StringVar(&s.Meet, "meet", s.Meet,
		"with -shard, where all meet: `host:port` of shard 0, or a folder that all see, with a slash in its name")
	fs.Var(secretFlag{&s.Token}, "meet-token",
		"with -shard, a `secret` that all share, @FILE or $NAME: it secures their meeting")
	fs.BoolVar(&s.Plaintext, "meet-plaintext", false, "with -shard, meet without a secret, in plaintext")
	flagset.DurationVar(fs, &s.Timeout, "meet-timeout", 2*time.Minute, "with -shard, longest wait for the others")
}

// shardFlag reads i/n, auto or auto/n.
type shardFlag struct{ *plan.Shard }

func (f shardFlag) String() string {
	if f.Shard == nil || !f.On() {
		return ""
	}
	return f.Shard.String()
}

func (f shardFlag) Set(s string) error {
	index, count, whole := strings.Cut(s, "/")
	if index == "auto" {
		return f.auto(count)
	}
	var err error
	if f.Index, err = strconv.Atoi(index); err != nil || !whole {
		return errors.New("want i/n, such as 0/4, or auto")
	}
	if f.Count, err = strconv.Atoi(count); err != nil {
		return errors.New("want i/n, such as 0/4, or auto")
	}
	return f.check()
}

func (f shardFlag) check() error {
	if f.Count < 1 || f.Count > maxShards || f.Index < 0 || f.Index >= f.Count {
		return fmt.Errorf("%d/%d: want 0 to n-1 of n, at most %d", f.Index, f.Count, maxShards)
	}
	return nil
}

const maxShards = 1024

// engines tell a process which of several it is, in variables of these names. Slurm's arrays stand before its steps:
// their tasks have a step's variables too, all of them 0.
var engines = []struct {
	name, index, count, run string
	first                   int // the lowest index
}{
	{"a Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", "", "JOB_UID", 0},
	{"a Slurm array", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_JOB_ID", 0},
	{"srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_JOB_ID", 0},
	{"GNU parallel", "PARALLEL_SEQ", "", "PARALLEL_PID", 1},
	{"an AWS Batch array", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", "AWS_BATCH_JOB_ID", 0},
	{"a Cloud Run job", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT", "CLOUD_RUN_EXECUTION", 0},
}

// auto reads what the engine tells; count is what the flag says of it.
func (f shardFlag) auto(count string) error {
	for _, e := range engines {
		index, ok := os.LookupEnv(e.index)
		if !ok || index == "" {
			continue
		}
		n, source := count, "the flag"
		if n == "" && e.count != "" {
			n, source = os.Getenv(e.count), e.count
		}
		if n == "" {
			return fmt.Errorf("auto: %s tells no process how many there are: say it, as auto/8", e.name)
		}
		var err error
		if f.Index, err = strconv.Atoi(index); err != nil {
			return fmt.Errorf("auto: %s=%q is no number", e.index, index)
		}
		if f.Count, err = strconv.Atoi(n); err != nil {
			return fmt.Errorf("auto: %q, from %s, is no number", n, source)
		}
		f.Index -= e.first
		if f.Run == "" {
			f.Run = os.Getenv(e.run)
			if step := os.Getenv("SLURM_STEP_ID"); e.name == "srun" && step != "" {
				f.Run += "." + step
			}
		}
		if host := firstHost(os.Getenv("SLURM_JOB_NODELIST")); f.Meet == "" && e.name == "srun" && host != "" {
			f.Meet = net.JoinHostPort(host, meetPort)
		}
		f.From = fmt.Sprintf("%s (%s=%s)", e.name, e.index, index)
		return f.check()
	}
	return errors.New("auto: the environment has none of an engine's variables: JOB_COMPLETION_INDEX, SLURM_PROCID, " +
		"PARALLEL_SEQ and others; say i/n")
}

// meetPort is where shard 0 listens where only its host is known.
const meetPort = "7411"

// firstHost is the first of a Slurm host list, such as node[3-5,7],other: node3.
func firstHost(list string) string {
	head, ranges, several := strings.Cut(list, "[")
	if before, _, ok := strings.Cut(head, ","); ok {
		return before
	}
	if !several {
		return head
	}
	end := strings.IndexAny(ranges, "-,]")
	if end < 0 {
		return ""
	}
	return head + ranges[:end]
}

// secretFlag reads a secret: itself, @FILE or $NAME.
type secretFlag struct{ value *string }

func (secretFlag) String() string { return "" }

func (f secretFlag) Set(s string) (err error) {
	if *f.value, _, err = resolveValue(s); err != nil {
		return err
	}
	if len(*f.value) < leastToken {
		return fmt.Errorf("a secret of %d characters can be guessed: want %d or more", len(*f.value), leastToken)
	}
	return nil
}

const leastToken = 16

// shardProblems are those of a run that several processes make.
func shardProblems(p *plan.Plan) (all []error) {
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	s := &p.Shard
	if !s.On() {
		if s.Run != "" || s.Meet != "" || s.Token != "" || s.Plaintext {
			wrong("-run and -meet are for a run of several processes: give -shard i/n too")
		}
		*s = plan.Shard{}
		return all
	}
	if s.Run == "" {
		wrong("-shard %v: -run NAME is missing, the same for all", s)
	}
	if p.Embedded() {
		wrong("-shard %v: give -addr, for each process would start a target of its own", s)
	}
	if p.Workers < s.Count {
		wrong("-c %d: %d processes need as many workers, or more", p.Workers, s.Count)
	} else if _, own := s.Share(p.Workers); p.Conns > own {
		wrong("-conns %d: each process has as many, and this one has %d workers", p.Conns, own)
	}
	if s.Timeout <= 0 {
		wrong("-meet-timeout %v: want a positive duration", s.Timeout)
	}
	switch {
	case s.Meet == "":
		wrong("-shard %v: -meet is missing: host:port of shard 0, or a folder that all see", s)
	case !strings.ContainsAny(s.Meet, `/\`):
		if _, port, err := net.SplitHostPort(s.Meet); err != nil || port == "" {
			wrong("-meet %q: want host:port of shard 0, or a folder, with a slash in its name", s.Meet)
		}
		if s.Token == "" && !s.Plaintext {
			wrong("-meet %s: give -meet-token, a secret that all share, or -meet-plaintext", s.Meet)
		}
	}
	return all
}
