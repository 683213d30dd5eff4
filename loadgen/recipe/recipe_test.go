package recipe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/recipe"
)

// write prints the recipe of a command line, in a folder with some files.
func write(t *testing.T, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"users.csv": "name\na\n", "body.json": `{"name": "a"}`,
		"mix.yaml": "feeds: {users: {file: users.csv}}\n" +
			"flows:\n- {rpc: Search, data: {name: \"${users.name}\"}}\n",
		"other/users.csv": "name\nb\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	r, err := flags.ReadRecipe(args, nil, &strings.Builder{})
	if err != nil {
		return "", err //nolint:wrapcheck // it is what the test looks at
	}
	var b strings.Builder
	err = recipe.Write(&b, r)
	return b.String(), err
}

func TestWrite(t *testing.T) {
	t.Setenv("API_TOKEN", "secret")
	run := []string{"--", "-rpc=Search", "-addr=a:1", "-rate=100", "-d=90s", "-drain=10s"}
	for _, tt := range []struct {
		why  string
		args []string
		want []string
		not  string
	}{
		{
			why:  "Slurm counts in minutes, and gets time to meet and to end",
			args: append([]string{"slurm", "-n=3"}, run...),
			want: []string{"#SBATCH --ntasks=3", "#SBATCH --time=7", "-shard auto", "-rate=100"},
		},
		{
			why:  "parallel runs a line a process",
			args: append([]string{"parallel", "-n=3"}, run...),
			want: []string{"seq 3 | parallel", "-shard auto/3 -meet 127.0.0.1:7411"},
		},
		{
			why:  "the name and the port are the caller's",
			args: append([]string{"kubernetes", "-n=3", "-name=peak", "-port=9", "-image=me/loadgen:1"}, run...),
			want: []string{"-meet=peak-0.peak:9", "image: me/loadgen:1", "completions: 3", "-shard=auto/3"},
		},
		{
			why: "a manifest carries the files that the run reads, by new names where two are alike",
			args: append(append([]string{"kubernetes", "-n=2"}, run...), "-feed=u=users.csv,shuffle",
				"-feed=v=other/users.csv", "-data=@body.json"),
			want: []string{
				`"u=/config/users.csv,shuffle"`, `"v=/config/2-users.csv"`, `"@/config/body.json"`,
				`"users.csv": bmFtZQphCg==`, `"2-users.csv": bmFtZQpiCg==`,
			},
		},
		{
			why:  "a scenario carries the feeds beside it",
			args: []string{"kubernetes", "-n=2", "--", "-f=mix.yaml", "-addr=a:1", "-rate=100", "-d=5s"},
			want: []string{`"/config/mix.yaml"`, `"users.csv": bmFtZQphCg==`},
		},
		{
			why:  "a secret goes by the environment, and not by the command line",
			args: append(append([]string{"kubernetes", "-n=2"}, run...), "-H=authorization: $API_TOKEN"),
			want: []string{"API_TOKEN: c2VjcmV0", `"authorization: $API_TOKEN"`},
			not:  "secret\n",
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			text, err := write(t, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("it lacks %s:\n%s", want, text)
				}
			}
			if tt.not != "" && strings.Contains(text, tt.not) {
				t.Errorf("it has %q:\n%s", tt.not, text)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	run := []string{"kubernetes", "-n=2", "--", "-rpc=Search", "-addr=a:1", "-rate=100", "-d=5s"}
	for _, tt := range []struct {
		why  string
		arg  string
		says string
	}{
		{"folders of .proto files are not carried", "-proto=a.proto", "-protoset"},
		{"results are where the pod keeps them", "-o=out", "/results"},
		{"a file that is not there", "-data=@none.json", "none.json"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if _, err := write(t, append(run, tt.arg)...); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v, want an error that says %s", tt.arg, err, tt.says)
			}
		})
	}
}
