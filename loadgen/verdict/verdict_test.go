package verdict_test

import (
	"encoding/json"
	"strings"
	"testing"

	"grpcbench/loadgen/verdict"
)

// The worst status counts, in whichever order the rules speak, and every reason is told.
func TestWorstWins(t *testing.T) {
	doubt := func(f *verdict.Facts) { f.Interrupted = true }                 // an early rule
	lateDoubt := func(f *verdict.Facts) { f.DriftP, f.DriftShare = 1e-6, 1 } // the last rule
	fault := func(f *verdict.Facts) { f.Overflow = 1 }                       // the first rule
	lateFault := func(f *verdict.Facts) { f.ClockCost = 1 << 20 }            // a late rule
	for _, tt := range []struct {
		reason  string
		changes []func(*verdict.Facts)
		want    verdict.Status
	}{
		{"two doubts are no fault", []func(*verdict.Facts){doubt, lateDoubt}, verdict.Suspect},
		{"a fault before a doubt", []func(*verdict.Facts){fault, lateDoubt}, verdict.Invalid},
		{"a fault after a doubt", []func(*verdict.Facts){doubt, lateFault}, verdict.Invalid},
		{"all of them", []func(*verdict.Facts){doubt, lateDoubt, fault, lateFault}, verdict.Invalid},
	} {
		f := healthy()
		for _, change := range tt.changes {
			change(&f)
		}
		if v := verdict.Judge(f); v.Status != tt.want || len(v.Reasons) != len(tt.changes) {
			t.Errorf("%s: %v for %q, want %v for %d reasons", tt.reason, v.Status, v.Reasons, tt.want, len(tt.changes))
		}
	}
}

// due = ok + failed + unfinished + never_sent, always: whatever does not add up is said.
func TestAccountingIdentity(t *testing.T) {
	for _, due := range []int64{0, 1, 7, 1 << 40} {
		for parts := range 5 {
			for _, off := range []int64{-1, 0, 1} {
				f := verdict.Facts{Due: due}
				where := []*int64{&f.OK, &f.Failed, &f.Unfinished, &f.NeverSent}
				if parts == 4 { // spread over all
					f.Failed, f.Unfinished, f.NeverSent = due/4, due/4, due/4
					f.OK = due - 3*(due/4) + off
				} else {
					*where[parts] = due + off
				}
				v := verdict.Judge(f)
				if said := strings.Contains(strings.Join(v.Reasons, "\n"), "do not add up"); said != (off != 0) ||
					off != 0 && v.Status != verdict.Invalid {
					t.Errorf("%+v: %v %q, want the counts blamed: %v", f, v.Status, v.Reasons, off != 0)
				}
			}
		}
	}
}

// Judge is a function of its facts: it changes none and keeps none.
func TestJudgeIsPure(t *testing.T) {
	f := healthy()
	f.Overflow, f.Interrupted = 1, true
	first, second := verdict.Judge(f), verdict.Judge(f)
	first.Reasons[0] = "changed"
	if second.Reasons[0] == "changed" || len(second.Reasons) != 2 || verdict.Judge(f).Reasons[0] != second.Reasons[0] {
		t.Errorf("judged again: %q, want what was said before", verdict.Judge(f).Reasons)
	}
}

// In result.json a valid run has no reasons, and not no list of them.
func TestVerdictInJSON(t *testing.T) {
	data, err := json.Marshal(verdict.Judge(healthy()))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(data), `{"status":"valid","reasons":[]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for status, want := range map[verdict.Status]string{
		verdict.Valid: "valid", verdict.Suspect: "suspect",
		verdict.Invalid: "invalid",
	} {
		if string(status) != want {
			t.Errorf("a status is spelled %q, want %q", status, want)
		}
	}
}
