package message_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"grpcbench/loadgen/message"
	"grpcbench/loadgen/transport"
	"grpcbench/pb/repo"
)

func open(t testing.TB, name, content, order string) *message.Feed {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := message.OpenFeed("row", file, order, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

const people = "first,last,n\njane,doe,1\njohn,smith,2\n\"mary ann\",\"o'\"\"hara\",3\r\n"

func source(t testing.TB, e *message.Slots, desc protoreflect.MessageDescriptor, data, expect string) *message.Source {
	t.Helper()
	programs, err := e.Compile([]byte(data), desc, protoregistry.GlobalTypes)
	if err != nil {
		t.Fatal(err)
	}
	s := &message.Source{}
	for _, p := range programs {
		s.Messages = append(s.Messages, p)
	}
	if expect != "" {
		if s.Expect, err = e.Expect([]byte(expect), desc, protoregistry.GlobalTypes, programs); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// made is the JSON of a message.
func made(t testing.TB, s *message.Source, desc protoreflect.MessageDescriptor, call uint64, i int) string {
	t.Helper()
	body, err := s.Append(nil, call, i)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(desc)
	if err := proto.Unmarshal(body, m); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(protojson.MarshalOptions{}.Format(m), " ", "")
}

// A message without slots is told as always the same, and is what is made of it; one with slots is not.
func TestFixed(t *testing.T) {
	desc := (&repo.RepoCreateRequest{}).ProtoReflect().Descriptor()
	e := &message.Slots{}
	s := source(t, e, desc,
		`[{"context": {"name": "${seq}"}}, {"data": "${seq}"}, {"data": "AAEC"}, {"context": {"name": "x"}}]`, "")
	for i, want := range []bool{false, false, true, true, true} { // the last is sent again and again
		made, err := s.Append(nil, 5, i)
		if err != nil {
			t.Fatal(err)
		}
		if fixed := s.Fixed(i); (fixed != nil) != want || want && !bytes.Equal(fixed, made) {
			t.Errorf("message %d: told as always %q, and %q is made", i, fixed, made)
		}
	}
	if (&message.Source{}).Fixed(0) != nil {
		t.Error("a source without messages has one that is always the same")
	}
}

// What each slot makes.
func TestSlots(t *testing.T) {
	desc := shelf(t)
	e := &message.Slots{
		Seed: 7, Run: 0xabc,
		Feeds: map[string]*message.Feed{
			"row": open(t, "p.csv", people, message.Loop),
			"j": open(t, "j.jsonl", "{\"a\":{\"b\":[5,\"x\"]},\"c\":\"d\"}\n{\"a\":{\"b\":[6]},\"c\":null}\n",
				message.Loop),
		},
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	const call = 3<<48 | 4
	for _, tt := range []struct{ reason, data, want string }{
		{"the call's number", `{"bookId":"${seq}"}`, `{"bookId":"4"}`},
		{"in text", `{"name":"n${seq}"}`, `{"name":"n4"}`},
		{"with zeros", `{"name":"${seq:05}"}`, `{"name":"00004"}`},
		{"in hex, as wide as it is", `{"name":"${int(255,255):x}${int(255,255):06X}"}`, `{"name":"ff0000FF"}`},
		{"in hex, wider than asked", `{"name":"${int(4660,4660):02x}${seq:02X}"}`, `{"name":"123404"}`},
		{"with blanks", `{"name":"${seq:3}"}`, `{"name":"4"}`},
		{"below 0, with zeros", `{"name":"${int(-5,-5):04}"}`, `{"name":"-005"}`},
		{"the message's, the worker's, the shard's", `{"name":"${i},${worker},${shard}"}`, `{"name":"2,3,0"}`},
		{"the request id", `{"name":"${id}"}`, `{"name":"00000abc-0003-000000000004"}`},
		{"a feed's column, in turn", `{"name":"${row.first}.${row.last}"}`, `{"name":"john.smith"}`},
		{"as a number", `{"bookId":"${row.n}"}`, `{"bookId":"2"}`},
		{"a path of JSON lines", `{"name":"${j.a.b.0}","bookId":"${j.a.b.0}"}`, `{"name":"5","bookId":"5"}`},
		{"a file", `{"name":"${file(` + file + `)}"}`, `{"name":"content"}`},
		{"an enum by name", `{"kind":"${pick(ODD)}"}`, `{"kind":"ODD"}`},
		{"a bool", `{"on":"${pick(true)}"}`, `{"on":true}`},
		{"bytes as they are", `{"raw":"a/${seq}"}`, `{"raw":"YS80"}`},
		{
			"of several lists", `{"tags":["a","${seq}","b"],"all":[{"name":"x"},{"name":"${i}"}]}`,
			`{"tags":["a","4","b"],"all":[{"name":"x"},{"name":"2"}]}`,
		},
		{"what stands for a slot's beginning", `{"name":"$${seq}"}`, `{"name":"${seq}"}`},
		{"a fraction", `{"name":"${float(2,2):.2}"}`, `{"name":"2.00"}`},
		{"no letters", `{"name":"<${text(0)}>"}`, `{"name":"<>"}`},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if got := made(t, source(t, e, desc, tt.data, ""), desc, call, 2); got != tt.want {
				t.Errorf("%s is %s, want %s", tt.data, got, tt.want)
			}
		})
	}
}

// The same seed makes the same data, and each call, message, slot and seed other.
func TestValuesAreFunctions(t *testing.T) {
	desc := shelf(t)
	const data = `{"name":"${uuid}-${hex(5)}-${text(3,9)}","bookId":"${int(0,1000000000)}","tags":["${uuid}"]}`
	one := source(t, &message.Slots{Seed: 1}, desc, data, "")
	again := source(t, &message.Slots{Seed: 1}, desc, data, "")
	other := source(t, &message.Slots{Seed: 2}, desc, data, "")
	seen := map[string]bool{}
	for seq := range uint64(300) {
		a := made(t, one, desc, seq, 0)
		if b := made(t, again, desc, 5<<48|seq, 0); a != b {
			t.Fatalf("call %d is %s, and by another worker of another process %s", seq, a, b)
		}
		if c := made(t, other, desc, seq, 0); a == c {
			t.Fatalf("call %d is %s by either seed", seq, a)
		}
		if d := made(t, one, desc, seq, 1); a == d {
			t.Fatalf("message 1 of call %d is as 0: %s", seq, a)
		}
		if seen[a] {
			t.Fatalf("call %d is as an earlier one: %s", seq, a)
		}
		seen[a] = true
	}
	// Two of a kind in one text are two.
	if two := made(t, source(t, &message.Slots{Seed: 1}, desc, `{"name":"${hex(9)}${hex(9)}"}`, ""), desc, 9, 0); two[9:18] ==
		two[18:27] {
		t.Errorf("both slots are the same in %s", two)
	}
	// A slot beside another changes nothing of it.
	small := made(t, source(t, &message.Slots{Seed: 1}, desc, `{"bookId":"${int(0,1000000000)}"}`, ""), desc, 9, 0)
	if large := made(t, one, desc, 9, 0); !strings.Contains(large, strings.Trim(small, "{}")) {
		t.Errorf("%s is not in %s", small, large)
	}
}

// What is wrong with data is told before a run, with where it stands.
func TestSlotsRefuse(t *testing.T) {
	desc := shelf(t)
	e := &message.Slots{Feeds: map[string]*message.Feed{"row": open(t, "p.csv", people, message.Loop)}}
	for _, tt := range []struct {
		reason, data string
		says         []string
	}{
		{"an unknown slot", `{"name":"${sqe}"}`, []string{"$.name", "${sqe}", "unknown slot", "seq", "row.first"}},
		{"an unknown feed", `{"name":"${user.x}"}`, []string{"no feed user", "-feed user=FILE"}},
		{
			"a missing column", `{"of":{"name":"${row.frist}"}}`,
			[]string{"$.of.name", `no column "frist"`, "first, last, n"},
		},
		{"no end", `{"name":"${seq"}`, []string{"$.name", "without its }"}},
		{"text for a number", `{"bookId":"${uuid}"}`, []string{"$.bookId", "${uuid}", "no int64"}},
		{"text beside a number", `{"bookId":"1${seq}"}`, []string{"$.bookId", "one slot and nothing beside it"}},
		{"a number with a format", `{"bookId":"${seq:08}"}`, []string{"$.bookId", "has no format"}},
		{
			"a column that is no number", `{"bookId":"${row.first}"}`,
			[]string{"$.bookId", "p.csv, line 2, first", `"jane"`},
		},
		{"an unknown name of an enum", `{"kind":"${pick(ODD,EVEN)}"}`, []string{"$.kind", `no "EVEN"`}},
		{"a number for a bool", `{"on":"${seq}"}`, []string{"$.on", "no bool"}},
		{"a time for a number", `{"bookId":"${now}"}`, []string{"${now:unix}"}},
		{"bytes for text", `{"name":"${bytes(4)}"}`, []string{"$.name", "not always text"}},
		{"the greater first", `{"bookId":"${int(9,1)}"}`, []string{"the less first"}},
		{"one of two", `{"bookId":"${int(9)}"}`, []string{"want ${int(a,b)}"}},
		{"no number", `{"bookId":"${int(a,b)}"}`, []string{"whole numbers"}},
		{"a length beyond all", `{"name":"${text(99999999999)}"}`, []string{"want a length"}},
		{"a skew of nothing", `{"bookId":"${zipf(10,0)}"}`, []string{"a skew above 0"}},
		{"an unknown format", `{"name":"${seq:q}"}`, []string{`the format "q"`}},
		{"an answer's", `{"name":"${sent}"}`, []string{"of answers alone"}},
		{"a file that is not there", `{"name":"${file(/nosuch)}"}`, []string{"/nosuch"}},
		{"what is wrong beside them", `{"name":"${seq}","of":{"nmae":"a"}}`, []string{"$.of.nmae", "no such field"}},
		{
			"what is wrong beside them, deeper", `{"of":{"name":"${seq}","bookId":"x"}}`,
			[]string{"$.of.bookId", "a number"},
		},
		{"twice", `{"name":"${seq}","name":"a"}`, []string{"duplicate"}},
		{"a slot for a message", `{"of":"${seq}"}`, []string{"$.of", "want an object"}},
		{"a slot for a list", `{"tags":"${seq}"}`, []string{"$.tags", "want an array"}},
		{"in the second message", `{} {"name":"${x}"}`, []string{"message 1", "$.name"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := e.Compile([]byte(tt.data), desc, protoregistry.GlobalTypes)
			if err == nil {
				t.Fatalf("%s compiles", tt.data)
			}
			for _, words := range tt.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%s: it says %q, and nothing of %q", tt.data, err, words)
				}
			}
		})
	}
}

// What holds of an answer, and what it says where it does not.
func TestExpect(t *testing.T) {
	desc := shelf(t)
	e := &message.Slots{Seed: 3, Feeds: map[string]*message.Feed{"row": open(t, "p.csv", people, message.Loop)}}
	const sent = `{"name":"${row.first}","bookId":"${int(1,100)}","tags":["${uuid}","${uuid}"]}`
	for _, tt := range []struct {
		reason, expect, answer string // the answer has slots too: what the request has
		says                   []string
	}{
		{"what is expected", `{"name":"${row.first}"}`, `{"name":"${row.first}","on":true}`, nil},
		{"a random number that the request has", `{"bookId":"${int(1,100)}"}`, `{"bookId":"${int(1,100)}"}`, nil},
		{"within", `{"of":{"name":"${seq}"}}`, `{"of":{"name":"${seq}","on":true}}`, nil},
		{"anything", `{"name":"${any}"}`, `{"name":"x"}`, nil},
		{"nothing", `{"of":null,"name":"a"}`, `{"name":"a"}`, nil},
		{"the default", `{"bookId":0,"on":false,"name":""}`, `{}`, nil},
		{
			"a list", `{"tags":["a","${seq}"],"all":[{"name":"x"}]}`,
			`{"tags":["a","${seq}"],"all":[{"name":"x","on":true}]}`, nil,
		},
		{"how many were sent", `{"bookId":"${sent(10,5)}"}`, `{"bookId":25}`, nil},

		{
			"another text", `{"name":"${row.first}"}`, `{"name":"joan"}`,
			[]string{`$.name: got "joan", want "john"`, "p.csv, line 3"},
		},
		{"no text", `{"name":"a"}`, `{}`, []string{`$.name: got "", want "a"`}},
		{"another number", `{"bookId":"${seq}"}`, `{"bookId":9}`, []string{"$.bookId: got 9, want 4"}},
		{
			"another, within", `{"of":{"of":{"kind":"ODD"}}}`, `{"of":{"of":{}}}`,
			[]string{"$.of.of.kind: got NONE, want ODD"},
		},
		{"nothing within", `{"of":{"name":"a"}}`, `{}`, []string{"$.of: got nothing"}},
		{"nothing at all", `{"name":"${any}"}`, `{}`, []string{"$.name: got nothing, want something"}},
		{"something, where nothing was to be", `{"of":null}`, `{"of":{}}`, []string{"$.of: got {}, want nothing"}},
		{"a longer list", `{"tags":["a"]}`, `{"tags":["a","b"]}`, []string{"$.tags: got 2 elements, want 1"}},
		{
			"another element", `{"all":[{},{"name":"y"}]}`, `{"all":[{},{"name":"z"}]}`,
			[]string{`$.all[1].name: got "z", want "y"`},
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			s := source(t, e, desc, sent, tt.expect)
			answer, err := source(t, e, desc, tt.answer, "").Append(nil, 4, 0)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(tt.answer, "int(1,100)") { // of the request
				if answer, err = s.Append(nil, 4, 0); err != nil {
					t.Fatal(err)
				}
			}
			err = s.Check(4, 0, 3, answer)
			if len(tt.says) == 0 && err != nil {
				t.Errorf("%s does not hold of %s: %v", tt.expect, tt.answer, err)
			}
			for _, words := range tt.says {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("of %s it says %v, and nothing of %q", tt.answer, err, words)
				}
			}
		})
	}
	for _, tt := range []struct{ reason, expect, says string }{
		{"a random value that the request does not have", `{"name":"${hex(4)}"}`, "the request has 0 of it"},
		{"one that it has twice", `{"name":"${uuid}"}`, "the request has 2 of it"},
		{"a time", `{"name":"${now}"}`, "when its request was sent"},
		{"an unknown field", `{"nmae":"a"}`, "$.nmae"},
	} {
		programs, err := e.Compile([]byte(sent), desc, protoregistry.GlobalTypes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Expect([]byte(tt.expect), desc, protoregistry.GlobalTypes, programs); err == nil ||
			!strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want something about %q", tt.reason, err, tt.says)
		}
	}
}

