package compare

import (
	"fmt"
	"reflect"
	"strings"

	"grpcbench/loadgen/plan"
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
		name := d.Plan.Load()
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

// where a run's files went is no difference.
var notCompared = map[string]bool{"out": true, "name": true, "format": true, "quiet": true, "slo": true}

// differences names the settings that two plans do not share, with their values.
func differences(a, b plan.Plan) (all []string) {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
		if v, w := x.Field(i).Interface(), y.Field(i).Interface(); !notCompared[name] && !reflect.DeepEqual(v, w) {
			all = append(all, fmt.Sprintf("%s: %v, then %v", strings.TrimSuffix(name, "_ns"), v, w))
		}
	}
	return all
}
