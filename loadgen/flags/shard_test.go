package flags

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/plan"
)

// What each engine tells a process, and what is made of it.
func TestShardAuto(t *testing.T) {
	for _, tt := range []struct {
		reason string
		env    map[string]string
		flag   string
		want   plan.Shard // From left out
		wrong  string
	}{
		{
			"an Indexed Job",
			map[string]string{"JOB_COMPLETION_INDEX": "2", "JOB_UID": "u-1"},
			"auto/4",
			plan.Shard{Index: 2, Count: 4, Run: "u-1"},
			"",
		},
		{
			"an Indexed Job, which does not say how many",
			map[string]string{"JOB_COMPLETION_INDEX": "2"},
			"auto",
			plan.Shard{},
			"say it, as auto/8",
		},
		{
			"srun",
			map[string]string{
				"SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "17",
				"SLURM_STEP_ID": "0", "SLURM_JOB_NODELIST": "node[03-10]",
			},
			"auto",
			plan.Shard{Index: 3, Count: 8, Run: "17.0", Meet: "node03:7411"},
			"",
		},
		{
			"a Slurm array, whose tasks have a step's variables too",
			map[string]string{
				"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_JOB_ID": "9",
				"SLURM_PROCID": "0", "SLURM_NTASKS": "1",
			},
			"auto",
			plan.Shard{Index: 1, Count: 4, Run: "9"},
			"",
		},
		{
			"GNU parallel counts from 1",
			map[string]string{"PARALLEL_SEQ": "4", "PARALLEL_PID": "77"},
			"auto/4",
			plan.Shard{Index: 3, Count: 4, Run: "77"},
			"",
		},
		{"AWS Batch", map[string]string{
			"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "2",
			"AWS_BATCH_JOB_ID": "j",
		}, "auto", plan.Shard{Count: 2, Run: "j"}, ""},
		{"Cloud Run", map[string]string{
			"CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_COUNT": "2",
			"CLOUD_RUN_EXECUTION": "e",
		}, "auto", plan.Shard{Index: 1, Count: 2, Run: "e"}, ""},
		{"no engine", nil, "auto", plan.Shard{}, "none of an engine's variables"},
		{
			"no number",
			map[string]string{"SLURM_PROCID": "x", "SLURM_NTASKS": "8"},
			"auto",
			plan.Shard{},
			"is no number",
		},
		{
			"an index that there is not",
			map[string]string{"SLURM_PROCID": "8", "SLURM_NTASKS": "8"},
			"auto",
			plan.Shard{},
			"8/8",
		},
		{"by hand", map[string]string{"SLURM_PROCID": "8"}, "1/3", plan.Shard{Index: 1, Count: 3}, ""},
		{"by hand, wrong", nil, "3/3", plan.Shard{}, "want 0 to n-1"},
		{"by hand, not whole", nil, "3", plan.Shard{}, "want i/n"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			for _, e := range engines {
				t.Setenv(e.index, "")
			}
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			var got plan.Shard
			err := shardFlag{&got}.Set(tt.flag)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("%v, want %q", err, tt.wrong)
				}
				return
			}
			if err != nil || (got.From != "") != strings.HasPrefix(tt.flag, "auto") {
				t.Errorf("%v, from %q", err, got.From)
			}
			got.From = ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFirstHost(t *testing.T) {
	for list, want := range map[string]string{
		"": "", "a": "a", "a,b": "a", "n[1-3]": "n1", "n[07,9]": "n07",
		"n[5]": "n5", "x,n[1-3]": "x", "rack1-n[2-4],other": "rack1-n2",
	} {
		if got := firstHost(list); got != want {
			t.Errorf("of %q the first is %q, want %q", list, got, want)
		}
	}
}

// What several processes need of each other is said before any of them begins.
func TestShardProblems(t *testing.T) {
	whole := "-rpc Search -addr a:1 -shard 1/4 -run r -meet b:1 -meet-plaintext"
	for _, tt := range []struct{ reason, args, want string }{
		{"whole", whole, ""},
		{"a folder needs no secret", "-rpc Search -addr a:1 -shard 1/4 -run r -meet ./m", ""},
		{"no name", "-rpc Search -addr a:1 -shard 1/4 -meet b:1 -meet-plaintext", "-run NAME is missing"},
		{"no place", "-rpc Search -addr a:1 -shard 1/4 -run r", "-meet is missing"},
		{"no port", "-rpc Search -addr a:1 -shard 1/4 -run r -meet b -meet-plaintext", `-meet "b"`},
		{
			"in the open", "-rpc Search -addr a:1 -shard 1/4 -run r -meet b:1",
			"-meet-token, a secret that all share, or -meet-plaintext",
		},
		{"a short secret", whole + " -meet-token abc", "a secret of 3 characters can be guessed"},
		{"a target of its own", "-rpc Search -shard 1/4 -run r -meet b:1 -meet-plaintext", "give -addr"},
		{"too few workers", whole + " -c 3", "4 processes need as many workers"},
		{"more connections than workers", whole + " -c 8 -conns 3", "this one has 2 workers"},
		{"of one process", "-rpc Search -meet b:1", "give -shard i/n too"},
		{"a limit that is none", "-rpc Search -abort-on p99", "-abort-on"},
	} {
		_, err := Run(strings.Fields(tt.args), strings.NewReader(""), io.Discard)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.reason, err, tt.want)
		}
	}
}