// Garbage is no answer, however much of it is as expected.
func TestExpectRefusesGarbage(t *testing.T) {
	desc := shelf(t)
	s := source(t, &message.Slots{}, desc, `{}`, `{"name":"a"}`)
	right, err := source(t, &message.Slots{}, desc, `{"name":"a"}`, "").Append(nil, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range [][]byte{
		nil, right[:2], append(slices.Clip(right), 0xff),
		append(slices.Clip(right), 0x0a, 1, 'b'),
	} {
		if s.Check(0, 0, 1, body) == nil {
			t.Errorf("%x was taken", body)
		}
	}
	if err := s.Check(0, 0, 1, append([]byte{0x0a, 1, 'b'}, right...)); err != nil {
		t.Errorf("of two the last counts: %v", err)
	}
}

// Rows by their order, and what a file can be.
func TestFeedOrders(t *testing.T) {
	desc := shelf(t)
	const n = 50
	var b strings.Builder
	b.WriteString("\ufeffid\r\n")
	for i := range n {
		b.WriteString(strconv.Itoa(i) + "\r\n")
	}
	for _, order := range message.Orders {
		s := source(t, &message.Slots{Feeds: map[string]*message.Feed{"row": open(t, "f.csv", b.String(), order)}},
			desc, `{"tags":["${row.id}"]}`, "")
		var passes [2][]string
		counts := map[string]int{}
		for seq := range uint64(2 * n) {
			got := made(t, s, desc, seq, 0)
			passes[seq/n] = append(passes[seq/n], got)
			counts[got]++
		}
		inTurn := passes[0][0] == `{"tags":["0"]}` && passes[0][n-1] == `{"tags":["49"]}`
		if inTurn != (order == message.Loop || order == message.Once) {
			t.Errorf("%s: begins with %s and ends with %s", order, passes[0][0], passes[0][n-1])
		}
		for row, k := range counts {
			if order != message.Random && k != 2 {
				t.Errorf("%s: in two passes %s is there %d times", order, row, k)
			}
		}
		if again := strings.Join(passes[0], "") == strings.Join(passes[1], ""); again == (order == message.Random ||
			order == message.Shuffle) {
			t.Errorf("%s: the second pass is as the first: %v", order, again)
		}
	}
}

func TestFeedFiles(t *testing.T) {
	binary := "\x03\x0a\x01a\x00\x03\x0a\x01b"
	for _, tt := range []struct {
		reason, name, content string
		rows                  int
		says                  []string
	}{
		{"CSV", "a.csv", people, 3, nil},
		{"a last line without its end", "a.csv", "x,y\n1,2", 1, nil},
		{"blank lines are no rows", "a.csv", "x,y\n\n1,2\n\n\n3,4\n", 2, nil},
		{"a line's end in quotes", "a.csv", "x,y\n\"a\nb\",2\nc,3\n", 2, nil},
		{"commas in quotes", "a.csv", "x\n\"a,b\"\n", 1, nil},
		{"JSON lines", "a.jsonl", "{\"x\":1}\n\n{\"x\":2}", 2, nil},
		{"messages in their lengths", "a.binpb", binary, 3, nil},
		{"nothing", "a.csv", "", 0, []string{"a.csv", "line 1", "a header"}},
		{"a header alone", "a.csv", "x,y\n", 0, []string{"a.csv", "no rows"}},
		{"too few columns", "a.csv", "x,y\n1,2\n3\n", 0, []string{"line 3", "1 columns, where the header has 2"}},
		{"too many", "a.csv", "x,y\n\"1\",2,3\n", 0, []string{"line 2", "3 columns"}},
		{"a quote without its end", "a.csv", "x,y\n1,2\n\"3,4\n", 0, []string{"line 3", "column 1", "without its end"}},
		{
			"text behind a quote", "a.csv", "x,y\n1,\"2\"3\n", 0,
			[]string{"line 2", "column 2", "behind the closing quote"},
		},
		{"a quote within text", "a.csv", "x,y\na\"b,2\n", 0, []string{"line 2", "column 1", "within text"}},
		{"a column twice", "a.csv", "x,x\n1,2\n", 0, []string{"column 2", `"x" is there twice`}},
		{"no UTF-8", "a.csv", "x\n\xff\n", 0, []string{"no UTF-8"}},
		{"no JSON", "a.jsonl", "{\"x\":1}\n{\"x\":\n", 0, []string{"line 2", "no JSON object"}},
		{"a message beyond the end", "a.binpb", binary + "\x09x", 0, []string{"message 3", "beyond the file's end"}},
		{"a file of another kind", "a.txt", "x", 0, []string{".csv", ".jsonl", ".binpb"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), tt.name)
			if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := message.OpenFeed("row", file, message.Loop, 1)
			if err == nil {
				defer f.Close()
			}
			if len(tt.says) == 0 && (err != nil || f.Rows() != tt.rows) {
				t.Errorf("%v, want %d rows", err, tt.rows)
			}
			for _, words := range tt.says {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("it says %v, and nothing of %q", err, words)
				}
			}
		})
	}
	if _, err := message.OpenFeed("row", "/nosuch.csv", message.Loop, 1); err == nil ||
		!strings.Contains(err.Error(), "/nosuch.csv") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A feed of whole messages is what calls send, without -data.
