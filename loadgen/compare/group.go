package compare

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"grpcbench/loadgen/result"
)

// group are runs that were made alike, so that they are repetitions of each other.
type group struct {
	name string
	runs []*result.Document
}

// groups puts runs together by what they do, in the order of their first.
func groups(runs []*result.Document) (all []group) {
	for _, d := range runs {
		name := d.Load()
		i := 0
		for i < len(all) && all[i].name != name {
			i++
		}
		if i == len(all) {
			all = append(all, group{name: name})
		}
		all[i].runs = append(all[i].runs, d)
	}
	return all
}

func names(all []group) string {
	list := make([]string, len(all))
	for i, g := range all {
		list[i] = g.name
	}
	return strings.Join(list, "; ")
}

// notCompared are settings that say where a run's files went, and what was asked of it.
var notCompared = []string{"command", "shard", "abort_on", "out", "name", "format", "quiet", "slo", "metrics", "otlp"}

// differences names what other runs do not share with the first, with the first value that is another.
func differences(first *result.Document, others []*result.Document) (all []string) {
	told := map[string]bool{}
	tell := func(name string, was, is any) {
		if reflect.DeepEqual(was, is) || told[name] {
			return
		}
		told[name] = true
		if name == "metadata" || name == "tls" { // which may be secret, or long
			all = append(all, name)
			return
		}
		all = append(all, fmt.Sprintf("%s: %s and %s", name, text(was), text(is)))
	}
	fields := func(was, is reflect.Value) {
		for i := range was.NumField() {
			name, _, _ := strings.Cut(was.Type().Field(i).Tag.Get("json"), ",")
			if !slices.Contains(notCompared, name) {
				tell(strings.TrimSuffix(name, "_ns"), was.Field(i).Interface(), is.Field(i).Interface())
			}
		}
	}
	for _, d := range others {
		fields(reflect.ValueOf(first.Plan), reflect.ValueOf(d.Plan))
		fields(reflect.ValueOf(first.Environment), reflect.ValueOf(d.Environment))
	}
	return all
}

// text writes a setting; one that is not there as "none".
func text(v any) string {
	if list, ok := v.([]string); ok {
		v = strings.Join(list, " ")
	}
	if s := fmt.Sprint(v); s != "" {
		return s
	}
	return "none"
}
