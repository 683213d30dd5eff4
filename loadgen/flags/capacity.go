package flags

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/flagset"
)

// ReadCapacity reads the command line of `loadgen capacity`: that of a run, but for its rate and length, and the
// search's own. Errors are as for [Run].
func ReadCapacity(args []string, stdin io.Reader, usage io.Writer) (plan.Capacity, error) {
	var c plan.Capacity
	p, fs, problems := read("capacity", args, func(fs *flag.FlagSet, p *plan.Plan) {
		common(fs, p)
		load(fs, p)
		flagset.NumberVar(fs, &c.From, "from", 0,
			"lowest rate to try, in calls a second; 0 is where a half of what a closed loop reaches leads")
		flagset.NumberVar(fs, &c.To, "to", 0, "highest rate to try; 0 is as high as passes")
		fs.Var(percentFlag{&c.Precision}, "precision", "how far apart the rates may be that pass and fail, as `5%`")
		flagset.DurationVar(fs, &c.Budget, "budget", 10*time.Minute, "time for all of it")
		for _, f := range notCapacitys {
			fs.Lookup(f).Usage = "" // it is answered with a hint only
		}
	})
	if isHelp(problems) {
		printUsage(usage, "loadgen capacity -rpc NAME|-f FILE -slo 'p99<10ms,errors<0.1%' [flags]   (-slo "+
			"'capacity>40000' too)", fs)
		return c, flag.ErrHelp
	}
	set := givenFlags(fs)
	for _, f := range notCapacitys {
		if set[f] && f != "duration" && f != "total" { // which are -d and -n
			problems = append(problems, fmt.Errorf("-%s: a search for capacity has its own", f))
		}
	}
	if c.Precision == 0 {
		c.Precision = 0.05
	}
	c.Out, c.Force, c.Name, c.Format, c.Quiet = p.Out, p.Force, p.Name, p.Format, p.Quiet
	if c.Quiet && !set["format"] {
		c.Format = plan.Silent
	} else if c.Format == "csv" {
		problems = append(problems, errors.New("-format csv: a capacity is no table of runs"))
	}
	var own []string
	for part := range strings.SplitSeq(p.SLO, ",") {
		part = strings.TrimSpace(part)
		if strings.HasPrefix(part, "capacity") {
			own = append(own, part)
			continue
		}
		if part != "" {
			c.SLO += map[bool]string{true: ","}[c.SLO != ""] + part
		}
	}
	if c.Limits = strings.Join(own, ","); c.Limits != "" {
		if _, err := verdict.ParseCapacityLimits(c.Limits); err != nil {
			problems = append(problems, fmt.Errorf("-slo: %w", err))
		}
	}
	if c.SLO == "" {
		problems = append(problems, errors.New("-slo is missing: what a rate is to keep, as 'p99<10ms,errors<0.1%'"))
	}
	if c.Budget < leastBudget {
		problems = append(problems, fmt.Errorf("-budget %v: want %v or more", c.Budget, leastBudget))
	}
	if c.From < 0 || c.To < 0 || c.To > 0 && c.From > c.To {
		problems = append(problems, fmt.Errorf("-from %v -to %v: want rates, the first below the second", c.From, c.To))
	}
	if c.Precision < 0.001 || c.Precision > 1 {
		problems = append(problems, fmt.Errorf("-precision %v%%: want 0.1%% to 100%%", 100*c.Precision))
	}
	p.SLO, p.Rate, p.Arrival, p.Drain = c.SLO, 1, plan.Poisson, min(p.Drain, 2*time.Second)
	if !set["c"] && !set["concurrency"] {
		p.Workers = 1000 // what waits for a worker is not the server's
	}
	problems = append(problems, readFile(&p, set)...)
	resolve(&p, set)
	p.SLO = c.SLO
	problems = append(problems, problemsOf(&p, map[string]bool{})...)
	problems = append(problems, readData(&p, stdin)...)
	p.Out, p.Format, p.Command = "", "text", nil
	c.Load = p
	return c, plan.NewUsageError(problems...)
}

// notCapacitys are the flags of a run that a search sets itself.
var notCapacitys = []string{
	"rate", "stages", "d", "duration", "n", "total", "arrival", "warmup", "abort-on",
	"messages",
}

const leastBudget = 30 * time.Second

// percentFlag reads a share as a percentage.
type percentFlag struct{ value *float64 }

func (f percentFlag) String() string {
	if f.value == nil || *f.value == 0 {
		return "5%"
	}
	return fmt.Sprintf("%g%%", 100**f.value)
}

func (f percentFlag) Set(s string) error {
	var v float64
	if _, err := fmt.Sscanf(s, "%g%%", &v); err != nil || !strings.HasSuffix(s, "%") {
		return errors.New("want a percentage such as 5%")
	}
	*f.value = v / 100
	return nil
}