func TestFeedOfMessages(t *testing.T) {
	desc := shelf(t)
	e := &message.Slots{Feeds: map[string]*message.Feed{"row": open(t, "a.binpb", "\x03\x0a\x01a\x03\x0a\x01b",
		message.Loop)}}
	s := source(t, e, desc, "", "")
	if a, b, c := made(t, s, desc, 0, 0), made(t, s, desc, 1, 0), made(t, s, desc, 2, 0); a != `{"name":"a"}` ||
		b != `{"name":"b"}` || c != a {
		t.Errorf("%s, %s, %s", a, b, c)
	}
}

// Metadata has slots as well.
func TestHeader(t *testing.T) {
	e := &message.Slots{Feeds: map[string]*message.Feed{
		"row": open(t, "p.csv", people, message.Loop),
		"z":   open(t, "z.csv", "a\nzoë\n", message.Loop),
	}}
	h, err := e.Header("authorization", "Bearer ${row.first}-${seq}", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Append([]byte("x"), 2<<48|1); err != nil || string(got) != "xBearer john-1" {
		t.Errorf("%q, %v", got, err)
	}
	for _, tt := range []struct{ reason, key, value, says string }{
		{"an unknown slot", "k", "${x}", "unknown slot"},
		{"a column that no header can have", "k", "${z.a}", "printable ASCII"},
		{"bytes", "k", "${bytes(3)}", "-bin"},
	} {
		if _, err := e.Header(tt.key, tt.value, 0); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want something about %q", tt.reason, err, tt.says)
		}
	}
	if _, err := e.Header("k-bin", "${z.a}${bytes(3)}", 0); err != nil {
		t.Errorf("bytes of a -bin key: %v", err)
	}
}

