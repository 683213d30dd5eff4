package scenario_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoregistry"

	"grpcbench/loadgen/scenario"
)

// What calls sent is made again, without the values of fields that are nobody's to read.
func TestSentWithoutSecrets(t *testing.T) {
	d := find(t, "Search")
	d = scenario.Foreign(d.Descriptor(), protoregistry.GlobalTypes,
		`{"name":"secret ${seq}","age":7,"body":{"name":"n ${now:unix}"}}`)
	sent, err := d.Sent(scenario.Options{Messages: scenario.Own})
	if err != nil {
		t.Fatal(err)
	}
	if !sent.Varies {
		t.Error("it is told to be the same for each call")
	}
	const now = 1_700_000_000_000_000_000
	all, err := sent.JSON(3, 0, now, nil)
	if want := `{"name":"secret 3","age":7,"body":{"name":"n 1700000000"}}`; err != nil || string(all) != want {
		t.Errorf("%s, %v, want %s", all, err, want)
	}
	for hidden, want := range map[string]string{
		"name": `{"name":"***","age":7,"body":{"name":"***"}}`,
		"age":  string(all),
	} {
		got, err := sent.JSON(3, 0, now, func(name string) bool { return name == hidden })
		if err != nil || string(got) != want {
			t.Errorf("without %s: %s, %v, want %s", hidden, got, err, want)
		}
	}
	fixed, err := scenario.Foreign(d.Descriptor(), protoregistry.GlobalTypes, `{"name":"a"}`).Sent(scenario.Options{})
	if err != nil || fixed.Varies {
		t.Errorf("what never changes varies: %v", err)
	}
	if strings.Contains(string(all), "***") {
		t.Error("all of it was hidden")
	}
}
