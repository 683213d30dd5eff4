package main_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A flow of two steps is timed from its intended start: a stall is in it as in a call, whichever step it hits.
func TestStallOfAFlow(t *testing.T) { // CO-1, for flows
	file := filepath.Join(t.TempDir(), "flow.yaml")
	if err := os.WriteFile(file, []byte(`flows:
- name: both
  steps:
  - {rpc: GetUser, data: {email: "a${seq}@b", id: "1"}, save: {name: user.firstName}}
  - {rpc: Search, data: {name: "${name}"}, expect: {name: "我收到了${name}的信息"}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := stall{rate: 200, d: 5, t0: 2, s: 1, mu: 4000}
	overBoth(t, func(transport string) error {
		args := c.args("-transport", transport, "-f", file)
		i := slices.Index(args, "-rpc")
		m, err := measure(t, slices.Delete(args, i, i+2)...)
		if err != nil {
			return err
		}
		if len(m.Flows) != 1 || len(m.Steps) != 2 || m.Counts.Failed > 0 || m.Flows[0].Counts.OK != int64(c.rate*c.d) {
			return fmt.Errorf("flows %+v, counts %+v, want %v flows\n%s", m.Flows, m.Counts, c.rate*c.d,
				strings.TrimSpace(m.output))
		}
		if sum := m.Steps[0].Counts.OK + m.Steps[1].Counts.OK; sum != m.Counts.OK {
			return fmt.Errorf("the steps have %d calls, the run %d", sum, m.Counts.OK)
		}
		for _, q := range []float64{90, 95, 99} {
			got, ok := m.Flows[0].Latency["response"].At(q)
			want := c.quantile(q/100, 0)
			if slack := 2 * c.tolerance(want); !ok || math.Abs(float64(got.Ns)-float64(want)) > float64(slack) {
				return fmt.Errorf("p%v of the flow is %v, want %v within %v", q, time.Duration(got.Ns), want, slack)
			}
		}
		return nil
	})
}