// benchmarked are six fields, fixed or with four slots.
const (
	fixedData   = `{"name":"00000017","tags":["16f27b64-9d4a-4b5c-8d77-3f1a2b3c4d5e","john"],"bookId":"42","on":true,"of":{"name":"hi"}}`
	slottedData = `{"name":"${seq:08}","tags":["${uuid}","${row.first}"],"bookId":"${int(1,1000)}","on":true,"of":{"name":"hi"}}`
)

// counterData is what the target's own RPCs send.
const counterData = `{"name":"${seq:010x}${i:06x}","of":{"name":"hi"}}`

func BenchmarkAppend(b *testing.B) {
	desc := shelf(b)
	e := &message.Slots{Feeds: map[string]*message.Feed{"row": open(b, "p.csv", people, message.Shuffle)}}
	for name, data := range map[string]string{"fixed": fixedData, "slots": slottedData, "counter": counterData} {
		b.Run("data="+name, func(b *testing.B) {
			s := source(b, e, desc, data, "")
			dst := make([]byte, 0, 1024)
			b.ReportAllocs()
			for seq := uint64(0); b.Loop(); seq++ {
				dst, _ = s.Append(dst[:0], seq, 0)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	desc := shelf(b)
	e := &message.Slots{Feeds: map[string]*message.Feed{"row": open(b, "p.csv", people, message.Shuffle)}}
	const data = `{"name":"${seq:08}","bookId":"${int(1,1000)}","of":{"name":"hi"}}`
	for name, expect := range map[string]string{
		"whole": data,
		"part":  `{"name":"${seq:08}","bookId":"${int(1,1000)}"}`,
	} {
		b.Run("expected="+name, func(b *testing.B) {
			s := source(b, e, desc, data, expect)
			answer, _ := s.Append(nil, 5, 0)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Check(5, 0, 1, answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Fields are sent by their numbers, wherever the slots stand: as protobuf-go sends them, so that an answer in that
// order can be compared as it is.
func TestFieldsAreInOrder(t *testing.T) {
	desc := shelf(t)
	for _, data := range []string{
		`{"name":"${seq}","bookId":"7","on":true}`,
		`{"on":true,"name":"n","bookId":"${seq}","tags":["b","${i}"],"of":{"on":true,"name":"${seq}"}}`,
		`{"all":[{"on":true,"name":"${seq}"},{"name":"m"}],"kind":"ODD","raw":"YQ=="}`,
		`{"name":"${text(0)}","bookId":"${int(0,0)}","raw":"${bytes(0)}"}`, // defaults, which are not sent
		`{"name":"${text(0)}${hex(0)}","of":{"name":"${text(0)}"},"tags":["${text(0)}"]}`,
	} {
		got, err := source(t, &message.Slots{}, desc, data, "").Append(nil, 5, 0)
		if err != nil {
			t.Fatal(err)
		}
		m := dynamicpb.NewMessage(desc)
		if err := proto.Unmarshal(got, m); err != nil {
			t.Fatal(err)
		}
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", data, got, want)
		}
	}
}

// A length stands before its text, however much of that is literal.
func TestLengths(t *testing.T) {
	desc := shelf(t)
	for _, literal := range []int{1, 126, 127, 128, 253, 254, 255, 256, 16_383, 16_384} {
		for _, random := range []int{1, 127, 128, 20_000} {
			data := fmt.Sprintf(`{"name":"%s${text(%d)}"}`, strings.Repeat("x", literal), random)
			body, err := source(t, &message.Slots{}, desc, data, "").Append([]byte("before"), 5, 0)
			if err != nil {
				t.Fatal(err)
			}
			m := dynamicpb.NewMessage(desc)
			if err := proto.Unmarshal(body[len("before"):], m); err != nil {
				t.Fatalf("%d and %d: %v", literal, random, err)
			}
			if got := len(m.Get(desc.Fields().ByName("name")).String()); got != literal+random {
				t.Errorf("%d and %d: a text of %d", literal, random, got)
			}
		}
	}
}

// An answer that is all that is expected is held by its bytes alone, one with more, or in another order, by its fields:
// whichever came before, the right ones pass and the wrong ones do not.
func TestCheckOfWholeAndOfMore(t *testing.T) {
	desc := shelf(t)
	e := &message.Slots{}
	const expect = `{"name":"n${seq}","tags":["a","${i}"],"bookId":"7"}`
	made := func(data string) []byte {
		b, err := source(t, e, desc, data, "").Append(nil, 5, 0)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	name, rest := made(`{"name":"n5"}`), made(`{"tags":["a","0"],"bookId":"7"}`)
	answers := []struct {
		why    string
		answer []byte
		good   bool
	}{
		{"all that is expected", made(expect), true},
		{"another name", made(`{"name":"n6","tags":["a","0"],"bookId":"7"}`), false},
		{"a field less", made(`{"name":"n5","tags":["a","0"]}`), false},
		{"an element more", made(`{"name":"n5","tags":["a","0","b"],"bookId":"7"}`), false},
		{"nothing", nil, false},
		{"another order", slices.Concat(rest, name), true},
		{"a field more", made(`{"name":"n5","tags":["a","0"],"bookId":"7","on":true}`), true},
		{"a field more and a wrong one", made(`{"name":"n5","tags":["a","1"],"bookId":"7","on":true}`), false},
	}
	for first := range answers {
		s := source(t, e, desc, `{}`, expect)
		for i := range answers {
			a := answers[(first+i)%len(answers)]
			if err := s.Check(5, 0, 1, a.answer); (err == nil) != a.good {
				t.Errorf("%s: %v, after %q as the first", a.why, err, answers[first].why)
			}
		}
	}
}

// Neither what is sent nor what is expected costs an allocation a call.
func TestNothingIsAllocated(t *testing.T) {
	desc := shelf(t)
	e := &message.Slots{Feeds: map[string]*message.Feed{
		"row": open(t, "p.csv", people, message.Shuffle),
		"j":   open(t, "j.jsonl", `{"a":{"b":5}}`, message.Random),
	}}
	s := source(t, e, desc, `{"name":"${row.first}-${uuid}-${hex(9)}-${text(1,9)}-${id}-${pick(a,b)}-${j.a.b}","bookId":"${row.n}","tags":["${zipf(100,1.1)}"],"kind":"ODD"}`,
		`{"name":"${row.first}","bookId":"${row.n}","kind":"ODD"}`)
	plain := source(t, e, desc, `{"name":"${row.first}","bookId":"${row.n}","kind":"ODD","on":true}`, "")
	whole := source(t, e, desc, `{"name":"${row.first}"}`, `{"name":"${row.first}"}`)
	dst := make([]byte, 0, 1024)
	seq := uint64(0)
	if n := testing.AllocsPerRun(500, func() { dst, _ = s.Append(dst[:0], seq, 0); seq++ }); n > 0 {
		t.Errorf("%v allocations a message", n)
	}
	for _, data := range []string{
		`{"name":"${seq:08} ${uuid}","bookId":"${int(1,90)}"}`, `{"bookId":"${int(1,90)}"}`, `{"name":"${seq:03x}"}`,
	} {
		short := source(t, e, desc, data, "")
		made, _ := short.Append(nil, 7, 0)
		room := make([]byte, 0, len(made)+transport.Slack)
		if n := testing.AllocsPerRun(500, func() { _, _ = short.Append(room, 7, 0) }); n > 0 {
			t.Errorf("%s: %v allocations, though there is room", data, n)
		}
	}
	for why, of := range map[string]struct{ asks, answers *message.Source }{
		"part":  {s, plain},
		"whole": {whole, whole},
	} {
		answer, _ := of.answers.Append(nil, 7, 0)
		if n := testing.AllocsPerRun(500, func() {
			if err := of.asks.Check(7, 0, 1, answer); err != nil {
				t.Error(err)
			}
		}); n > 0 {
			t.Errorf("%v allocations an answer of which %s is expected", n, why)
		}
	}
}
