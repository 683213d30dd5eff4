package message_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/transport"
)

var _ transport.Source = message.Source{}

func template(t *testing.T, encoded string) message.Template {
	t.Helper()
	m, err := message.New([]byte(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTemplateAppend(t *testing.T) {
	const p = message.Placeholder
	for _, tt := range []struct {
		reason, encoded string
		seq             uint64
		i               int
		want            string
	}{
		{"without a counter nothing changes", "plain", 7, 3, "plain"},
		{"an empty message stays empty", "", 7, 3, ""},
		{"a counter alone", p, 1, 2, "0000000001000002"},
		{"at the front", p + "tail", 1, 2, "0000000001000002tail"},
		{"at the end", "head" + p, 1, 2, "head0000000001000002"},
		{"between, every digit in its place", "\x0a\x10" + p + "\x10\x24", 0x123456789a, 0xbcdef0, "\x0a\x10123456789abcdef0\x10\x24"},
		{"a placeholder cut short is text", p[1:], 1, 2, p[1:]},
		{"the first message of the first call", p, 0, 0, "0000000000000000"},
		{"the largest that is told apart", p, 1<<40 - 1, 1<<24 - 1, "ffffffffffffffff"},
	} {
		m := template(t, tt.encoded)
		if got := string(m.Append([]byte("before "), tt.seq, tt.i)); got != "before "+tt.want {
			t.Errorf("%s: Append = %q, want %q", tt.reason, got, "before "+tt.want)
		}
		if got := m.Len(); got != len(tt.want) {
			t.Errorf("%s: Len() = %d, want %d", tt.reason, got, len(tt.want))
		}
	}
}

func TestTemplateIsReadOnly(t *testing.T) {
	m := template(t, "a"+message.Placeholder+"b")
	first := m.Append(nil, 1, 1)
	kept := string(first)
	second := m.Append(nil, 2, 2)
	if string(first) != kept {
		t.Errorf("the message of call 1 became %q, want %q", first, kept)
	}
	copy(second, "overwritten by its owner")
	if got := string(m.Append(nil, 1, 1)); got != kept {
		t.Errorf("the template makes %q, want %q", got, kept)
	}
	spare := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { spare = m.Append(spare[:0], 1, 1) }); n != 0 {
		t.Errorf("Append into a large enough dst: %v allocations, want none", n)
	}
}

func TestNewRefusesTwoCounters(t *testing.T) {
	for _, n := range []int{2, 3} {
		_, err := message.New([]byte(strings.Repeat("x"+message.Placeholder, n)))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("%d counters: error %v, want one that says how many", n, err)
		}
	}
}

// Each message of each call is another: that is what an answer is told by.
func TestTemplatesDiffer(t *testing.T) {
	m := template(t, "name="+message.Placeholder)
	seen := map[string]string{}
	for _, seq := range []uint64{0, 1, 2, 255, 256, 1<<24 - 1, 1 << 24, 1 << 32, 1<<40 - 1} {
		for _, i := range []int{0, 1, 2, 255, 256, 65535, 65536, 1<<24 - 1} {
			body, is := string(m.Append(nil, seq, i)), fmt.Sprintf("message %d of call %d", i, seq)
			if other, ok := seen[body]; ok {
				t.Errorf("%s and %s are both %q", is, other, body)
			}
			seen[body] = is
			if !m.Matches([]byte(body), seq, i) {
				t.Errorf("%s does not match itself", is)
			}
			if m.Matches([]byte(body), seq+1, i) || m.Matches([]byte(body), seq, i+1) {
				t.Errorf("%s matches another", is)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	counted, plain := template(t, "<"+message.Placeholder+">"), template(t, "plain")
	const body = "<0000000005000007>"
	for _, tt := range []struct {
		reason string
		m      message.Template
		body   string
		want   bool
	}{
		{"the message itself", counted, body, true},
		{"another byte before the counter", counted, "(0000000005000007>", false},
		{"another byte after it", counted, "<0000000005000007)", false},
		{"another first digit", counted, "<1000000005000007>", false},
		{"another last digit", counted, "<0000000005000008>", false},
		{"a byte too many", counted, body + ">", false},
		{"a byte too few", counted, body[:len(body)-1], false},
		{"nothing", counted, "", false},
		{"the placeholder itself", counted, "<" + message.Placeholder + ">", false},
		{"plain text", plain, "plain", true},
		{"other plain text", plain, "plaid", false},
		{"no text for plain text", plain, "", false},
		{"nothing for the zero Template", message.Template{}, "", true},
		{"something for the zero Template", message.Template{}, "x", false},
	} {
		if got := tt.m.Matches([]byte(tt.body), 5, 7); got != tt.want {
			t.Errorf("%s: Matches(%q) = %v, want %v", tt.reason, tt.body, got, tt.want)
		}
	}
}

func TestZeroTemplate(t *testing.T) {
	var m message.Template
	if got := m.Append([]byte("kept"), 1, 2); string(got) != "kept" || m.Len() != 0 {
		t.Errorf("Append = %q of length %d, want nothing appended", got, m.Len())
	}
}

func TestSourceAppend(t *testing.T) {
	s := message.Source{Messages: []message.Template{template(t, "context"), template(t, message.Placeholder)}}
	for i, want := range []string{"context", "0000000003000001", "0000000003000002", "0000000003000003"} {
		got, err := s.Append([]byte("-"), 3, i)
		if err != nil || string(got) != "-"+want {
			t.Errorf("message %d = %q, %v, want %q", i, got, err, "-"+want)
		}
	}
	got, err := message.Source{}.Append([]byte("kept"), 0, 0)
	if !errors.Is(err, message.ErrNoMessage) || string(got) != "kept" {
		t.Errorf("a Source without messages: %q, %v, want kept, ErrNoMessage", got, err)
	}
}

// The judge is asked only about what is not the expected bytes, with the counter of the right message.
func TestSourceCheck(t *testing.T) {
	wrong := errors.New("wrong")
	var want []byte
	var sent int
	judge := func(_, w []byte, n int) error { want, sent = bytes.Clone(w), n; return wrong }
	s := message.Source{Answer: message.Answer{Want: template(t, "got "+message.Placeholder), Judge: judge}}
	for _, tt := range []struct {
		reason  string
		repeats bool
		body    string
		err     error
		judged  string // the want that the judge was given, empty where it was not asked
	}{
		{"the expected bytes", false, "got 0000000005000002", nil, ""},
		{"another message of the call", false, "got 0000000005000001", wrong, "got 0000000005000002"},
		{"another call", false, "got 0000000006000002", wrong, "got 0000000005000002"},
		{"nothing", false, "", wrong, "got 0000000005000002"},
		{"repeated, the first message", true, "got 0000000005000000", nil, ""},
		{"repeated, the third message", true, "got 0000000005000002", wrong, "got 0000000005000000"},
	} {
		want, sent, s.Answer.Repeats = nil, 0, tt.repeats
		if err := s.Check(5, 2, 9, []byte(tt.body)); !errors.Is(err, tt.err) {
			t.Errorf("%s: Check = %v, want %v", tt.reason, err, tt.err)
		}
		if string(want) != tt.judged || tt.err != nil && sent != 9 {
			t.Errorf("%s: the judge was told to want %q after %d messages, want %q after 9", tt.reason, want, sent, tt.judged)
		}
	}
	s.Answer.Judge = nil
	if err := s.Check(5, 2, 9, []byte("anything")); err != nil {
		t.Errorf("without a judge: %v, want any body taken", err)
	}
}

// An Answer that gives no usual encoding leaves every body to its judge, the empty one too.
func TestSourceWithoutWantAsksItsJudge(t *testing.T) {
	wrong := errors.New("wrong")
	s := message.Source{Answer: message.Answer{Judge: func(_, _ []byte, _ int) error { return wrong }}}
	for _, body := range []string{"something", ""} {
		if err := s.Check(0, 0, 1, []byte(body)); !errors.Is(err, wrong) {
			t.Errorf("Check of %q = %v, want the judge's word", body, err)
		}
	}
}
