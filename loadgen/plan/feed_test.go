package plan_test

import (
	"testing"

	"grpcbench/loadgen/plan"
)

func TestParseFeed(t *testing.T) {
	for _, tt := range []struct {
		reason, text string
		want         plan.Feed
	}{
		{"a file alone", "users.csv", plan.Feed{Name: "row", File: "users.csv", Order: "loop"}},
		{"an order", "users.csv,shuffle", plan.Feed{Name: "row", File: "users.csv", Order: "shuffle"}},
		{"a name", "user=users.csv", plan.Feed{Name: "user", File: "users.csv", Order: "loop"}},
		{
			"a name and an order", "user=data/users.csv,once",
			plan.Feed{Name: "user", File: "data/users.csv", Order: "once"},
		},
		{"a path with =", "data/a=b.csv", plan.Feed{Name: "row", File: "data/a=b.csv", Order: "loop"}},
		{"a file with = in its name, as a path", "./a=b.csv", plan.Feed{Name: "row", File: "./a=b.csv", Order: "loop"}},
		{
			"a comma in the file's name: the last begins the order", "a,b.csv,loop",
			plan.Feed{Name: "row", File: "a,b.csv", Order: "loop"},
		},
	} {
		if got := plan.ParseFeed(tt.text); got != tt.want {
			t.Errorf("%s: %s is %+v, want %+v", tt.reason, tt.text, got, tt.want)
		}
	}
}

func TestOnce(t *testing.T) {
	if (plan.Plan{Feeds: []string{"a.csv", "b=b.csv,random"}}).EndsWithFeed() {
		t.Error("no feed is gone through once, and the run is said to end with one")
	}
	if !(plan.Plan{Feeds: []string{"a.csv", "b=b.csv,once"}}).EndsWithFeed() {
		t.Error("the run is not said to end with the feed that is gone through once")
	}
}

func TestSecret(t *testing.T) {
	for _, tt := range []struct {
		reason, key string
		want        bool
	}{
		{"a header", "authorization", true},
		{"behind a prefix", "x-api-key", true},
		{"a field", "user.password", true},
		{"with underscores", "client_secret", true},
		{"bytes", "trace-bin", true},
		{"a word in another word", "keyboard", false},
		{"the word in front", "key-id", false},
		{"none", "x-tenant", false},
		{"empty", "", false},
	} {
		if got := plan.IsSecret(tt.key); got != tt.want {
			t.Errorf("%s: %q is secret: %v, want %v", tt.reason, tt.key, got, tt.want)
		}
	}
}
